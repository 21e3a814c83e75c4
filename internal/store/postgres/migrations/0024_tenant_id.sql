-- The id by which callers name a tenant, the host names that are its own, and
-- keys that were issued elsewhere.

ALTER TABLE tenant ADD COLUMN public_id TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE tenant SET public_id = replace(gen_random_uuid()::text, '-', '');
CREATE UNIQUE INDEX tenant_public_id ON tenant (public_id);
ALTER TABLE tenant ADD COLUMN hosts TEXT COLLATE "C" NOT NULL DEFAULT ''; -- lower case, with commas between
ALTER TABLE signing_key ADD COLUMN imported BOOLEAN NOT NULL DEFAULT FALSE;
