-- Tenants, their apps, and the keys that apps authenticate with.
--
-- settings is one JSON object with the app's settings (tenant.Settings): they
-- are read whole, at a refresh of the configuration cache, and never searched.
-- test_numbers is sealed: a literal may be somebody's number. hash is a keyed
-- hash; no key is ever stored.

CREATE TABLE tenant (
  id      INTEGER PRIMARY KEY,
  name    TEXT NOT NULL,
  created INTEGER NOT NULL
);
CREATE UNIQUE INDEX tenant_name ON tenant (name);

CREATE TABLE app (
  id           INTEGER PRIMARY KEY,
  tenant       INTEGER NOT NULL,
  name         TEXT NOT NULL,
  disabled     INTEGER NOT NULL,
  imported     INTEGER NOT NULL, -- it has users with ids issued elsewhere
  settings     TEXT NOT NULL,
  test_numbers BLOB,
  version      INTEGER NOT NULL, -- goes up with each change: two changes at once are noticed
  created      INTEGER NOT NULL,
  updated      INTEGER NOT NULL
);
CREATE UNIQUE INDEX app_name ON app (tenant, name);

CREATE TABLE credential (
  id          INTEGER PRIMARY KEY,
  app         INTEGER NOT NULL,
  dialect     TEXT NOT NULL,
  hash        BLOB NOT NULL,
  created     INTEGER NOT NULL,
  valid_until INTEGER NOT NULL -- 0: for ever
);
CREATE UNIQUE INDEX credential_hash ON credential (hash);
CREATE INDEX credential_app ON credential (app);
