-- The fraud guard's memory: what each node counted since it last told the
-- others, and all levels and habits in 64 parts. Subjects are countries, leading
-- digits of numbers, apps and address ranges; a number is 64 keyed bits.

CREATE TABLE fraud_delta (
  id   BIGINT PRIMARY KEY,
  node BIGINT NOT NULL,
  at   BIGINT NOT NULL, -- the node's clock
  data BYTEA NOT NULL  -- package guard/fraud, codec.go
);

CREATE TABLE fraud_state (
  part BIGINT PRIMARY KEY,
  at   BIGINT NOT NULL, -- what was told before is in it
  data BYTEA NOT NULL
);
