-- Only SQLite's rows need room to grow; here it stays NULL.
ALTER TABLE verification ADD COLUMN room BYTEA;
ALTER TABLE message ADD COLUMN room BYTEA;
