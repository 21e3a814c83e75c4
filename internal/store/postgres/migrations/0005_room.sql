-- Only SQLite's rows need room to grow; here it stays NULL.
ALTER TABLE verification ADD COLUMN room BYTEA;
ALTER TABLE message ADD COLUMN room BYTEA;
-- Here it is pages that have room, for the next version of each of their rows:
-- an update that changes no indexed column then stays in its page, and needs no
-- new entry in any index.
ALTER TABLE message SET (fillfactor = 50);
ALTER TABLE verification SET (fillfactor = 50);
ALTER TABLE users SET (fillfactor = 90);
