-- The rows that batches work on (store/rows.go) and the base of records.
--
-- Rules of every migration: tables, columns and names as in the one of SQLite;
-- `id BIGINT PRIMARY KEY` in time order; no index on random keys that can be
-- avoided; instants are nanoseconds since 1970 in UTC (0 = not set); a side of a
-- blind index that is not computed is NULL; texts are compared byte by byte;
-- what a carrier may send in any encoding is BYTEA. There are no foreign keys: a
-- batch writes rows in the order of their kinds.

CREATE TABLE verification (
  id          BIGINT PRIMARY KEY,
  tenant      BIGINT NOT NULL,
  app         BIGINT NOT NULL,
  purpose     SMALLINT NOT NULL,
  channel     SMALLINT NOT NULL,
  state       SMALLINT NOT NULL,
  wrong       SMALLINT NOT NULL,
  idx_a       BYTEA,
  idx_b       BYTEA,
  expires     BIGINT NOT NULL,
  code_key    INTEGER NOT NULL,
  code_salt   BYTEA NOT NULL,
  code_mac    BYTEA NOT NULL,
  message     BIGINT NOT NULL,
  claim       BIGINT NOT NULL,
  claim_until BIGINT NOT NULL,
  held        BIGINT NOT NULL,
  tenant_pays BOOLEAN NOT NULL
);
-- Live codes only (pending, claimed): the indexes stay as small as the present.
CREATE INDEX verification_live_a ON verification (app, purpose, idx_a) WHERE state IN (0, 1) AND idx_a IS NOT NULL;
CREATE INDEX verification_live_b ON verification (app, purpose, idx_b) WHERE state IN (0, 1) AND idx_b IS NOT NULL;
CREATE INDEX verification_claimed ON verification (claim_until) WHERE state = 1;

CREATE TABLE failure (
  id           BIGINT PRIMARY KEY,
  tenant       BIGINT NOT NULL,
  app          BIGINT NOT NULL,
  purpose      SMALLINT NOT NULL,
  idx_a        BYTEA,
  idx_b        BYTEA,
  scope        BIGINT NOT NULL,
  phone        BYTEA,
  recent       INTEGER NOT NULL,
  consecutive  INTEGER NOT NULL,
  total        INTEGER NOT NULL,
  last_wrong   BIGINT NOT NULL,
  locked_until BIGINT NOT NULL,
  disabled     BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX failure_a ON failure (app, purpose, idx_a, scope) WHERE idx_a IS NOT NULL;
CREATE UNIQUE INDEX failure_b ON failure (app, purpose, idx_b, scope) WHERE idx_b IS NOT NULL;

CREATE TABLE users (
  id         BIGINT PRIMARY KEY,
  tenant     BIGINT NOT NULL,
  idx_a      BYTEA,
  idx_b      BYTEA,
  phone      BYTEA,
  test       BOOLEAN NOT NULL,
  network    BIGINT NOT NULL,
  last_login BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_a ON users (tenant, idx_a) WHERE idx_a IS NOT NULL;
CREATE UNIQUE INDEX users_b ON users (tenant, idx_b) WHERE idx_b IS NOT NULL;

CREATE TABLE alias (
  app     BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  text    TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (app, user_id)
);
-- Text first: a look-up without a key knows no app (contracts/yunbox.md §7).
CREATE UNIQUE INDEX alias_text ON alias (text, app);

-- Devices and addresses (scope: a keyed hash, all 64 bits) that logged in before.
CREATE TABLE known (
  app        BIGINT NOT NULL,
  user_id    BIGINT NOT NULL,
  scope      BIGINT NOT NULL,
  last_login BIGINT NOT NULL,
  PRIMARY KEY (app, user_id, scope)
);

-- The low four bits of an account id are its kind: 1 available, 2 held (never
-- below zero), 3 revenue, 4 funding.
CREATE TABLE account (
  id      BIGINT PRIMARY KEY,
  tenant  BIGINT NOT NULL,
  app     BIGINT NOT NULL,
  pool    SMALLINT NOT NULL,
  balance BIGINT NOT NULL,
  CHECK (balance >= 0 OR (id & 15) NOT IN (1, 2))
) WITH (fillfactor = 20); -- room beside a row that every batch changes

-- One transfer, both sides. Rows are only ever inserted.
CREATE TABLE ledger (
  id     BIGINT PRIMARY KEY,
  debit  BIGINT NOT NULL,
  credit BIGINT NOT NULL,
  amount BIGINT NOT NULL,
  kind   SMALLINT NOT NULL,
  ref    BIGINT NOT NULL,
  CHECK (amount > 0)
);

CREATE TABLE message (
  id           BIGINT PRIMARY KEY,
  tenant       BIGINT NOT NULL,
  app          BIGINT NOT NULL,
  verification BIGINT NOT NULL,
  channel      SMALLINT NOT NULL,
  state        SMALLINT NOT NULL,
  money        SMALLINT NOT NULL,
  pool         SMALLINT NOT NULL,
  tenant_pays  BOOLEAN NOT NULL,
  price        BIGINT NOT NULL,
  segments     SMALLINT NOT NULL,
  parts        SMALLINT NOT NULL,
  parts_done   SMALLINT NOT NULL,
  resends      SMALLINT NOT NULL,
  attempts     SMALLINT NOT NULL,
  node         SMALLINT NOT NULL,
  phone        BYTEA,
  template     TEXT COLLATE "C" NOT NULL,
  valid_until  BIGINT NOT NULL,
  due          BIGINT,
  updated      BIGINT NOT NULL,
  provider     TEXT COLLATE "C" NOT NULL,
  code         TEXT COLLATE "C" NOT NULL,
  status       INTEGER NOT NULL,
  body         BYTEA
);
CREATE INDEX message_due ON message (due) WHERE due IS NOT NULL;

CREATE TABLE receipt_ref (
  provider TEXT COLLATE "C" NOT NULL,
  part_id  BYTEA NOT NULL,
  message  BIGINT NOT NULL,
  attempt  SMALLINT NOT NULL,
  failed   BOOLEAN NOT NULL,
  PRIMARY KEY (provider, part_id)
);

CREATE TABLE orphan (
  provider TEXT COLLATE "C" NOT NULL,
  part_id  BYTEA NOT NULL,
  state    SMALLINT NOT NULL,
  code     TEXT COLLATE "C" NOT NULL,
  status   INTEGER NOT NULL,
  at       BIGINT NOT NULL,
  PRIMARY KEY (provider, part_id)
);

-- Limiter events, one row a batch.
CREATE TABLE journal (
  id   BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  at   BIGINT NOT NULL,
  data BYTEA NOT NULL
);

-- What may be taken exactly once.
CREATE TABLE once (
  key     BYTEA PRIMARY KEY,
  value   BYTEA,
  expires BIGINT NOT NULL
);
CREATE INDEX once_expires ON once (expires);

CREATE TABLE setting (
  name  TEXT COLLATE "C" PRIMARY KEY,
  value TEXT COLLATE "C" NOT NULL
);

-- The number goes up with every change of the configuration.
CREATE TABLE revision (
  id     BIGINT PRIMARY KEY CHECK (id = 1),
  number BIGINT NOT NULL
);
INSERT INTO revision (id, number) VALUES (1, 0);

-- What does not exist yet cannot be locked: each of these rows stands for many
-- keys (keylock.go). Their number never changes, nor do they.
CREATE TABLE key_lock (
  id BIGINT PRIMARY KEY
);
INSERT INTO key_lock (id) SELECT id FROM generate_series(0, 65535) AS id;
