-- Network proofs (keyed hashes only) and the questions to carriers that they
-- served for. A proof's row is kept for 25 hours.

CREATE TABLE number_proof (
  key_hash BLOB PRIMARY KEY,
  app      INTEGER NOT NULL,
  carrier  INTEGER NOT NULL,
  expires  INTEGER NOT NULL, -- of a reported one; 0: the carrier alone judges
  check_id INTEGER NOT NULL, -- the question that used it up; 0: not used
  until    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX number_proof_until ON number_proof (until);

CREATE TABLE number_check (
  id          INTEGER PRIMARY KEY,
  tenant      INTEGER NOT NULL,
  app         INTEGER NOT NULL,
  kind        INTEGER NOT NULL,
  carrier     INTEGER NOT NULL,
  state       INTEGER NOT NULL,
  money       INTEGER NOT NULL,
  tenant_pays INTEGER NOT NULL,
  price       INTEGER NOT NULL,
  idx_a       BLOB,
  idx_b       BLOB,
  phone       BLOB,
  phone_hash  BLOB,
  gateway     TEXT NOT NULL,
  code        TEXT NOT NULL,
  reference   TEXT NOT NULL,
  counted     INTEGER NOT NULL,
  latency     INTEGER NOT NULL, -- milliseconds
  due         INTEGER,
  updated     INTEGER NOT NULL
);
CREATE INDEX number_check_due ON number_check (due) WHERE due IS NOT NULL;
CREATE INDEX number_check_a ON number_check (app, idx_a) WHERE idx_a IS NOT NULL;
CREATE INDEX number_check_b ON number_check (app, idx_b) WHERE idx_b IS NOT NULL;
