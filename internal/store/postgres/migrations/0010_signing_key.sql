-- RSA keys that sign id tokens (package oauth): of one app, or, for app 0, of
-- the installation's authorization server. The private half is sealed.

CREATE TABLE signing_key (
  id          BIGINT PRIMARY KEY,
  app         BIGINT NOT NULL,
  kid         TEXT COLLATE "C" NOT NULL,
  private_key BYTEA NOT NULL,
  created     BIGINT NOT NULL,
  ends        BIGINT NOT NULL -- until when a replaced one is published; 0: it signs
);
-- Of two nodes that make the first key of an app, one does.
CREATE UNIQUE INDEX signing_key_signs ON signing_key (app) WHERE ends = 0;
