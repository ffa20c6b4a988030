//! Reading a history.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anoseg_infer::Decision;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params, params_from_iter};
use serde::Serialize;

use crate::history::{BUSY, DATABASE, check_start};
use crate::originals::Originals;
use crate::record::decision_number;
use crate::rows::{COLUMNS, SCORE_COLUMNS, TABLES};
use crate::{Error, GivenFeedback, ModelKey, Result, ScoreRow, Truth, VerdictRow, schema};

/// Connections that are kept for the next query.
const MOST_IDLE: usize = 4;

/// Reads a history, in this process or another one than writes it. Threads share it; each query has a
/// connection of its own.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    database: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// Which verdicts a page shows. The default shows all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// From this time on, in milliseconds since 1970.
    pub from: Option<i64>,
    /// Before this time.
    pub until: Option<i64>,
    /// Of the models served under this name.
    pub model: Option<String>,
    /// Of the models with this [`ModelKey::network`].
    pub network: Option<String>,
    /// Of the models with this [`ModelKey::digest`].
    pub digest: Option<String>,
    /// Of this decision.
    pub decision: Option<Decision>,
    /// With at least this score.
    pub least_score: Option<f32>,
    /// With at most this score.
    pub most_score: Option<f32>,
    /// With this text in the image's name or the request's id; small and capital letters of ASCII are the same.
    pub text: Option<String>,
    /// With or without feedback.
    pub feedback: Option<FeedbackFilter>,
}

/// Which feedback is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedbackFilter {
    /// None.
    Without,
    /// Any.
    With,
    /// This.
    Is(Truth),
}

/// Verdicts, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page {
    /// The verdicts.
    pub rows: Vec<VerdictRow>,
    /// Give this as `before` for the next page; None after the last one.
    pub next: Option<i64>,
}

impl Reader {
    /// Opens the history in a folder for reading.
    ///
    /// # Errors
    /// There is none, it is of another version, or it is damaged.
    pub fn open(folder: &Path) -> Result<Self> {
        let database = folder.join(DATABASE);
        if !database.exists() {
            return Err(Error::Missing { path: folder.to_owned() });
        }
        check_start(&database)?;
        let reader = Self { folder: folder.to_owned(), database, idle: Mutex::default() };
        let version = reader
            .with(|connection| Ok(schema::version_of(connection, &reader.database, schema::VERSION)))??;
        match version {
            // Its writer was killed before it made the tables.
            0 => Err(Error::Missing { path: reader.folder }),
            // The process that writes it brings it to the newest version; a reader must not.
            found if found < schema::VERSION => {
                Err(Error::Older { path: reader.database, found, known: schema::VERSION })
            }
            _ => Ok(reader),
        }
    }

    /// The folder of the history.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The database's file.
    pub fn database(&self) -> &Path {
        &self.database
    }

    /// At most `most` verdicts with numbers below `before`, the newest first. Paging by number is stable:
    /// verdicts that are added meanwhile shift nothing.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn page(&self, filter: &Filter, before: Option<i64>, most: usize) -> Result<Page> {
        let most = most.clamp(1, 1000);
        self.with(|connection| {
            let bounds = id_bounds(connection, filter)?;
            let (conditions, mut values) = filter.conditions(bounds);
            values.push(Value::Integer(before.unwrap_or(i64::MAX)));
            let sql = format!(
                "SELECT {COLUMNS} FROM {TABLES} WHERE {conditions} AND v.id < ? ORDER BY v.id DESC LIMIT {}",
                most + 1
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params_from_iter(values), VerdictRow::read)?;
            let mut rows: Vec<VerdictRow> = rows.collect::<Result<_, _>>()?;
            let more = rows.len() > most;
            rows.truncate(most);
            let next = if more { rows.last().map(|row| row.id) } else { None };
            Ok(Page { rows, next })
        })
    }

    /// Calls `take` for the verdicts that a filter passes, in the order of their numbers, from the one after
    /// `after` on.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn scores(&self, filter: &Filter, after: i64, mut take: impl FnMut(ScoreRow)) -> Result<()> {
        self.with(|connection| {
            let bounds = id_bounds(connection, filter)?;
            let (conditions, mut values) = filter.conditions(bounds);
            values.push(Value::Integer(after));
            let sql = format!(
                "SELECT {SCORE_COLUMNS} FROM verdicts v WHERE {conditions} AND v.id > ? ORDER BY v.id"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                take(ScoreRow::read(row)?);
            }
            Ok(())
        })
    }

    /// The newest verdicts that a filter passes, at most `most`, the newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn newest_scores(&self, filter: &Filter, most: usize) -> Result<Vec<ScoreRow>> {
        self.with(|connection| {
            let bounds = id_bounds(connection, filter)?;
            let (conditions, values) = filter.conditions(bounds);
            let sql = format!(
                "SELECT {SCORE_COLUMNS} FROM verdicts v WHERE {conditions} ORDER BY v.id DESC LIMIT {most}"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map(params_from_iter(values), ScoreRow::read)?.collect()
        })
    }

    /// How many verdicts a filter passes.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        self.with(|connection| {
            let bounds = id_bounds(connection, filter)?;
            let (conditions, values) = filter.conditions(bounds);
            let sql = format!("SELECT count(*) FROM verdicts v WHERE {conditions}");
            connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))
        })
    }

    /// A verdict; None if there is none of this number, or no longer.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn verdict(&self, id: i64) -> Result<Option<VerdictRow>> {
        self.with(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE v.id = ?1");
            connection.prepare_cached(&sql)?.query_row([id], VerdictRow::read).optional()
        })
    }

    /// The thumbnail of a verdict's image, as JPEG.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn thumbnail(&self, id: i64) -> Result<Option<Vec<u8>>> {
        self.with(|connection| {
            let sql = "SELECT thumbnail FROM details WHERE verdict = ?1";
            connection.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()
        })
    }

    /// What was stated of a verdict, the newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn statements(&self, id: i64) -> Result<Vec<GivenFeedback>> {
        self.with(|connection| {
            let sql = "SELECT truth, author, time, note FROM statements WHERE verdict = ?1 ORDER BY id DESC";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([id], |row| {
                let truth: Option<i64> = row.get(0)?;
                let truth = truth.and_then(Truth::of);
                Ok(GivenFeedback { truth, author: row.get(1)?, time: row.get(2)?, note: row.get(3)? })
            })?;
            rows.collect()
        })
    }

    /// The models that there are verdicts of, or were.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn models(&self) -> Result<Vec<ModelKey>> {
        self.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT name, version, digest, network FROM models ORDER BY id")?;
            let rows = statement.query_map([], |row| {
                let (name, version) = (row.get(0)?, row.get(1)?);
                Ok(ModelKey { name, version, digest: row.get(2)?, network: row.get(3)? })
            })?;
            rows.collect()
        })
    }

    /// The file of the image that feedback was given on, by [`VerdictRow::original`].
    pub fn original(&self, digest: &str) -> PathBuf {
        Originals::of(&self.folder).path(digest)
    }

    /// Reads the whole database with its indices and gives what is wrong with it, at most ten faults. Takes seconds
    /// where there are millions of verdicts.
    ///
    /// # Errors
    /// The database cannot be read at all.
    pub fn check(&self) -> Result<Vec<String>> {
        self.with(|connection| {
            let mut statement = connection.prepare("PRAGMA integrity_check(10)")?;
            let faults: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(faults.into_iter().filter(|fault| fault != "ok").collect())
        })
    }

    pub(crate) fn baseline(&self, model: &ModelKey) -> Result<Option<String>> {
        self.with(|connection| {
            let sql = "SELECT baseline FROM models WHERE name = ?1 AND version = ?2 AND digest = ?3";
            let values = params![model.name, model.version, model.digest];
            Ok(connection.query_row(sql, values, |row| row.get(0)).optional()?.flatten())
        })
    }

    /// Runs a query on a connection of its own.
    pub(crate) fn with<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let free = idle().pop();
        let connection = match free {
            Some(connection) => connection,
            None => self.connect().map_err(|error| Error::sqlite(&self.database, error))?,
        };
        let found = query(&connection).map_err(|error| Error::sqlite(&self.database, error))?;
        // One that failed is closed.
        let mut idle = idle();
        if idle.len() < MOST_IDLE {
            idle.push(connection);
        }
        Ok(found)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.database, flags)?;
        connection.busy_timeout(BUSY)?;
        // 16 MiB of pages. The file is not mapped into memory: a disk that fails would end the process.
        connection.pragma_update(None, "cache_size", -16 << 10)?;
        Ok(connection)
    }
}

impl Filter {
    /// Conditions of SQL with the values of their parameters. Names and texts are parameters; only numbers are
    /// part of the text.
    fn conditions(&self, bounds: Option<(i64, i64)>) -> (String, Vec<Value>) {
        let mut sql = vec!["1".to_owned()];
        let mut values = Vec::new();
        if let Some((first, last)) = bounds {
            sql.push(format!("v.id BETWEEN {first} AND {last}"));
        }
        // A plus sign keeps SQLite from this index: the order is that of the numbers.
        for (operator, time) in [(">=", self.from), ("<", self.until)] {
            sql.extend(time.map(|time| format!("+v.time {operator} {time}")));
        }
        for (column, name) in [("name", &self.model), ("network", &self.network), ("digest", &self.digest)] {
            if let Some(name) = name {
                sql.push(format!("v.model IN (SELECT id FROM models WHERE {column} = ?)"));
                values.push(Value::Text(name.clone()));
            }
        }
        sql.extend(self.decision.map(|decision| format!("v.decision = {}", decision_number(decision))));
        for (operator, score) in [(">=", self.least_score), ("<=", self.most_score)] {
            if let Some(score) = score {
                sql.push(format!("v.score {operator} ?"));
                values.push(Value::Real(f64::from(score)));
            }
        }
        if let Some(text) = &self.text {
            sql.push("(v.name LIKE ? ESCAPE '\\' OR v.request LIKE ? ESCAPE '\\')".to_owned());
            values.extend(vec![Value::Text(pattern(text)); 2]);
        }
        sql.extend(self.feedback.map(|feedback| match feedback {
            FeedbackFilter::Without => "v.feedback IS NULL".to_owned(),
            FeedbackFilter::With => stated("feedback IS NOT NULL"),
            FeedbackFilter::Is(truth) => {
                stated(&format!("feedback IS NOT NULL AND feedback = {}", truth.number()))
            }
        }));
        (sql.join(" AND "), values)
    }
}

/// Few verdicts have feedback. Without this, SQLite walks through all others in the order of their numbers.
fn stated(condition: &str) -> String {
    format!("v.id IN (SELECT id FROM verdicts INDEXED BY verdicts_feedback WHERE {condition})")
}

/// The pattern of LIKE for texts that contain `text`.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// First and last number of the verdicts in the filter's range of time, so that a page of an old day does not walk
/// through all that came later. None without such a range.
fn id_bounds(connection: &Connection, filter: &Filter) -> rusqlite::Result<Option<(i64, i64)>> {
    if filter.from.is_none() && filter.until.is_none() {
        return Ok(None);
    }
    let sql = "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM verdicts INDEXED BY verdicts_time \
               WHERE time >= ?1 AND time < ?2";
    let values = params![filter.from.unwrap_or(i64::MIN), filter.until.unwrap_or(i64::MAX)];
    connection.prepare_cached(sql)?.query_row(values, |row| Ok(Some((row.get(0)?, row.get(1)?))))
}
