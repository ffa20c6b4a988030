//! Writing a history.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anoseg_image::write::FolderLock;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use crate::originals::Originals;
use crate::reader::Reader;
use crate::record::decision_number;
use crate::retention::{self, forget_unused};
use crate::{Error, ModelKey, Record, RegionRow, Result, Retention, Statement, Trimmed, now, schema};

/// The database in the folder of a history.
pub(crate) const DATABASE: &str = "history.sqlite";

/// How long SQLite waits for another process before it gives up.
pub(crate) const BUSY: Duration = Duration::from_secs(10);

/// Verdicts between two checks of the limits.
const TRIM_EVERY: u32 = 64;

/// Transactions of one of them: more than 64 verdicts take, so that a lower limit is reached in time.
const TRIM_STEPS: usize = 8;

/// A history that this process writes. Threads share it.
///
/// One connection writes, behind a mutex; each verdict is a transaction of its own, in the write-ahead log
/// when [`History::record`] returns. A process that is killed loses at most the verdict under way. A power
/// cut may lose the verdicts of the last moments, as the log is synced when it is copied into the database;
/// feedback is synced at once.
#[derive(Debug)]
pub struct History {
    reader: Reader,
    originals: Originals,
    retention: Retention,
    writer: Mutex<Writer>,
    /// Which file the database is.
    file: FileId,
    _lock: FolderLock,
}

/// What tells a file from another one that takes its name; nothing where the system has no such number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId([u64; 2]);

impl FileId {
    fn of(path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(|error| Error::io(path, error))?;
        #[cfg(unix)]
        let id =
            [std::os::unix::fs::MetadataExt::dev(&metadata), std::os::unix::fs::MetadataExt::ino(&metadata)];
        #[cfg(not(unix))]
        let id = [u64::from(metadata.is_file()), 0];
        Ok(Self(id))
    }
}

#[derive(Debug)]
struct Writer {
    connection: Connection,
    models: HashMap<ModelKey, i64>,
    since_trim: u32,
}

impl History {
    /// Opens the history in a folder, and begins one where there is none. Brings an older database to the
    /// newest version, and removes what is beyond `retention`, which can take seconds.
    ///
    /// # Errors
    /// Another process writes it, the database is damaged, newer or of another program, or the folder cannot
    /// be written.
    pub fn open(folder: &Path, retention: Retention) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        let lock = FolderLock::acquire(folder, "history")?;
        let path = folder.join(DATABASE);
        check_start(&path)?;
        let failed = |error| Error::sqlite(&path, error);
        let mut connection = Connection::open(&path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        if schema::version_of(&connection, &path, schema::VERSION)? == 0 {
            // Before the first table is made. Later it would write to the database.
            connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(failed)?;
        }
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
        // 16 MiB of log: each copy into the database syncs the disk.
        connection.pragma_update(None, "wal_autocheckpoint", 4000).map_err(failed)?;
        connection.pragma_update(None, "journal_size_limit", 16 << 20).map_err(failed)?;
        schema::migrate(&mut connection, &path)?;
        check_length(&connection, &path)?;
        let originals = Originals::of(folder);
        originals.sweep(&known_originals(&connection).map_err(failed)?);
        let writer = Writer { connection, models: HashMap::new(), since_trim: 0 };
        let reader = Reader::open(folder)?;
        let file = FileId::of(&path)?;
        let history = Self { reader, originals, retention, writer: Mutex::new(writer), file, _lock: lock };
        history.enforce()?;
        Ok(history)
    }

    /// Reads it. Readers do not wait for the writer.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Writes a verdict down and gives its number. Every 64 verdicts, removes those beyond the limits.
    ///
    /// # Errors
    /// A value is out of range, the disk is full, or the database is damaged. An error while older verdicts are
    /// removed is returned too; the verdict itself is written then.
    pub fn record(&self, record: &Record<'_>) -> Result<i64> {
        record.validate()?;
        self.check_file()?;
        let regions: Vec<RegionRow> = record.regions.iter().map(RegionRow::from).collect();
        let regions = serde_json::to_string(&regions).map_err(|error| Error::value(error.to_string()))?;
        let mut writer = self.writer();
        let id = writer.insert(record, &regions).map_err(|error| self.failed(error))?;
        writer.since_trim += 1;
        if writer.since_trim >= TRIM_EVERY {
            self.trim(&mut writer, now(), TRIM_STEPS)?;
        }
        Ok(id)
    }

    /// Writes down what an operator states of a verdict, or that it is revoked. On the disk when it returns. Where
    /// an image is kept with it, removes what is beyond the limits.
    ///
    /// # Errors
    /// There is no such verdict, a value is out of range, or the image or the database cannot be written.
    pub fn state(&self, verdict: i64, statement: &Statement<'_>) -> Result<()> {
        statement.validate()?;
        self.check_file()?;
        let kept = statement.original.map(|content| (Originals::digest(content), content));
        let mut writer = self.writer();
        if let Some((digest, content)) = &kept {
            // Before the row that names it. A kill in between leaves a file that the next opening removes.
            writer
                .require(verdict)
                .map_err(|error| self.failed(error))?
                .ok_or(Error::NoVerdict { id: verdict })?;
            self.originals.put(digest, content)?;
        }
        let original = kept.map(|(digest, content)| (digest, content.len() as i64));
        let synced = writer.connection.pragma_update(None, "synchronous", "FULL");
        synced.map_err(|error| self.failed(error))?;
        let stated = writer.state(verdict, statement, original);
        let normal = writer.connection.pragma_update(None, "synchronous", "NORMAL");
        let unused = stated.map_err(|error| self.failed(error))?.ok_or(Error::NoVerdict { id: verdict })?;
        normal.map_err(|error| self.failed(error))?;
        unused.iter().for_each(|digest| self.originals.remove(digest));
        if statement.original.is_some() {
            self.trim(&mut writer, now(), TRIM_STEPS)?;
        }
        Ok(())
    }

    /// Removes what is beyond the limits now.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn enforce(&self) -> Result<Trimmed> {
        let mut writer = self.writer();
        let trimmed = self.trim(&mut writer, now(), usize::MAX)?;
        // The file shrinks when the log is copied into it. A reader may prevent that for a while.
        let checkpoint =
            writer.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        checkpoint.map_err(|error| self.failed(error))?;
        Ok(trimmed)
    }

    /// Bytes of the database without its free pages, and of the originals: what [`Retention::bytes`] limits.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn bytes(&self) -> Result<u64> {
        retention::used_bytes(&self.writer().connection).map_err(|error| self.failed(error))
    }

    /// Keeps a document for a model: the baseline of its drift. It is kept as long as the history.
    ///
    /// # Errors
    /// The database cannot be written.
    pub(crate) fn set_baseline(&self, model: &ModelKey, document: &str) -> Result<()> {
        let mut writer = self.writer();
        let set = writer.model(model).and_then(|id| {
            let sql = "UPDATE models SET baseline = ?1 WHERE id = ?2";
            writer.connection.execute(sql, params![document, id])
        });
        set.map(drop).map_err(|error| self.failed(error))
    }

    fn trim(&self, writer: &mut Writer, now: i64, steps: usize) -> Result<Trimmed> {
        writer.since_trim = 0;
        let limits = (&self.retention, now);
        let trimmed = retention::trim(&mut writer.connection, &self.originals, limits, steps);
        trimmed.map_err(|error| self.failed(error))
    }

    /// Fails where the database was removed or replaced: SQLite would go on with a file that nobody finds.
    fn check_file(&self) -> Result<()> {
        let path = self.reader.database();
        if FileId::of(path).is_ok_and(|file| file == self.file) {
            return Ok(());
        }
        Err(Error::Replaced { path: path.to_owned() })
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic in between ends in a transaction that was rolled back.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        Error::sqlite(self.reader.database(), error)
    }
}

impl Writer {
    fn insert(&mut self, record: &Record<'_>, regions: &str) -> rusqlite::Result<i64> {
        let model = self.model(record.model)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut verdict = transaction.prepare_cached(
            "INSERT INTO verdicts (time, name, request, model, score, decision, image_threshold, review_threshold, \
             pixel_threshold, width, height, brightness, sharpness, decided_by) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?;
        let (used, summary) = (record.used, record.summary);
        verdict.execute(params![
            record.time,
            record.name,
            record.request,
            model,
            f64::from(record.score),
            decision_number(record.decision),
            f64::from(used.image),
            f64::from(used.review),
            f64::from(used.pixel),
            summary.width as i64,
            summary.height as i64,
            summary.brightness,
            summary.sharpness,
            record.decided_by,
        ])?;
        drop(verdict);
        let id = transaction.last_insert_rowid();
        let sql = "INSERT INTO details (verdict, regions, thumbnail) VALUES (?1, ?2, ?3)";
        transaction.prepare_cached(sql)?.execute(params![id, regions, summary.thumbnail])?;
        transaction.commit()?;
        Ok(id)
    }

    /// The number of a model, which is given one at its first verdict.
    fn model(&mut self, key: &ModelKey) -> rusqlite::Result<i64> {
        if let Some(id) = self.models.get(key) {
            return Ok(*id);
        }
        let values = params![key.name, key.version, key.digest, key.network];
        self.connection.execute(
            "INSERT INTO models (name, version, digest, network) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            values,
        )?;
        let sql = "SELECT id FROM models WHERE name = ?1 AND version = ?2 AND digest = ?3";
        let id =
            self.connection.query_row(sql, params![key.name, key.version, key.digest], |row| row.get(0))?;
        self.models.insert(key.clone(), id);
        Ok(id)
    }

    fn require(&self, verdict: i64) -> rusqlite::Result<Option<()>> {
        self.connection.query_row("SELECT 1 FROM verdicts WHERE id = ?1", [verdict], |_| Ok(())).optional()
    }

    /// Gives the originals that no verdict has any more; None where there is no such verdict.
    fn state(
        &mut self,
        verdict: i64,
        statement: &Statement<'_>,
        original: Option<(String, i64)>,
    ) -> rusqlite::Result<Option<Vec<String>>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT original FROM verdicts WHERE id = ?1";
        let before: Option<Option<String>> =
            transaction.query_row(sql, [verdict], |row| row.get(0)).optional()?;
        let Some(before) = before else { return Ok(None) };
        let truth = statement.truth.map(crate::Truth::number);
        transaction.execute(
            "INSERT INTO statements (verdict, truth, author, time, note) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![verdict, truth, statement.author, statement.time, statement.note],
        )?;
        transaction.execute("UPDATE verdicts SET feedback = ?1 WHERE id = ?2", params![truth, verdict])?;
        let mut unused = Vec::new();
        if let Some((digest, bytes)) = original {
            let sql = "INSERT INTO originals (digest, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            transaction.execute(sql, params![digest, bytes])?;
            transaction
                .execute("UPDATE verdicts SET original = ?1 WHERE id = ?2", params![digest, verdict])?;
            if let Some(before) = before.filter(|before| *before != digest)
                && forget_unused(&transaction, &before)?
            {
                unused.push(before);
            }
        }
        transaction.commit()?;
        Ok(Some(unused))
    }
}

fn known_originals(connection: &Connection) -> rusqlite::Result<HashSet<String>> {
    connection.prepare("SELECT digest FROM originals")?.query_map([], |row| row.get(0))?.collect()
}

/// Refuses a file that is no database: SQLite finds that out at the first query only.
pub(crate) fn check_start(path: &PathBuf) -> Result<()> {
    let mut start = [0; 16];
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io(path, error)),
    };
    let metadata = file.metadata().map_err(|error| Error::io(path, error))?;
    if !metadata.is_file() {
        return Err(Error::io(path, std::io::ErrorKind::IsADirectory.into()));
    }
    // A new database has no bytes until its first transaction ends.
    let whole =
        metadata.len() == 0 || (&file).read_exact(&mut start).is_ok() && &start == b"SQLite format 3\0";
    let what = "it does not begin as an SQLite database does".to_owned();
    if whole { Ok(()) } else { Err(Error::Damaged { path: path.clone(), what }) }
}

/// Refuses a database that was cut short. Without this, only the query that needs a missing page fails.
fn check_length(connection: &Connection, path: &Path) -> Result<()> {
    let failed = |error| Error::sqlite(path, error);
    let busy: i64 =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(failed)?;
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(failed);
    let wanted = (number("PRAGMA page_count")? * number("PRAGMA page_size")?).cast_unsigned();
    let found = fs::metadata(path).map_err(|error| Error::io(path, error))?.len();
    if busy == 0 && found < wanted {
        let what = format!("it has {found} bytes of {wanted}");
        return Err(Error::Damaged { path: path.to_owned(), what });
    }
    Ok(())
}
