-- Sessions (hashes of their tokens only), what happened to them, and what users
-- said of themselves (sealed). Rows of login_event hold no number.

CREATE TABLE session (
  key_hash  BLOB PRIMARY KEY,
  kind      INTEGER NOT NULL, -- 1 a session, 2 a login that waits for its second code
  family    INTEGER NOT NULL, -- the login_event that it began with
  tenant    INTEGER NOT NULL,
  app       INTEGER NOT NULL,
  user_id   INTEGER NOT NULL,
  device    INTEGER NOT NULL, -- keyed hash of the fingerprint
  auth_time INTEGER NOT NULL,
  expires   INTEGER NOT NULL,
  replaced  INTEGER NOT NULL, -- when the next token was given; 0: it is the newest
  next      BLOB              -- that token, under a pad that only this one's holder has
) WITHOUT ROWID;
CREATE INDEX session_of_user ON session (user_id);
CREATE INDEX session_expires ON session (expires);

CREATE TABLE login_event (
  id      INTEGER PRIMARY KEY,
  tenant  INTEGER NOT NULL,
  app     INTEGER NOT NULL,
  user_id INTEGER NOT NULL, -- 0: nobody has the number
  kind    INTEGER NOT NULL,
  purpose INTEGER NOT NULL,
  code    INTEGER NOT NULL, -- the verification, 0: none
  family  INTEGER NOT NULL,
  device  INTEGER NOT NULL
);
CREATE INDEX login_event_user ON login_event (user_id, id) WHERE user_id <> 0;

CREATE TABLE profile (
  user_id  INTEGER PRIMARY KEY,
  tenant   INTEGER NOT NULL,
  disabled INTEGER NOT NULL,
  body     BLOB,
  updated  INTEGER NOT NULL
);
