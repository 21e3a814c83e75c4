-- The rows that batches work on (store/rows.go) and the base of records.
--
-- Rules of every migration: `id INTEGER PRIMARY KEY` in time order; no index on
-- random keys that can be avoided; instants are nanoseconds since 1970 in UTC
-- (0 = not set); a side of a blind index that is not computed is NULL. There are
-- no foreign keys: a batch writes rows in the order of their kinds.

CREATE TABLE verification (
  id          INTEGER PRIMARY KEY,
  tenant      INTEGER NOT NULL,
  app         INTEGER NOT NULL,
  purpose     INTEGER NOT NULL,
  channel     INTEGER NOT NULL,
  state       INTEGER NOT NULL,
  wrong       INTEGER NOT NULL,
  idx_a       BLOB,
  idx_b       BLOB,
  expires     INTEGER NOT NULL,
  code_key    INTEGER NOT NULL,
  code_salt   BLOB NOT NULL,
  code_mac    BLOB NOT NULL,
  message     INTEGER NOT NULL,
  claim       INTEGER NOT NULL,
  claim_until INTEGER NOT NULL,
  held        INTEGER NOT NULL,
  tenant_pays INTEGER NOT NULL
);
-- Live codes only (pending, claimed): the indexes stay as small as the present.
CREATE INDEX verification_live_a ON verification (app, purpose, idx_a) WHERE state IN (0, 1) AND idx_a IS NOT NULL;
CREATE INDEX verification_live_b ON verification (app, purpose, idx_b) WHERE state IN (0, 1) AND idx_b IS NOT NULL;
CREATE INDEX verification_claimed ON verification (claim_until) WHERE state = 1;

CREATE TABLE failure (
  id           INTEGER PRIMARY KEY,
  tenant       INTEGER NOT NULL,
  app          INTEGER NOT NULL,
  purpose      INTEGER NOT NULL,
  idx_a        BLOB,
  idx_b        BLOB,
  scope        INTEGER NOT NULL,
  phone        BLOB,
  recent       INTEGER NOT NULL,
  consecutive  INTEGER NOT NULL,
  total        INTEGER NOT NULL,
  last_wrong   INTEGER NOT NULL,
  locked_until INTEGER NOT NULL,
  disabled     INTEGER NOT NULL
);
CREATE UNIQUE INDEX failure_a ON failure (app, purpose, idx_a, scope) WHERE idx_a IS NOT NULL;
CREATE UNIQUE INDEX failure_b ON failure (app, purpose, idx_b, scope) WHERE idx_b IS NOT NULL;

CREATE TABLE users (
  id         INTEGER PRIMARY KEY,
  tenant     INTEGER NOT NULL,
  idx_a      BLOB,
  idx_b      BLOB,
  phone      BLOB,
  test       INTEGER NOT NULL,
  network    INTEGER NOT NULL,
  last_login INTEGER NOT NULL
);
CREATE UNIQUE INDEX users_a ON users (tenant, idx_a) WHERE idx_a IS NOT NULL;
CREATE UNIQUE INDEX users_b ON users (tenant, idx_b) WHERE idx_b IS NOT NULL;

CREATE TABLE alias (
  app     INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  text    TEXT NOT NULL,
  PRIMARY KEY (app, user_id)
) WITHOUT ROWID;
-- Text first: a look-up without a key knows no app (contracts/yunbox.md §7).
CREATE UNIQUE INDEX alias_text ON alias (text, app);

-- Devices and addresses (scope: a keyed hash, all 64 bits) that logged in before.
CREATE TABLE known (
  app        INTEGER NOT NULL,
  user_id    INTEGER NOT NULL,
  scope      INTEGER NOT NULL,
  last_login INTEGER NOT NULL,
  PRIMARY KEY (app, user_id, scope)
) WITHOUT ROWID;

-- The low four bits of an account id are its kind: 1 available, 2 held (never
-- below zero), 3 revenue, 4 funding.
CREATE TABLE account (
  id      INTEGER PRIMARY KEY,
  tenant  INTEGER NOT NULL,
  app     INTEGER NOT NULL,
  pool    INTEGER NOT NULL,
  balance INTEGER NOT NULL,
  CHECK (balance >= 0 OR (id & 15) NOT IN (1, 2))
);

-- One transfer, both sides. Rows are only ever inserted.
CREATE TABLE ledger (
  id     INTEGER PRIMARY KEY,
  debit  INTEGER NOT NULL,
  credit INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  kind   INTEGER NOT NULL,
  ref    INTEGER NOT NULL,
  CHECK (amount > 0)
);

CREATE TABLE message (
  id           INTEGER PRIMARY KEY,
  tenant       INTEGER NOT NULL,
  app          INTEGER NOT NULL,
  verification INTEGER NOT NULL,
  channel      INTEGER NOT NULL,
  state        INTEGER NOT NULL,
  money        INTEGER NOT NULL,
  pool         INTEGER NOT NULL,
  tenant_pays  INTEGER NOT NULL,
  price        INTEGER NOT NULL,
  segments     INTEGER NOT NULL,
  parts        INTEGER NOT NULL,
  parts_done   INTEGER NOT NULL,
  resends      INTEGER NOT NULL,
  attempts     INTEGER NOT NULL,
  node         INTEGER NOT NULL,
  phone        BLOB,
  template     TEXT NOT NULL,
  valid_until  INTEGER NOT NULL,
  due          INTEGER,
  updated      INTEGER NOT NULL,
  provider     TEXT NOT NULL,
  code         TEXT NOT NULL,
  status       INTEGER NOT NULL,
  body         BLOB
);
CREATE INDEX message_due ON message (due) WHERE due IS NOT NULL;

CREATE TABLE receipt_ref (
  provider TEXT NOT NULL,
  part_id  TEXT NOT NULL,
  message  INTEGER NOT NULL,
  attempt  INTEGER NOT NULL,
  failed   INTEGER NOT NULL,
  PRIMARY KEY (provider, part_id)
) WITHOUT ROWID;

CREATE TABLE orphan (
  provider TEXT NOT NULL,
  part_id  TEXT NOT NULL,
  state    INTEGER NOT NULL,
  code     TEXT NOT NULL,
  status   INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (provider, part_id)
) WITHOUT ROWID;

-- Limiter events, one row a batch.
CREATE TABLE journal (
  id   INTEGER PRIMARY KEY,
  at   INTEGER NOT NULL,
  data BLOB NOT NULL
);

-- What may be taken exactly once.
CREATE TABLE once (
  key     BLOB PRIMARY KEY,
  value   BLOB,
  expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX once_expires ON once (expires);

CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- The number goes up with every change of the configuration.
CREATE TABLE revision (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  number INTEGER NOT NULL
);
INSERT INTO revision (id, number) VALUES (1, 0);
