//! What an inspection leaves behind: verdicts in SQLite, an operator's feedback on them, thresholds that
//! follow from both, and drift.
//!
//! | item | purpose |
//! |---|---|
//! | [`History`] | writes verdicts and feedback, keeps them within [`Retention`] |
//! | [`Reader`] | pages of verdicts by [`Filter`], thumbnails, feedback; also while another process writes |
//! | [`export`](mod@export) | feedback as dataset folders |
//! | [`proposal`] | what thresholds would become ([`thresholds`]), and which decisions would change ([`regression`]) |
//! | [`comparison`] | which decisions another model changes, on the images that feedback was given on |
//! | [`drift`] | alarms of a stated false-alarm rate on scores, rates and images |
//!
//! A history is a folder: `history.sqlite` (WAL), `originals/` (images that feedback was given on, named by
//! the BLAKE3 of their content) and `.anoseg.lock` (held by the process that writes). One connection writes,
//! behind a mutex; readers have connections of their own and do not wait for it.
//!
//! ```
//! use anoseg_history::{Filter, History, ModelKey, Record, Retention, Statement, Truth, Used};
//! use anoseg_history::{ImageSummary, now};
//! use anoseg_image::Image;
//! use anoseg_infer::Decision;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("anoseg-history-{}", std::process::id()));
//! let history = History::open(&folder, Retention::default())?;
//! let model = ModelKey { name: "token".into(), version: "1".into(), ..ModelKey::default() };
//! let summary = ImageSummary::of(&Image::filled(64, 64, [0.5; 3]));
//! let used = Used { image: 0.5, review: 0.4, pixel: 0.6 };
//! let record = Record::new("a.png", &model, (Decision::Reject, 0.7), used, &summary);
//! let id = history.record(&record)?;
//! history.state(id, &Statement::new(Truth::Good, "kim"))?;
//! let page = history.reader().page(&Filter::default(), None, 50)?;
//! assert_eq!(page.rows[0].feedback, Some(Truth::Good));
//! # drop(history);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```

pub mod comparison;
pub mod drift;
mod error;
pub mod export;
mod feedback;
mod history;
mod originals;
pub mod proposal;
mod reader;
mod record;
pub mod regression;
mod retention;
mod rows;
mod schema;
mod summary;
pub mod thresholds;

pub use error::{Error, Result};
pub use feedback::{GivenFeedback, Statement, Truth};
pub use history::History;
pub use reader::{FeedbackFilter, Filter, Page, Reader};
pub use record::{ModelKey, Record, RegionRow, Used, now};
pub use retention::{Retention, Trimmed};
pub use rows::{ScoreRow, VerdictRow};
pub use summary::{ImageSummary, THUMBNAIL_SIDE};
