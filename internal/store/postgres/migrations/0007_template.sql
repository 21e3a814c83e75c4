-- Templates and signatures with their audit, schedules, and who wants no
-- marketing. Numbers and texts to numbers are sealed. Instants and 0 as in 0001.

-- kind: 1 code, 2 notice, 3 marketing. state: 0 pending, 1 approved, 2 rejected.
-- A deleted row stays, so that its id is never issued again.
CREATE TABLE template (
  id      BIGINT PRIMARY KEY, -- 1, 2, 3 …
  app     BIGINT NOT NULL, -- 0: every app's
  ref     TEXT COLLATE "C" NOT NULL, -- the id as its app says it; one that was issued elsewhere is kept verbatim
  name    TEXT COLLATE "C" NOT NULL, -- by which providers map it to a template of theirs
  kind    BIGINT NOT NULL,
  state   BIGINT NOT NULL,
  text    TEXT COLLATE "C" NOT NULL, -- with {{name}} for each parameter, without signature
  ttl     BIGINT NOT NULL, -- seconds that a code lives; 0 for other kinds
  remark  TEXT COLLATE "C" NOT NULL,
  reason  TEXT COLLATE "C" NOT NULL, -- why it was rejected
  version BIGINT NOT NULL, -- goes up with each change: two changes at once are noticed
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  deleted BIGINT NOT NULL
);
CREATE UNIQUE INDEX template_ref ON template (app, ref);
INSERT INTO template (id, app, ref, name, kind, state, text, ttl, remark, reason, version, created, updated, deleted)
  VALUES (1, 0, '1', 'code', 1, 1, '您的验证码是{{code}}，5分钟内有效，请勿泄露。', 300, '', '', 1, 0, 0, 0);

CREATE TABLE signature (
  id         BIGINT PRIMARY KEY, -- 1, 2, 3 …
  app        BIGINT NOT NULL,
  ref        TEXT COLLATE "C" NOT NULL,
  text       TEXT COLLATE "C" NOT NULL, -- without 【】
  kind       BIGINT NOT NULL, -- 1 to 7
  state      BIGINT NOT NULL,
  is_default BOOLEAN NOT NULL,
  remark     TEXT COLLATE "C" NOT NULL,
  reason     TEXT COLLATE "C" NOT NULL,
  version    BIGINT NOT NULL,
  created    BIGINT NOT NULL,
  updated    BIGINT NOT NULL,
  deleted    BIGINT NOT NULL
);
CREATE UNIQUE INDEX signature_ref ON signature (app, ref);

-- What shows the operator that the signature is the app's to use.
CREATE TABLE signature_image (
  signature BIGINT PRIMARY KEY,
  media     TEXT COLLATE "C" NOT NULL,
  data      BYTEA NOT NULL
);

-- state: 0 waiting, 1 being sent, 2 sent, 3 deleted. due: when somebody must look
-- at it; NULL is never.
CREATE TABLE schedule (
  id         BIGINT PRIMARY KEY,
  tenant     BIGINT NOT NULL,
  app        BIGINT NOT NULL,
  ref        TEXT COLLATE "C" NOT NULL, -- the UUID that its app knows
  several    BOOLEAN NOT NULL, -- made by a batch call
  template   BIGINT NOT NULL,
  name       TEXT COLLATE "C" NOT NULL, -- the template's
  kind       BIGINT NOT NULL, -- the template's
  signature  TEXT COLLATE "C" NOT NULL,
  tag        TEXT COLLATE "C" NOT NULL,
  send_at    BIGINT NOT NULL,
  recipients BIGINT NOT NULL,
  state      BIGINT NOT NULL,
  due        BIGINT,
  version    BIGINT NOT NULL,
  created    BIGINT NOT NULL,
  updated    BIGINT NOT NULL
);
CREATE UNIQUE INDEX schedule_ref ON schedule (ref);
CREATE INDEX schedule_due ON schedule (due) WHERE due IS NOT NULL;

CREATE TABLE schedule_recipient (
  id       BIGINT PRIMARY KEY, -- of the message that it becomes
  schedule BIGINT NOT NULL,
  place    BIGINT NOT NULL, -- in the caller's list
  form     BIGINT NOT NULL, -- how the caller wrote the number
  segments BIGINT NOT NULL,
  phone    BYTEA NOT NULL, -- sealed, as message.phone
  body     BYTEA NOT NULL -- sealed, as message.body
);
CREATE INDEX schedule_recipient_schedule ON schedule_recipient (schedule, place);

-- A number that wants no marketing under a signature of a tenant.
CREATE TABLE opt_out (
  id        BIGINT PRIMARY KEY,
  tenant    BIGINT NOT NULL,
  app       BIGINT NOT NULL, -- whose message was replied to
  signature TEXT COLLATE "C" NOT NULL,
  idx_a     BYTEA,
  idx_b     BYTEA,
  phone     BYTEA NOT NULL, -- sealed
  at        BIGINT NOT NULL
);
CREATE UNIQUE INDEX opt_out_a ON opt_out (tenant, signature, idx_a) WHERE idx_a IS NOT NULL;
CREATE UNIQUE INDEX opt_out_b ON opt_out (tenant, signature, idx_b) WHERE idx_b IS NOT NULL;
