-- Templates and signatures with their audit, schedules, and who wants no
-- marketing. Numbers and texts to numbers are sealed. Instants and 0 as in 0001.

-- kind: 1 code, 2 notice, 3 marketing. state: 0 pending, 1 approved, 2 rejected.
-- A deleted row stays, so that its id is never issued again.
CREATE TABLE template (
  id      INTEGER PRIMARY KEY, -- 1, 2, 3 …
  app     INTEGER NOT NULL, -- 0: every app's
  ref     TEXT NOT NULL, -- the id as its app says it; one that was issued elsewhere is kept verbatim
  name    TEXT NOT NULL, -- by which providers map it to a template of theirs
  kind    INTEGER NOT NULL,
  state   INTEGER NOT NULL,
  text    TEXT NOT NULL, -- with {{name}} for each parameter, without signature
  ttl     INTEGER NOT NULL, -- seconds that a code lives; 0 for other kinds
  remark  TEXT NOT NULL,
  reason  TEXT NOT NULL, -- why it was rejected
  version INTEGER NOT NULL, -- goes up with each change: two changes at once are noticed
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  deleted INTEGER NOT NULL
);
CREATE UNIQUE INDEX template_ref ON template (app, ref);
INSERT INTO template (id, app, ref, name, kind, state, text, ttl, remark, reason, version, created, updated, deleted)
  VALUES (1, 0, '1', 'code', 1, 1, '您的验证码是{{code}}，5分钟内有效，请勿泄露。', 300, '', '', 1, 0, 0, 0);

CREATE TABLE signature (
  id         INTEGER PRIMARY KEY, -- 1, 2, 3 …
  app        INTEGER NOT NULL,
  ref        TEXT NOT NULL,
  text       TEXT NOT NULL, -- without 【】
  kind       INTEGER NOT NULL, -- 1 to 7
  state      INTEGER NOT NULL,
  is_default INTEGER NOT NULL,
  remark     TEXT NOT NULL,
  reason     TEXT NOT NULL,
  version    INTEGER NOT NULL,
  created    INTEGER NOT NULL,
  updated    INTEGER NOT NULL,
  deleted    INTEGER NOT NULL
);
CREATE UNIQUE INDEX signature_ref ON signature (app, ref);

-- What shows the operator that the signature is the app's to use.
CREATE TABLE signature_image (
  signature INTEGER PRIMARY KEY,
  media     TEXT NOT NULL,
  data      BLOB NOT NULL
);

-- state: 0 waiting, 1 being sent, 2 sent, 3 deleted. due: when somebody must look
-- at it; NULL is never.
CREATE TABLE schedule (
  id         INTEGER PRIMARY KEY,
  tenant     INTEGER NOT NULL,
  app        INTEGER NOT NULL,
  ref        TEXT NOT NULL, -- the UUID that its app knows
  several    INTEGER NOT NULL, -- made by a batch call
  template   INTEGER NOT NULL,
  name       TEXT NOT NULL, -- the template's
  kind       INTEGER NOT NULL, -- the template's
  signature  TEXT NOT NULL,
  tag        TEXT NOT NULL,
  send_at    INTEGER NOT NULL,
  recipients INTEGER NOT NULL,
  state      INTEGER NOT NULL,
  due        INTEGER,
  version    INTEGER NOT NULL,
  created    INTEGER NOT NULL,
  updated    INTEGER NOT NULL
);
CREATE UNIQUE INDEX schedule_ref ON schedule (ref);
CREATE INDEX schedule_due ON schedule (due) WHERE due IS NOT NULL;

CREATE TABLE schedule_recipient (
  id       INTEGER PRIMARY KEY, -- of the message that it becomes
  schedule INTEGER NOT NULL,
  place    INTEGER NOT NULL, -- in the caller's list
  form     INTEGER NOT NULL, -- how the caller wrote the number
  segments INTEGER NOT NULL,
  phone    BLOB NOT NULL, -- sealed, as message.phone
  body     BLOB NOT NULL -- sealed, as message.body
);
CREATE INDEX schedule_recipient_schedule ON schedule_recipient (schedule, place);

-- A number that wants no marketing under a signature of a tenant.
CREATE TABLE opt_out (
  id        INTEGER PRIMARY KEY,
  tenant    INTEGER NOT NULL,
  app       INTEGER NOT NULL, -- whose message was replied to
  signature TEXT NOT NULL,
  idx_a     BLOB,
  idx_b     BLOB,
  phone     BLOB NOT NULL, -- sealed
  at        INTEGER NOT NULL
);
CREATE UNIQUE INDEX opt_out_a ON opt_out (tenant, signature, idx_a) WHERE idx_a IS NOT NULL;
CREATE UNIQUE INDEX opt_out_b ON opt_out (tenant, signature, idx_b) WHERE idx_b IS NOT NULL;
