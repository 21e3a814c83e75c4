-- Captcha tokens and proofs of work that were checked (hashes only), and the
-- passes that were given for them. A row is kept for a few minutes.

CREATE TABLE captcha_pass (
  key_hash BLOB PRIMARY KEY,
  pass     BLOB NOT NULL, -- keyed hash of the pass and of whose it is
  parts    INTEGER NOT NULL,
  expires  INTEGER NOT NULL, -- of the pass; 0: there is none, or it was taken
  until    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX captcha_pass_until ON captcha_pass (until);
