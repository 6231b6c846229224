-- What only grows: the owner itself may add to the events and the invoices and read them, and nothing else. A role that
-- may do everything (a superuser) is kept from it by the triggers alone.
REVOKE UPDATE, DELETE, TRUNCATE ON order_events, invoices FROM CURRENT_USER;
