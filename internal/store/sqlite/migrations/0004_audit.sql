-- Who changed what, when; and what an operator's call with an Idempotency-Key
-- was answered with. Neither holds a secret or a number in the clear.

CREATE TABLE audit (
  id        INTEGER PRIMARY KEY, -- 1, 2, 3 …
  at        INTEGER NOT NULL,
  actor     TEXT NOT NULL,
  action    TEXT NOT NULL,
  object    TEXT NOT NULL,
  request   TEXT NOT NULL, -- the request's id
  old_value TEXT NOT NULL, -- JSON, or empty
  new_value TEXT NOT NULL  -- JSON, or empty
);

CREATE TABLE idempotency (
  key_hash  BLOB PRIMARY KEY, -- keyed hash of scope and key
  body_hash BLOB NOT NULL,    -- keyed hash of the call
  ref       INTEGER NOT NULL, -- id of what the call makes, drawn before it ran
  status    INTEGER NOT NULL, -- HTTP status of the answer; 0 before there is one
  answer    BLOB,             -- its body
  expires   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX idempotency_expires ON idempotency (expires);
