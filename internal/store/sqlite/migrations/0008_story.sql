-- What became of a message, in one column of its own row; what apps are told;
-- the texts that subscribers send.

-- Compact (package outbox, history.go): written with the row's own changes.
ALTER TABLE message ADD COLUMN history BLOB;
-- The app is told what becomes of the message.
ALTER TABLE message ADD COLUMN report INTEGER NOT NULL DEFAULT 0;

-- One thing that an app is told (package callback): by a call to its URL, or
-- when it asks. Inserted with what it tells of.
CREATE TABLE event (
  id       INTEGER PRIMARY KEY,
  app      INTEGER NOT NULL,
  kind     INTEGER NOT NULL, -- 1 receipt, 2 reply, 3 template, 4 signature
  ref      INTEGER NOT NULL, -- the message, reply, template or signature
  status   INTEGER NOT NULL,
  at       INTEGER NOT NULL, -- when it happened
  note     TEXT NOT NULL,
  state    INTEGER NOT NULL DEFAULT 0, -- 0 waits, 1 told, 2 given up
  attempts INTEGER NOT NULL DEFAULT 0, -- calls that failed
  result   TEXT NOT NULL DEFAULT '',   -- how the last call ended
  updated  INTEGER NOT NULL DEFAULT 0, -- when that was
  due      INTEGER                     -- when it may be tried (again); NULL: never
);
CREATE INDEX event_due ON event (app, due) WHERE due IS NOT NULL;

-- A text that a subscriber sent. phone and text are sealed.
CREATE TABLE reply (
  id         INTEGER PRIMARY KEY,
  app        INTEGER NOT NULL, -- 0: of no app
  message    INTEGER NOT NULL, -- what it answers, if that was found
  provider   TEXT NOT NULL,
  carrier_id BLOB,             -- the carrier's id of it; NULL: it gave none
  recipient  TEXT NOT NULL,    -- the number or short code it was sent to
  idx_a      BLOB,
  idx_b      BLOB,
  phone      BLOB NOT NULL,
  text       BLOB NOT NULL,
  opt_out    INTEGER NOT NULL, -- its text asks for no more
  at         INTEGER NOT NULL
);
CREATE UNIQUE INDEX reply_carrier ON reply (provider, carrier_id) WHERE carrier_id IS NOT NULL;
CREATE INDEX reply_a ON reply (idx_a) WHERE idx_a IS NOT NULL;
CREATE INDEX reply_b ON reply (idx_b) WHERE idx_b IS NOT NULL;
