-- The catalogue and the stock. The checks repeat what the rules keep, so that
-- no bug above can make the database lie.
CREATE TABLE items (
    sku       TEXT    NOT NULL PRIMARY KEY,
    name      TEXT    NOT NULL,
    price     INTEGER NOT NULL CHECK (price >= 0),
    currency  TEXT    NOT NULL,
    available INTEGER NOT NULL CHECK (available >= 0),
    reserved  INTEGER NOT NULL CHECK (reserved >= 0),
    sold      INTEGER NOT NULL CHECK (sold >= 0),
    received  INTEGER NOT NULL,
    version   INTEGER NOT NULL,
    CHECK (available + reserved + sold = received)
) STRICT, WITHOUT ROWID;

-- One row per order that inventory has seen. state: 1 reserved, 2 committed,
-- 3 released, 4 expired. lines: JSON [[sku, pieces, unit price], ...].
CREATE TABLE reservations (
    order_id   BLOB    NOT NULL PRIMARY KEY CHECK (length(order_id) = 16),
    state      INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
    lines      TEXT    NOT NULL,
    total      INTEGER NOT NULL,
    currency   TEXT    NOT NULL,
    expires_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_due ON reservations (expires_ms) WHERE state = 1;
CREATE INDEX reservations_done ON reservations (changed_ms) WHERE state <> 1;

-- Goods that came in, by the caller's receipt id.
CREATE TABLE receipts (
    id       TEXT    NOT NULL PRIMARY KEY,
    sku      TEXT    NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    at_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_at ON receipts (at_ms);

-- How far each import has come: rows up to rows_done are dealt with, and digest
-- is over those of them that were good. Other rows under the id are refused.
CREATE TABLE imports (
    id        TEXT    NOT NULL PRIMARY KEY,
    rows_done INTEGER NOT NULL,
    digest    BLOB    NOT NULL CHECK (length(digest) = 32),
    at_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX imports_at ON imports (at_ms);
