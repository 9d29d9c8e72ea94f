//! How SQLite goes about what is asked again and again.

use rusqlite::Connection;

use super::{lease, read, retain};

const BY_KEY: &str = "SEARCH orders USING PRIMARY KEY (id=?)";
const BY_LEASE: &str = "SEARCH orders USING COVERING INDEX orders_unfinished (lease_until_ms>?)";

/// The steps of the plan of `sql`, on an empty database.
fn plan(sql: &str) -> Vec<String> {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(concat!(
            include_str!("schema_1.sql"),
            include_str!("schema_2.sql")
        ))
        .unwrap();
    let mut explain = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let nulls = vec![rusqlite::types::Null; explain.parameter_count()];
    let rows = explain.query_map(rusqlite::params_from_iter(nulls), |row| row.get(3));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_is_asked_every_second_reads_only_what_is_under_way() {
    assert_eq!(plan(read::UNFINISHED), [BY_LEASE]);
    assert_eq!(plan(read::OLDEST), [BY_LEASE]);
    assert_eq!(plan(lease::CLAIM), [BY_KEY]);
    assert_eq!(plan(lease::EXPIRE), [BY_KEY, "LIST SUBQUERY 1", BY_LEASE]);
}

#[test]
fn what_is_deleted_is_found_from_its_old_end() {
    // In the order of the table without sorting, so that the reader can stop.
    let keys = ["SCAN keys", "CORRELATED SCALAR SUBQUERY 1", BY_KEY];
    assert_eq!(plan(retain::OLD_KEYS), keys);
    let key = ["SEARCH keys USING INTEGER PRIMARY KEY (rowid=?)"];
    assert_eq!(plan(retain::DELETE_KEY), key);
    let old = "SEARCH orders USING PRIMARY KEY (id<?)";
    assert_eq!(
        plan(retain::DELETE_ORDERS),
        [BY_KEY, "LIST SUBQUERY 1", old]
    );
}
