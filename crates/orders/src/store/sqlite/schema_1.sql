-- Orders with their sagas, and the keys they were placed under.

-- One row is an order, its saga and its lease, so that a step of the saga is one
-- UPDATE. The id is a UUID of version 7: rows lie in the order of their birth.
CREATE TABLE orders (
  id               BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  customer_id      TEXT    NOT NULL,
  lines            BLOB    NOT NULL,
  total_minor      INTEGER,
  currency         TEXT,
  state            INTEGER NOT NULL CHECK (state BETWEEN 1 AND 10),
  reason           INTEGER CHECK (reason BETWEEN 1 AND 7),
  detail           TEXT,
  cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
  created_ms       INTEGER NOT NULL,
  updated_ms       INTEGER NOT NULL,
  version          INTEGER NOT NULL,
  -- Where it ended first: what its key answers for good. Set once, by the step
  -- that comes to an end. Only a confirmed order goes on from there.
  first_end         INTEGER CHECK (first_end IN (5, 9, 10)),
  first_end_version INTEGER,
  first_end_ms      INTEGER,
  -- The lease. The end is set exactly while the saga is under way (states
  -- confirmed, rejected and cancelled have none).
  owner            INTEGER NOT NULL,
  fence            INTEGER NOT NULL,
  lease_until_ms   INTEGER,
  -- Kept only until the money is held.
  payment_method   TEXT,
  CHECK ((lease_until_ms IS NULL) = (state IN (5, 9, 10))),
  CHECK (first_end IS 5 OR first_end IS CASE WHEN state IN (5, 9, 10) THEN state END),
  CHECK ((first_end IS NULL) = (first_end_version IS NULL)),
  CHECK ((first_end IS NULL) = (first_end_ms IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX orders_by_customer ON orders (customer_id, id);

-- Small: what is under way. Steps leave it alone, as they keep the lease.
CREATE INDEX orders_unfinished ON orders (lease_until_ms, owner) WHERE lease_until_ms IS NOT NULL;

-- `number` grows with time, as the clock never goes back: the oldest keys are
-- the first rows.
CREATE TABLE keys (
  number      INTEGER PRIMARY KEY,
  key         TEXT    NOT NULL UNIQUE,
  fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
  order_id    BLOB    NOT NULL CHECK (length(order_id) = 16),
  created_ms  INTEGER NOT NULL
) STRICT;
