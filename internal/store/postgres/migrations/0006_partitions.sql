-- The tables that grow with every flow and are swept by age are cut by ranges of
-- their ids, which are in time order (docs/adr/0010).
--
-- What is there becomes the first partition of each, which takes rows until a
-- day from now (ids: milliseconds since 2024 times 2^21, core.IDs). Further ones
-- are made ahead by the server, as wide as goes with how long rows are kept, and
-- go as a whole. A row that finds no partition, because a clock is wrong or no
-- server ran for long, lands in …_rest: no insertion fails for want of one. The storage
-- options of …_rest are those of every partition to come.

ALTER TABLE verification RENAME TO verification_first;
ALTER INDEX verification_pkey RENAME TO verification_first_pkey;
ALTER INDEX verification_live_a RENAME TO verification_first_live_a;
ALTER INDEX verification_live_b RENAME TO verification_first_live_b;
ALTER INDEX verification_claimed RENAME TO verification_first_claimed;
CREATE TABLE verification (LIKE verification_first, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE INDEX verification_live_a ON verification (app, purpose, idx_a) WHERE state IN (0, 1) AND idx_a IS NOT NULL;
CREATE INDEX verification_live_b ON verification (app, purpose, idx_b) WHERE state IN (0, 1) AND idx_b IS NOT NULL;
CREATE INDEX verification_claimed ON verification (claim_until) WHERE state = 1;
ALTER TABLE verification ATTACH PARTITION verification_first FOR VALUES
  FROM (MINVALUE) TO (((extract(epoch FROM now())::bigint + 86400) * 1000 - 1704067200000) << 21);
CREATE TABLE verification_rest PARTITION OF verification DEFAULT WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE verification_first SET (autovacuum_vacuum_scale_factor = 0.02);

ALTER TABLE message RENAME TO message_first;
ALTER INDEX message_pkey RENAME TO message_first_pkey;
ALTER INDEX message_due RENAME TO message_first_due;
CREATE TABLE message (LIKE message_first, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE INDEX message_due ON message (due) WHERE due IS NOT NULL;
ALTER TABLE message ATTACH PARTITION message_first FOR VALUES
  FROM (MINVALUE) TO (((extract(epoch FROM now())::bigint + 86400) * 1000 - 1704067200000) << 21);
CREATE TABLE message_rest PARTITION OF message DEFAULT WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE message_first SET (autovacuum_vacuum_scale_factor = 0.02);
