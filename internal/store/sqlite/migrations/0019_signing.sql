-- Keys that callers sign with: the server needs them in the clear, so they are
-- sealed. And what an account may not do.

ALTER TABLE app ADD COLUMN secrets BLOB;
ALTER TABLE tenant ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tenant ADD COLUMN denied TEXT NOT NULL DEFAULT ''; -- products, with commas between
