//! Rows as they are read.

use anoseg_infer::Decision;
use rusqlite::Row;
use rusqlite::types::Type;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::record::decision_of;
use crate::{ModelKey, Record, RegionRow, Truth, Used};

/// A verdict of the history.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerdictRow {
    /// Its number: later verdicts have higher ones, and none is used twice.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub time: i64,
    /// The image's name.
    pub name: String,
    /// The id of the request.
    pub request: Option<String>,
    /// Which model.
    pub model: ModelKey,
    /// Its decision.
    pub decision: Decision,
    /// How anomalous the image is, 0..=1.
    pub score: f32,
    /// The thresholds of the decision.
    pub used: Used,
    /// What decided beside thresholds on the model's own score; None where nothing did. See
    /// [`Record::decided_by`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Value>,
    /// The anomalous regions.
    pub regions: Vec<RegionRow>,
    /// Width of the image in pixels.
    pub width: usize,
    /// Height of the image in pixels.
    pub height: usize,
    /// See [`ImageSummary::brightness`](crate::ImageSummary::brightness).
    pub brightness: f64,
    /// See [`ImageSummary::sharpness`](crate::ImageSummary::sharpness).
    pub sharpness: f64,
    /// What an operator states of the part; None where nobody did, or it was revoked.
    pub feedback: Option<Truth>,
    /// BLAKE3 of the image's file, where it was kept.
    pub original: Option<String>,
}

/// Columns of [`VerdictRow`], from `verdicts v`, `models m` and `details d`.
pub(crate) const COLUMNS: &str = "v.id, v.time, v.name, v.request, v.decision, v.score, v.image_threshold, \
    v.review_threshold, v.pixel_threshold, v.width, v.height, v.brightness, v.sharpness, v.feedback, v.original, \
    m.name, m.version, m.digest, m.network, d.regions, v.decided_by";

/// The tables of [`COLUMNS`].
pub(crate) const TABLES: &str =
    "verdicts v JOIN models m ON m.id = v.model LEFT JOIN details d ON d.verdict = v.id";

impl VerdictRow {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            time: row.get(1)?,
            name: row.get(2)?,
            request: row.get(3)?,
            decision: decision(row, 4)?,
            score: row.get::<_, f64>(5)? as f32,
            used: Used {
                image: row.get::<_, f64>(6)? as f32,
                review: row.get::<_, f64>(7)? as f32,
                pixel: row.get::<_, f64>(8)? as f32,
            },
            width: row.get(9)?,
            height: row.get(10)?,
            brightness: row.get(11)?,
            sharpness: row.get(12)?,
            feedback: truth(row, 13)?,
            original: row.get(14)?,
            model: ModelKey {
                name: row.get(15)?,
                version: row.get(16)?,
                digest: row.get(17)?,
                network: row.get(18)?,
            },
            regions: json(row, 19)?.unwrap_or_default(),
            decided_by: json(row, 20)?,
        })
    }
}

/// What thresholds and drift take of a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreRow {
    /// Number of the verdict.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub time: i64,
    /// The decision that was made.
    pub decision: Decision,
    /// How anomalous the image is, 0..=1.
    pub score: f32,
    /// See [`ImageSummary::brightness`](crate::ImageSummary::brightness).
    pub brightness: f64,
    /// See [`ImageSummary::sharpness`](crate::ImageSummary::sharpness).
    pub sharpness: f64,
    /// What an operator states of the part.
    pub feedback: Option<Truth>,
    /// Width of the image in pixels.
    pub width: usize,
    /// Height of the image in pixels.
    pub height: usize,
}

/// Columns of [`ScoreRow`], from `verdicts v`.
pub(crate) const SCORE_COLUMNS: &str =
    "v.id, v.time, v.decision, v.score, v.brightness, v.sharpness, v.feedback, v.width, v.height";

impl ScoreRow {
    /// Of a verdict that was just recorded under this number.
    pub fn of(id: i64, record: &Record<'_>) -> Self {
        Self {
            id,
            time: record.time,
            decision: record.decision,
            score: record.score,
            brightness: record.summary.brightness,
            sharpness: record.summary.sharpness,
            feedback: None,
            width: record.summary.width,
            height: record.summary.height,
        }
    }

    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            time: row.get(1)?,
            decision: decision(row, 2)?,
            score: row.get::<_, f64>(3)? as f32,
            brightness: row.get(4)?,
            sharpness: row.get(5)?,
            feedback: truth(row, 6)?,
            width: row.get(7)?,
            height: row.get(8)?,
        })
    }
}

fn decision(row: &Row<'_>, column: usize) -> rusqlite::Result<Decision> {
    decision_of(row.get(column)?).ok_or_else(|| odd(column, "no decision has this number".into()))
}

fn truth(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Truth>> {
    let number: Option<i64> = row.get(column)?;
    let known = number
        .map(|number| Truth::of(number).ok_or_else(|| odd(column, "no feedback has this number".into())));
    known.transpose()
}

/// A value that is stored as JSON.
fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|error| odd(column, error.into()))).transpose()
}

fn odd(column: usize, error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, error)
}
