-- The fraud guard's memory: what each node counted since it last told the
-- others, and all levels and habits in 64 parts. Subjects are countries, leading
-- digits of numbers, apps and address ranges; a number is 64 keyed bits.

CREATE TABLE fraud_delta (
  id   INTEGER PRIMARY KEY,
  node INTEGER NOT NULL,
  at   INTEGER NOT NULL, -- the node's clock
  data BLOB NOT NULL  -- package guard/fraud, codec.go
);

CREATE TABLE fraud_state (
  part INTEGER PRIMARY KEY,
  at   INTEGER NOT NULL, -- what was told before is in it
  data BLOB NOT NULL
);
