-- What the fraud guard decided and was not "allow": a row for each subject and
-- minute, however many requests met it. No number is here: only the leading
-- digits that carriers allot, and networks.

CREATE TABLE guard_decision (
  id      INTEGER PRIMARY KEY,
  minute  INTEGER NOT NULL,
  tenant  INTEGER NOT NULL,
  app     INTEGER NOT NULL,
  outcome TEXT NOT NULL, -- challenge, block: what the rules said
  rule    TEXT NOT NULL, -- the rule that said so
  subject TEXT NOT NULL, -- what it said it of
  why     TEXT NOT NULL, -- levels, thresholds and counts of the first request
  count   INTEGER NOT NULL, -- requests
  passed  INTEGER NOT NULL  -- of them, with a solved challenge, or because nothing is enforced
);
CREATE INDEX guard_decision_app ON guard_decision (app, id);

-- An app that asks for its replies reads no other app's.
CREATE INDEX reply_app ON reply (app, id);
