-- Access by something else than one's own order line: then line_id is the entitlement's id.
-- Of a grant: gift, seat, subscription, cohort. Of an end: why. Empty for order lines and their refunds.
ALTER TABLE access_facts ADD COLUMN source text NOT NULL DEFAULT '';
