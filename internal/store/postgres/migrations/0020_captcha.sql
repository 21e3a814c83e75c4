-- Captcha tokens and proofs of work that were checked (hashes only), and the
-- passes that were given for them. A row is kept for a few minutes.

CREATE TABLE captcha_pass (
  key_hash BYTEA PRIMARY KEY,
  pass     BYTEA NOT NULL, -- keyed hash of the pass and of whose it is
  parts    SMALLINT NOT NULL,
  expires  BIGINT NOT NULL, -- of the pass; 0: there is none, or it was taken
  until    BIGINT NOT NULL
);
CREATE INDEX captcha_pass_until ON captcha_pass (until);
