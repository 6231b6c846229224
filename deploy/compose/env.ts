/** What stands in .env beside engines.yaml: passwords made by chance, and the platform's settings that hold them. */
import { randomBytes } from 'node:crypto';

/** The variables that engines.yaml wants and gives no default. */
export const secrets = [
  'POSTGRES_PASSWORD',
  'MARIADB_PASSWORD',
  'MONGODB_PASSWORD',
  'MONGODB_KEY',
  'KAFKA_CLUSTER_ID',
  'REDIS_PASSWORD',
  'OPENSEARCH_PASSWORD',
  'S3_KEY',
  'S3_SECRET',
  'GRAFANA_PASSWORD',
] as const;

type Secrets = Readonly<Record<(typeof secrets)[number], string>>;

/** The lines of a new file. */
export function newEnvironment(): string {
  const made = Object.fromEntries(secrets.map((name) => [name, secret(name)])) as Secrets;
  const lines = Object.entries({ ...made, ...settingsFor(made) });
  return lines.map(([name, value]) => `${name}=${value}\n`).join('');
}

/** Letters and digits only: they stand in addresses. */
function secret(name: string): string {
  if (name === 'KAFKA_CLUSTER_ID') return randomBytes(16).toString('base64url');
  const chance = randomBytes(24).toString('hex');
  // OpenSearch asks for each kind of character; the dash needs no escaping in an address.
  return name === 'OPENSEARCH_PASSWORD' ? `Aa1-${chance}` : chance;
}

/** For the ports that engines.yaml takes when none is given. */
export function settingsFor(made: Secrets): Record<string, string> {
  return {
    SUUUPRA_POSTGRES_URL: `postgres://suuupra:${made.POSTGRES_PASSWORD}@127.0.0.1:5432/postgres`,
    SUUUPRA_MYSQL_URL: `mariadb://root:${made.MARIADB_PASSWORD}@127.0.0.1:3306/mysql`,
    SUUUPRA_MONGODB_URL: `mongodb://suuupra:${made.MONGODB_PASSWORD}@127.0.0.1:27017/?authSource=admin&replicaSet=suuupra`,
    SUUUPRA_KAFKA_URL: 'kafka://127.0.0.1:9092',
    SUUUPRA_REDIS_URL: `redis://:${made.REDIS_PASSWORD}@127.0.0.1:6379`,
    SUUUPRA_OPENSEARCH_URL: `https://admin:${made.OPENSEARCH_PASSWORD}@127.0.0.1:9200`,
    SUUUPRA_S3_URL: `s3+http://${made.S3_KEY}:${made.S3_SECRET}@127.0.0.1:9000/suuupra?region=us-east-1`,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
  };
}
