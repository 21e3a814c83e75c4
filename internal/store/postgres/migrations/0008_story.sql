-- What became of a message, in one column of its own row; what apps are told;
-- the texts that subscribers send.

-- Compact (package outbox, history.go): written with the row's own changes.
ALTER TABLE message ADD COLUMN history BYTEA;
-- The app is told what becomes of the message.
ALTER TABLE message ADD COLUMN report BOOLEAN NOT NULL DEFAULT FALSE;

-- One thing that an app is told (package callback): by a call to its URL, or
-- when it asks. Inserted with what it tells of.
CREATE TABLE event (
  id       BIGINT PRIMARY KEY,
  app      BIGINT NOT NULL,
  kind     BIGINT NOT NULL, -- 1 receipt, 2 reply, 3 template, 4 signature
  ref      BIGINT NOT NULL, -- the message, reply, template or signature
  status   BIGINT NOT NULL,
  at       BIGINT NOT NULL, -- when it happened
  note     TEXT COLLATE "C" NOT NULL,
  state    BIGINT NOT NULL DEFAULT 0, -- 0 waits, 1 told, 2 given up
  attempts BIGINT NOT NULL DEFAULT 0, -- calls that failed
  result   TEXT COLLATE "C" NOT NULL DEFAULT '',   -- how the last call ended
  updated  BIGINT NOT NULL DEFAULT 0, -- when that was
  due      BIGINT                     -- when it may be tried (again); NULL: never
);
CREATE INDEX event_due ON event (app, due) WHERE due IS NOT NULL;

-- A text that a subscriber sent. phone and text are sealed.
CREATE TABLE reply (
  id         BIGINT PRIMARY KEY,
  app        BIGINT NOT NULL, -- 0: of no app
  message    BIGINT NOT NULL, -- what it answers, if that was found
  provider   TEXT COLLATE "C" NOT NULL,
  carrier_id BYTEA,             -- the carrier's id of it; NULL: it gave none
  recipient  TEXT COLLATE "C" NOT NULL,    -- the number or short code it was sent to
  idx_a      BYTEA,
  idx_b      BYTEA,
  phone      BYTEA NOT NULL,
  text       BYTEA NOT NULL,
  opt_out    BOOLEAN NOT NULL, -- its text asks for no more
  at         BIGINT NOT NULL
);
CREATE UNIQUE INDEX reply_carrier ON reply (provider, carrier_id) WHERE carrier_id IS NOT NULL;
CREATE INDEX reply_a ON reply (idx_a) WHERE idx_a IS NOT NULL;
CREATE INDEX reply_b ON reply (idx_b) WHERE idx_b IS NOT NULL;
