-- What the fraud guard decided and was not "allow": a row for each subject and
-- minute, however many requests met it. No number is here: only the leading
-- digits that carriers allot, and networks.

CREATE TABLE guard_decision (
  id      BIGINT PRIMARY KEY,
  minute  BIGINT NOT NULL,
  tenant  BIGINT NOT NULL,
  app     BIGINT NOT NULL,
  outcome TEXT COLLATE "C" NOT NULL, -- challenge, block: what the rules said
  rule    TEXT COLLATE "C" NOT NULL, -- the rule that said so
  subject TEXT COLLATE "C" NOT NULL, -- what it said it of
  why     TEXT COLLATE "C" NOT NULL, -- levels, thresholds and counts of the first request
  count   BIGINT NOT NULL, -- requests
  passed  BIGINT NOT NULL  -- of them, with a solved challenge, or because nothing is enforced
);
CREATE INDEX guard_decision_app ON guard_decision (app, id);

-- An app that asks for its replies reads no other app's.
CREATE INDEX reply_app ON reply (app, id);
