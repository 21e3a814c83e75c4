-- Tenants, their apps, and the keys that apps authenticate with.
--
-- settings is one JSON object with the app's settings (tenant.Settings): they
-- are read whole, at a refresh of the configuration cache, and never searched.
-- test_numbers is sealed: a literal may be somebody's number. hash is a keyed
-- hash; no key is ever stored.

CREATE TABLE tenant (
  id      BIGINT PRIMARY KEY,
  name    TEXT COLLATE "C" NOT NULL,
  created BIGINT NOT NULL
);
CREATE UNIQUE INDEX tenant_name ON tenant (name);

CREATE TABLE app (
  id           BIGINT PRIMARY KEY,
  tenant       BIGINT NOT NULL,
  name         TEXT COLLATE "C" NOT NULL,
  disabled     BOOLEAN NOT NULL,
  imported     BOOLEAN NOT NULL, -- it has users with ids issued elsewhere
  settings     TEXT COLLATE "C" NOT NULL,
  test_numbers BYTEA,
  version      BIGINT NOT NULL, -- goes up with each change: two changes at once are noticed
  created      BIGINT NOT NULL,
  updated      BIGINT NOT NULL
);
CREATE UNIQUE INDEX app_name ON app (tenant, name);

CREATE TABLE credential (
  id          BIGINT PRIMARY KEY,
  app         BIGINT NOT NULL,
  dialect     TEXT COLLATE "C" NOT NULL,
  hash        BYTEA NOT NULL,
  created     BIGINT NOT NULL,
  valid_until BIGINT NOT NULL -- 0: for ever
);
CREATE UNIQUE INDEX credential_hash ON credential (hash);
CREATE INDEX credential_app ON credential (app);
