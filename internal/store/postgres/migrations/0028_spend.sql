-- What apps with caps spent on messages, a day and a country at a time: the id
-- packs day, app and country (store.SpendKey).

CREATE TABLE spend (
  id     BIGINT PRIMARY KEY,
  amount BIGINT NOT NULL CHECK (amount >= 0)
);
