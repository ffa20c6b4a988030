//! The tables, and how a database of an older version gets them.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::{Error, Result};

/// Marks a database as a history: "anos" as a number.
const APPLICATION: i64 = 0x616e_6f73;

/// What makes version N + 1 from version N; the first makes the tables.
///
/// Rows of `verdicts` are short, because filters that have no index walk through them. Regions and thumbnail
/// are in `details`. `feedback` is what the newest statement says: 0 good, 1 defect, NULL none or revoked.
/// `decided_by` is NULL where thresholds on the model's own score decided.
const STEPS: &[&str] = &[
    "
CREATE TABLE models (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    network TEXT NOT NULL,
    baseline TEXT,
    UNIQUE (name, version, digest)
) STRICT;
CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    name TEXT NOT NULL,
    request TEXT,
    model INTEGER NOT NULL,
    score REAL NOT NULL,
    decision INTEGER NOT NULL,
    image_threshold REAL NOT NULL,
    review_threshold REAL NOT NULL,
    pixel_threshold REAL NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    brightness REAL NOT NULL,
    sharpness REAL NOT NULL,
    feedback INTEGER,
    original TEXT
) STRICT;
CREATE INDEX verdicts_time ON verdicts (time);
CREATE INDEX verdicts_flagged ON verdicts (decision) WHERE decision > 0;
CREATE INDEX verdicts_feedback ON verdicts (feedback) WHERE feedback IS NOT NULL;
CREATE INDEX verdicts_original ON verdicts (original) WHERE original IS NOT NULL;
CREATE TABLE details (
    verdict INTEGER PRIMARY KEY,
    regions TEXT NOT NULL,
    thumbnail BLOB NOT NULL
) STRICT;
CREATE TABLE statements (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    verdict INTEGER NOT NULL,
    truth INTEGER,
    author TEXT NOT NULL,
    time INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT;
CREATE INDEX statements_verdict ON statements (verdict);
CREATE TABLE originals (
    digest TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
    "
ALTER TABLE verdicts ADD COLUMN decided_by TEXT;
",
];

/// The newest version.
pub(crate) const VERSION: i64 = STEPS.len() as i64;

/// Brings a database to the newest version; a new one gets its tables.
///
/// # Errors
/// It is newer, of another program, or cannot be written.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    migrate_by(connection, path, STEPS)
}

fn migrate_by(connection: &mut Connection, path: &Path, steps: &[&str]) -> Result<()> {
    let failed = |error| Error::sqlite(path, error);
    if version_of(connection, path, steps.len() as i64)? == steps.len() as i64 {
        return Ok(());
    }
    // All or nothing, and only one of two processes that open a new history at the same time.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let version = version_of(&transaction, path, steps.len() as i64)?;
    for step in &steps[usize::try_from(version).unwrap_or(0)..] {
        transaction.execute_batch(step).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
    transaction.pragma_update(None, "user_version", steps.len() as i64).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// The version of a database, 0 for an empty one.
///
/// # Errors
/// It is newer than `known`, or of another program.
pub(crate) fn version_of(connection: &Connection, path: &Path, known: i64) -> Result<i64> {
    let number = |sql: &str| {
        connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|error| Error::sqlite(path, error))
    };
    let (application, found) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if application != APPLICATION && (tables > 0 || application != 0) {
        return Err(Error::Foreign { path: path.to_owned() });
    }
    if found > known {
        return Err(Error::Newer { path: path.to_owned(), found, known });
    }
    Ok(found.max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Connection {
        Connection::open_in_memory().unwrap()
    }

    fn version(connection: &Connection) -> i64 {
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn each_step_is_made_once() {
        let mut connection = memory();
        let path = Path::new("history.sqlite");
        let steps =
            ["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y DEFAULT 7", "INSERT INTO a VALUES (2, 3)"];
        migrate_by(&mut connection, path, &steps[..1]).unwrap();
        connection.execute("INSERT INTO a VALUES (1)", []).unwrap();
        for _ in 0..2 {
            migrate_by(&mut connection, path, &steps).unwrap();
        }
        let sums: (i64, i64) = connection
            .query_row("SELECT sum(x), sum(y) FROM a", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((sums, version(&connection)), ((3, 10), 3));
        assert!(matches!(migrate_by(&mut connection, path, &steps[..2]), Err(Error::Newer { found: 3, .. })));
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before() {
        let mut connection = memory();
        let path = Path::new("history.sqlite");
        migrate_by(&mut connection, path, &["CREATE TABLE a (x)"]).unwrap();
        let failed = migrate_by(&mut connection, path, &["", "CREATE TABLE b (x)", "no SQL"]);
        assert!(failed.is_err());
        assert_eq!(version(&connection), 1);
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 1);
    }

    #[test]
    fn a_database_of_another_program_is_refused() {
        let mut connection = memory();
        connection.execute("CREATE TABLE mine (x)", []).unwrap();
        assert!(matches!(migrate(&mut connection, "x".as_ref()), Err(Error::Foreign { .. })));
    }
}
