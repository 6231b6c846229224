-- The role in which the writer's transactions run: it may add to the book and never change it. Migrations run as the
-- owner. Where the owner may not make roles (a rented database), the triggers of 0001 and 0002 alone refuse.
DO $$
DECLARE
  book text;
BEGIN
  BEGIN
    -- Roles belong to the whole server: another database's migration may make it at the same moment.
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'suuupra_ledger_writer') THEN
      CREATE ROLE suuupra_ledger_writer NOLOGIN NOINHERIT;
    END IF;
    IF NOT pg_has_role(current_user, 'suuupra_ledger_writer', 'MEMBER') THEN
      EXECUTE format('GRANT suuupra_ledger_writer TO %I', current_user);
    END IF;
  EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN RETURN;
  END;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO suuupra_ledger_writer', current_schema());
  FOREACH book IN ARRAY ARRAY['batches', 'journals', 'transfers', 'holds', 'rejections', 'total_snapshots', 'accounts'] LOOP
    EXECUTE format('GRANT SELECT, INSERT ON %I TO suuupra_ledger_writer', book);
  END LOOP;
  GRANT SELECT, INSERT, UPDATE ON account_totals, sold_lines TO suuupra_ledger_writer;
  GRANT SELECT, INSERT, DELETE ON open_holds TO suuupra_ledger_writer;
  GRANT SELECT, UPDATE ON ledger_writer TO suuupra_ledger_writer;
  IF to_regclass('outbox') IS NOT NULL THEN
    GRANT SELECT, INSERT ON outbox TO suuupra_ledger_writer;
  END IF;
END
$$;
