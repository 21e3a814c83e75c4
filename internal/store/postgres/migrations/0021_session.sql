-- Sessions (hashes of their tokens only), what happened to them, and what users
-- said of themselves (sealed). Rows of login_event hold no number.

CREATE TABLE session (
  key_hash  BYTEA PRIMARY KEY,
  kind      SMALLINT NOT NULL, -- 1 a session, 2 a login that waits for its second code
  family    BIGINT NOT NULL,   -- the login_event that it began with
  tenant    BIGINT NOT NULL,
  app       BIGINT NOT NULL,
  user_id   BIGINT NOT NULL,
  device    BIGINT NOT NULL,   -- keyed hash of the fingerprint
  auth_time BIGINT NOT NULL,
  expires   BIGINT NOT NULL,
  replaced  BIGINT NOT NULL,   -- when the next token was given; 0: it is the newest
  next      BYTEA              -- that token, under a pad that only this one's holder has
);
CREATE INDEX session_of_user ON session (user_id);
CREATE INDEX session_expires ON session (expires);

CREATE TABLE login_event (
  id      BIGINT PRIMARY KEY,
  tenant  BIGINT NOT NULL,
  app     BIGINT NOT NULL,
  user_id BIGINT NOT NULL, -- 0: nobody has the number
  kind    SMALLINT NOT NULL,
  purpose SMALLINT NOT NULL,
  code    BIGINT NOT NULL, -- the verification, 0: none
  family  BIGINT NOT NULL,
  device  BIGINT NOT NULL
);
CREATE INDEX login_event_user ON login_event (user_id, id) WHERE user_id <> 0;

CREATE TABLE profile (
  user_id  BIGINT PRIMARY KEY,
  tenant   BIGINT NOT NULL,
  disabled BOOLEAN NOT NULL,
  body     BYTEA,
  updated  BIGINT NOT NULL
);
