-- What a name is searched by: normalised and in lower case, the same on every server whatever its locale.
ALTER TABLE users ADD COLUMN name_key text NOT NULL DEFAULT '';
UPDATE users SET name_key = lower(display_name);
-- When the owner was last told that somebody tried to sign up with their address.
ALTER TABLE users ADD COLUMN sign_up_noted_at timestamptz;
