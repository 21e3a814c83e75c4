-- Network proofs (keyed hashes only) and the questions to carriers that they
-- served for. A proof's row is kept for 25 hours.

CREATE TABLE number_proof (
  key_hash BYTEA PRIMARY KEY,
  app      BIGINT NOT NULL,
  carrier  SMALLINT NOT NULL,
  expires  BIGINT NOT NULL, -- of a reported one; 0: the carrier alone judges
  check_id BIGINT NOT NULL, -- the question that used it up; 0: not used
  until    BIGINT NOT NULL
);
CREATE INDEX number_proof_until ON number_proof (until);

CREATE TABLE number_check (
  id          BIGINT PRIMARY KEY,
  tenant      BIGINT NOT NULL,
  app         BIGINT NOT NULL,
  kind        SMALLINT NOT NULL,
  carrier     SMALLINT NOT NULL,
  state       SMALLINT NOT NULL,
  money       SMALLINT NOT NULL,
  tenant_pays BOOLEAN NOT NULL,
  price       BIGINT NOT NULL,
  idx_a       BYTEA,
  idx_b       BYTEA,
  phone       BYTEA,
  phone_hash  BYTEA,
  gateway     TEXT COLLATE "C" NOT NULL,
  code        TEXT COLLATE "C" NOT NULL,
  reference   TEXT COLLATE "C" NOT NULL,
  counted     BOOLEAN NOT NULL,
  latency     BIGINT NOT NULL, -- milliseconds
  due         BIGINT,
  updated     BIGINT NOT NULL
);
CREATE INDEX number_check_due ON number_check (due) WHERE due IS NOT NULL;
CREATE INDEX number_check_a ON number_check (app, idx_a) WHERE idx_a IS NOT NULL;
CREATE INDEX number_check_b ON number_check (app, idx_b) WHERE idx_b IS NOT NULL;
