-- A book of the first release (migration 0001, batches of format 1), as that release's own code wrote it: sales of three
-- instructors in two currencies, a refund in part, a dispute, a late payment that went back, two snapshots.

INSERT INTO accounts (id, code, currency, name, type, normal_side) OVERRIDING SYSTEM VALUE VALUES
  (1, '1100', 'INR', 'Receivable from payment provider', 'asset', 'debit'),
  (2, '2100', 'INR', 'GST payable', 'liability', 'credit'),
  (3, '4100', 'INR', 'Platform fee revenue', 'revenue', 'credit'),
  (4, '2200:usr_a', 'INR', 'Payable to instructor', 'liability', 'credit'),
  (5, '2200:usr_b', 'INR', 'Payable to instructor', 'liability', 'credit'),
  (6, '1150', 'INR', 'Disputed funds held by provider', 'asset', 'debit'),
  (7, '1100', 'USD', 'Receivable from payment provider', 'asset', 'debit'),
  (8, '2100', 'USD', 'GST payable', 'liability', 'credit'),
  (9, '4100', 'USD', 'Platform fee revenue', 'revenue', 'credit'),
  (10, '2200:usr_b', 'USD', 'Payable to instructor', 'liability', 'credit'),
  (11, '2300', 'INR', 'Refunds payable', 'liability', 'credit'),
  (12, '2200:usr_c', 'INR', 'Payable to instructor', 'liability', 'credit');

INSERT INTO account_totals (account_id, debit_minor, credit_minor) VALUES
  (1, 200300, 110500),
  (2, 1525, 30448),
  (3, 1695, 33832),
  (4, 6780, 67660),
  (5, 0, 33830),
  (6, 99800, 0),
  (7, 49900, 0),
  (8, 0, 7612),
  (9, 0, 8458),
  (10, 0, 33830),
  (11, 700, 700),
  (12, 0, 33830);

INSERT INTO batches (sequence, epoch, recorded_at_us, first_journal, last_journal, hash) VALUES
  (1, 1, 1767225660000000, 1, 2, '\x686f068899b8a60a4243d50b03c8dac012bdf76b4bb1ff949d704b267d2301e3'),
  (2, 1, 1767225720000000, 3, 3, '\x460d2541a83bce8b11600934fb8e5137320633842bcd28e531f12ebf0706f764'),
  (3, 1, 1767225780000000, 4, 6, '\x7c53a0e66cd202eb7112f5b3ada9e76ec8597e458f47378317aea77e439cd97b'),
  (4, 1, 1767225840000000, 7, 8, '\xdd062cb742ce3aac5f9324beced09b0e7a174d1e9fc9fc0023bd422a3526d67c');

INSERT INTO journals (sequence, id, batch_sequence, kind, cause, reference, description, currency, effective_at_us, recorded_at_us) VALUES
  (1, 'jnl_xdmqn3a6p4ztn9f1tzk5deykgh', 1, 'order_paid', 'payment:pay_1', 'order:ord_1', 'Order S-1 paid through sandbox', 'INR', 1767225599000000, 1767225660000000),
  (2, 'jnl_jacwtre1zmrjryhcpnk4erkrbt', 1, 'order_paid', 'payment:pay_2', 'order:ord_2', 'Order S-2 paid through sandbox', 'INR', 1767225599000000, 1767225660000000),
  (3, 'jnl_5pqcj9j9xqqdtegxv47jbz8g4k', 2, 'order_refunded', 'refund:rfd_1', 'order:ord_1', 'Refund of order S-1 through sandbox', 'INR', 1767225600000000, 1767225720000000),
  (4, 'jnl_2atkcj08bj6p7pwxfpztzke1fe', 3, 'dispute_opened', 'dispute:dsp_1', 'order:ord_2', 'dispute_opened', 'INR', 1767225600000000, 1767225780000000),
  (5, 'jnl_8t7x4v04kmw1ar7x835e17cq8a', 3, 'order_paid', 'payment:pay_4', 'order:ord_4', 'Order S-4 paid through sandbox', 'USD', 1767225599000000, 1767225780000000),
  (6, 'jnl_mvnvj9pf8hd7xkt1pqdmh799qn', 3, 'late_payment_received', 'payment:pay_9', 'order:ord_9', 'late_payment_received', 'INR', 1767225600000000, 1767225780000000),
  (7, 'jnl_zt4kd8rpymj0qpjz4g1r25k7pt', 4, 'late_payment_returned', 'payment:pay_9', 'order:ord_9', 'late_payment_returned', 'INR', 1767225600000000, 1767225840000000),
  (8, 'jnl_r6qnsbhy3sn7qr3fpz3j3527z0', 4, 'order_paid', 'payment:pay_6', 'order:ord_6', 'Order S-6 paid through sandbox', 'INR', 1767225599000000, 1767225840000000);

INSERT INTO transfers (journal_sequence, position, debit_account_id, credit_account_id, amount_minor, currency) VALUES
  (1, 1, 1, 2, 7612, 'INR'),
  (1, 2, 1, 3, 8458, 'INR'),
  (1, 3, 1, 4, 33830, 'INR'),
  (2, 1, 1, 2, 7612, 'INR'),
  (2, 2, 1, 3, 8458, 'INR'),
  (2, 3, 1, 4, 33830, 'INR'),
  (2, 4, 1, 2, 7612, 'INR'),
  (2, 5, 1, 3, 8458, 'INR'),
  (2, 6, 1, 5, 33830, 'INR'),
  (3, 1, 2, 1, 1525, 'INR'),
  (3, 2, 3, 1, 1695, 'INR'),
  (3, 3, 4, 1, 6780, 'INR'),
  (4, 1, 6, 1, 99800, 'INR'),
  (5, 1, 7, 8, 7612, 'USD'),
  (5, 2, 7, 9, 8458, 'USD'),
  (5, 3, 7, 10, 33830, 'USD'),
  (6, 1, 1, 11, 700, 'INR'),
  (7, 1, 11, 1, 700, 'INR'),
  (8, 1, 1, 2, 7612, 'INR'),
  (8, 2, 1, 3, 8458, 'INR'),
  (8, 3, 1, 12, 33830, 'INR');

INSERT INTO total_snapshots (journal_sequence, account_id, debit_minor, credit_minor) VALUES
  (6, 1, 150400, 109800),
  (6, 2, 1525, 22836),
  (6, 3, 1695, 25374),
  (6, 4, 6780, 67660),
  (6, 5, 0, 33830),
  (6, 6, 99800, 0),
  (6, 7, 49900, 0),
  (6, 8, 0, 7612),
  (6, 9, 0, 8458),
  (6, 10, 0, 33830),
  (6, 11, 0, 700),
  (8, 1, 200300, 110500),
  (8, 2, 1525, 30448),
  (8, 3, 1695, 33832),
  (8, 4, 6780, 67660),
  (8, 5, 0, 33830),
  (8, 6, 99800, 0),
  (8, 7, 49900, 0),
  (8, 8, 0, 7612),
  (8, 9, 0, 8458),
  (8, 10, 0, 33830),
  (8, 11, 700, 700),
  (8, 12, 0, 33830);

INSERT INTO sold_lines (line_id, order_id, course_id, course_title, instructor_id, currency, sold_by, sold_at_us, gross_minor, tax_minor, net_minor, fee_minor, share_minor, refunded_tax_minor, refunded_net_minor, refunded_fee_minor, refunded_share_minor) VALUES
  ('line_1', 'ord_1', 'crs_1', 'Course 1', 'usr_a', 'INR', 1, 1767225599000000, 49900, 7612, 42288, 8458, 33830, 1525, 8475, 1695, 6780),
  ('line_2', 'ord_2', 'crs_2', 'The ledger''s "first" book', 'usr_a', 'INR', 2, 1767225599000000, 49900, 7612, 42288, 8458, 33830, 0, 0, 0, 0),
  ('line_3', 'ord_2', 'crs_3', 'Course 3', 'usr_b', 'INR', 2, 1767225599000000, 49900, 7612, 42288, 8458, 33830, 0, 0, 0, 0),
  ('line_5', 'ord_4', 'crs_5', 'Course 5', 'usr_b', 'USD', 5, 1767225599000000, 49900, 7612, 42288, 8458, 33830, 0, 0, 0, 0),
  ('line_6', 'ord_6', 'crs_6', 'Course 6', 'usr_c', 'INR', 8, 1767225599000000, 49900, 7612, 42288, 8458, 33830, 0, 0, 0, 0);

SELECT setval(pg_get_serial_sequence('accounts', 'id'), (SELECT max(id) FROM accounts));

UPDATE ledger_writer SET epoch = 1, batch_sequence = 4, journal_sequence = 8, recorded_at_us = 1767225840000000,
  hash = '\xdd062cb742ce3aac5f9324beced09b0e7a174d1e9fc9fc0023bd422a3526d67c';
