-- Keys that callers sign with: the server needs them in the clear, so they are
-- sealed. And what an account may not do.

ALTER TABLE app ADD COLUMN secrets BYTEA;
ALTER TABLE tenant ADD COLUMN disabled BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE tenant ADD COLUMN denied TEXT COLLATE "C" NOT NULL DEFAULT ''; -- products, with commas between
