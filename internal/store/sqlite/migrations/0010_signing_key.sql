-- RSA keys that sign id tokens (package oauth): of one app, or, for app 0, of
-- the installation's authorization server. The private half is sealed.

CREATE TABLE signing_key (
  id          INTEGER PRIMARY KEY,
  app         INTEGER NOT NULL,
  kid         TEXT NOT NULL,
  private_key BLOB NOT NULL,
  created     INTEGER NOT NULL,
  ends        INTEGER NOT NULL -- until when a replaced one is published; 0: it signs
);
-- Of two nodes that make the first key of an app, one does.
CREATE UNIQUE INDEX signing_key_signs ON signing_key (app) WHERE ends = 0;
