-- Settlement reports that providers have made, in the order in which we learnt of them.
CREATE TABLE IF NOT EXISTS provider_reports (
  position bigint AUTO_INCREMENT PRIMARY KEY,
  provider varchar(100) NOT NULL,
  name varchar(300) NOT NULL,
  format varchar(100) NOT NULL,
  size_bytes bigint NOT NULL,
  made_at datetime(3) NOT NULL,
  UNIQUE KEY provider_reports_name (provider, name)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
