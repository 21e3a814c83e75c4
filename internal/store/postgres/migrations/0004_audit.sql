-- Who changed what, when; and what an operator's call with an Idempotency-Key
-- was answered with. Neither holds a secret or a number in the clear.

CREATE TABLE audit (
  id        BIGINT PRIMARY KEY, -- 1, 2, 3 …
  at        BIGINT NOT NULL,
  actor     TEXT COLLATE "C" NOT NULL,
  action    TEXT COLLATE "C" NOT NULL,
  object    TEXT COLLATE "C" NOT NULL,
  request   TEXT COLLATE "C" NOT NULL, -- the request's id
  old_value TEXT COLLATE "C" NOT NULL, -- JSON, or empty
  new_value TEXT COLLATE "C" NOT NULL  -- JSON, or empty
);

CREATE TABLE idempotency (
  key_hash  BYTEA PRIMARY KEY, -- keyed hash of scope and key
  body_hash BYTEA NOT NULL,    -- keyed hash of the call
  ref       BIGINT NOT NULL, -- id of what the call makes, drawn before it ran
  status    BIGINT NOT NULL, -- HTTP status of the answer; 0 before there is one
  answer    BYTEA, -- its body
  expires   BIGINT NOT NULL
);
CREATE INDEX idempotency_expires ON idempotency (expires);
