-- The id by which callers name a tenant, the host names that are its own, and
-- keys that were issued elsewhere.

ALTER TABLE tenant ADD COLUMN public_id TEXT NOT NULL DEFAULT '';
UPDATE tenant SET public_id = lower(hex(randomblob(16)));
CREATE UNIQUE INDEX tenant_public_id ON tenant (public_id);
ALTER TABLE tenant ADD COLUMN hosts TEXT NOT NULL DEFAULT ''; -- lower case, with commas between
ALTER TABLE signing_key ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;
