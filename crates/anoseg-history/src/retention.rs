//! How long verdicts are kept.

use std::time::Duration;

use rusqlite::{Connection, Transaction, params};

use crate::originals::Originals;

/// How long, and in how many bytes, verdicts are kept. Enforced when a history is opened and every
/// 64 verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Verdicts without feedback are removed at this age.
    pub age: Option<Duration>,
    /// Verdicts with feedback, and their images, are removed at this age; None keeps them.
    pub feedback_age: Option<Duration>,
    /// Above so many bytes of database and originals, the oldest verdicts are removed; those with feedback
    /// only when no others are left. Some 20 MiB may come on top: the write-ahead log, and pages that are free.
    pub bytes: Option<u64>,
}

impl Default for Retention {
    /// 90 days and 4 GiB; feedback is kept within the bytes.
    fn default() -> Self {
        Self { age: Some(Duration::from_secs(90 * 24 * 60 * 60)), feedback_age: None, bytes: Some(4 << 30) }
    }
}

/// What was removed to keep the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Verdicts, all together.
    pub verdicts: u64,
    /// Those of them that had feedback.
    pub with_feedback: u64,
}

/// Verdicts that are removed in one transaction, so that a writer never waits long.
const BATCH: usize = 64;

/// Free pages that the next rows take.
const SPARE_PAGES: i64 = 256;

/// Removes verdicts beyond the limits, in at most so many transactions of [`BATCH`] verdicts each.
pub(crate) fn trim(
    connection: &mut Connection,
    originals: &Originals,
    (retention, now): (&Retention, i64),
    most: usize,
) -> rusqlite::Result<Trimmed> {
    let mut trimmed = Trimmed::default();
    for _ in 0..most {
        let Some(choice) = beyond(connection, retention, now)? else { break };
        let transaction = connection.transaction()?;
        let ids = choice.ids(&transaction)?;
        let files = remove(&transaction, &ids)?;
        transaction.commit()?;
        files.iter().for_each(|digest| originals.remove(digest));
        trimmed.verdicts += ids.len() as u64;
        trimmed.with_feedback += if choice.with_feedback { ids.len() as u64 } else { 0 };
    }
    if trimmed.verdicts > 0 {
        give_back(connection)?;
    }
    Ok(trimmed)
}

/// Which verdicts to remove next: the oldest, before a time.
struct Choice {
    with_feedback: bool,
    before: i64,
}

impl Choice {
    fn sql(&self) -> &'static str {
        if self.with_feedback {
            "SELECT id FROM verdicts WHERE feedback IS NOT NULL AND time < ?1 ORDER BY time, id LIMIT ?2"
        } else {
            "SELECT id FROM verdicts WHERE feedback IS NULL AND time < ?1 ORDER BY time, id LIMIT ?2"
        }
    }

    fn ids(&self, connection: &Connection) -> rusqlite::Result<Vec<i64>> {
        let mut statement = connection.prepare_cached(self.sql())?;
        statement.query_map(params![self.before, BATCH as i64], |row| row.get(0))?.collect()
    }

    fn exists(&self, connection: &Connection) -> rusqlite::Result<bool> {
        connection.prepare_cached(self.sql())?.exists(params![self.before, 1])
    }
}

/// The first limit that is exceeded, and what goes because of it.
fn beyond(connection: &Connection, retention: &Retention, now: i64) -> rusqlite::Result<Option<Choice>> {
    let before = |age: Duration| now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    let ages = [(false, retention.age), (true, retention.feedback_age)];
    let by_age = ages
        .into_iter()
        .filter_map(|(with_feedback, age)| Some(Choice { with_feedback, before: before(age?) }));
    for choice in by_age {
        if choice.exists(connection)? {
            return Ok(Some(choice));
        }
    }
    let too_many = match retention.bytes {
        Some(limit) => used_bytes(connection)? > limit,
        None => false,
    };
    if !too_many {
        return Ok(None);
    }
    for with_feedback in [false, true] {
        let choice = Choice { with_feedback, before: i64::MAX };
        if choice.exists(connection)? {
            return Ok(Some(choice));
        }
    }
    Ok(None)
}

/// Removes verdicts with what belongs to them. Gives the originals that no other verdict has.
fn remove(transaction: &Transaction<'_>, ids: &[i64]) -> rusqlite::Result<Vec<String>> {
    let mut digests = Vec::new();
    for id in ids {
        let mut original = transaction.prepare_cached("SELECT original FROM verdicts WHERE id = ?1")?;
        digests.extend(original.query_row([id], |row| row.get::<_, Option<String>>(0))?);
        for sql in [
            "DELETE FROM verdicts WHERE id = ?1",
            "DELETE FROM details WHERE verdict = ?1",
            "DELETE FROM statements WHERE verdict = ?1",
        ] {
            transaction.prepare_cached(sql)?.execute([id])?;
        }
    }
    digests.sort_unstable();
    digests.dedup();
    let mut unused = Vec::new();
    for digest in digests {
        if forget_unused(transaction, &digest)? {
            unused.push(digest);
        }
    }
    Ok(unused)
}

/// Takes an original out of the table if no verdict has it. Its file may be removed then.
pub(crate) fn forget_unused(connection: &Connection, digest: &str) -> rusqlite::Result<bool> {
    let mut used =
        connection.prepare_cached("SELECT 1 FROM verdicts WHERE original = ?1 AND original IS NOT NULL")?;
    if used.exists([digest])? {
        return Ok(false);
    }
    connection.prepare_cached("DELETE FROM originals WHERE digest = ?1")?.execute([digest])?;
    Ok(true)
}

/// Bytes of the database without free pages, and of the originals.
pub(crate) fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |sql: &str| connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0));
    let pages = number("PRAGMA page_count")? - number("PRAGMA freelist_count")?;
    let bytes =
        pages * number("PRAGMA page_size")? + number("SELECT coalesce(sum(bytes), 0) FROM originals")?;
    Ok(bytes.max(0).cast_unsigned())
}

/// Gives free pages back to the file system, but for a few.
fn give_back(connection: &Connection) -> rusqlite::Result<()> {
    let free: i64 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    if free <= 2 * SPARE_PAGES {
        return Ok(());
    }
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({})", free - SPARE_PAGES))?;
    let mut rows = statement.query([])?;
    // Each step moves a page.
    while rows.next()?.is_some() {}
    Ok(())
}
