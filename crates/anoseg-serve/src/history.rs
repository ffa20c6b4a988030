//! The history of verdicts: what is kept of an inspection, the routes that read it, and what operators state.

use std::sync::Arc;

use anoseg::{Decision, Image, Inspection, Limits};
use anoseg_history::{
    Error, FeedbackFilter, Filter, GivenFeedback, History, ImageSummary, Record, ScoreRow, Statement, Truth,
    Used, VerdictRow,
};
use anoseg_image::Decoded;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::audit::{Asked, Entry};
use crate::failure::Failure;
use crate::repository::Served;
use crate::thresholds::Chosen;
use crate::upload::Upload;

/// Verdicts of a page, unless the request asks for another number.
const PAGE: usize = 50;

/// Who gave feedback where there are no tokens.
const NOBODY: &str = "operator";

/// An inspection, beside its result.
pub(crate) struct Kept<'a> {
    pub(crate) asked: &'a Asked,
    pub(crate) served: &'a Served,
    pub(crate) name: Option<&'a str>,
    pub(crate) image: &'a Image,
    /// What decided, where the request asked for another way than the model's.
    pub(crate) chosen: Option<&'a Chosen>,
}

impl App {
    /// Adds a verdict to the history, if there is one. A verdict that cannot be written is told and counted;
    /// the request goes on. Gives its number.
    pub(crate) fn keep(&self, kept: &Kept<'_>, inspection: &Inspection) -> Option<i64> {
        let history = self.history.as_ref()?;
        let Kept { asked, served, name, image, chosen } = kept;
        let summary = ImageSummary::of(&served.model.scaled(image));
        let request = asked.request_id.as_deref();
        let calibrated = served.model.description().calibration.as_ref().map(Used::from).unwrap_or_default();
        let used = chosen.map_or(calibrated, Chosen::used);
        let decided_by = chosen.and_then(Chosen::decided_by);
        let name = name.or(request).unwrap_or("image");
        let verdict = (inspection.decision, inspection.score);
        let record = Record::new(name, &served.key, verdict, used, &summary);
        let record =
            Record { request, regions: &inspection.regions, decided_by: decided_by.as_deref(), ..record };
        match history.record(&record) {
            Ok(id) => {
                // Scores of another region are no sample of the model's.
                if record.decided_by.is_none() {
                    self.watch(history, served, ScoreRow::of(id, &record));
                }
                Some(id)
            }
            Err(error) => {
                tracing::error!(%error, model = served.name, "the history cannot be written");
                self.metrics.failed("history");
                None
            }
        }
    }

    /// The history.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn history(&self) -> Result<&History, Failure> {
        let missing = "this server keeps no history; start it with --history";
        self.history.as_deref().ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, "no_history", missing))
    }
}

/// Reads or writes the history on a thread that may wait for the disk.
pub(crate) async fn on_disk<T: Send + 'static>(
    app: Arc<App>,
    work: impl FnOnce(&App, &History) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    app.history()?;
    let done = tokio::task::spawn_blocking(move || work(&app, app.history()?)).await;
    done.map_err(|error| Failure::internal(error.to_string()))?
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NoVerdict { .. } => Self::new(StatusCode::NOT_FOUND, "unknown_verdict", error.to_string()),
            Error::NoVerdicts { .. } => {
                let message = "the history has no verdict of this model, nor of another with the same network: inspect \
                               some images first, or leave out since";
                Self::new(StatusCode::NOT_FOUND, "no_verdicts", message)
            }
            Error::NoScores { .. } => {
                let message = "the history has no score of a good image of this model: state of some verdicts that the \
                               part is good, or count those that nobody questioned with unquestioned=true";
                Self::new(StatusCode::NOT_FOUND, "no_feedback", message)
            }
            Error::Value { .. } => Self::bad_request(error.to_string()),
            _ => Self::internal(error.to_string()),
        }
    }
}

/// The query of a page.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Asks {
    from: Option<i64>,
    until: Option<i64>,
    model: Option<String>,
    decision: Option<Decision>,
    least_score: Option<f32>,
    most_score: Option<f32>,
    text: Option<String>,
    feedback: Option<Feedback>,
    before: Option<i64>,
    count: Option<usize>,
}

/// Which feedback is asked for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Feedback {
    None,
    Any,
    Good,
    Defect,
}

impl Asks {
    fn filter(self) -> Filter {
        let feedback = self.feedback.map(|feedback| match feedback {
            Feedback::None => FeedbackFilter::Without,
            Feedback::Any => FeedbackFilter::With,
            Feedback::Good => FeedbackFilter::Is(Truth::Good),
            Feedback::Defect => FeedbackFilter::Is(Truth::Defect),
        });
        let Self { from, until, model, decision, least_score, most_score, text, .. } = self;
        Filter { from, until, model, decision, least_score, most_score, text, feedback, ..Filter::default() }
    }
}

pub(crate) fn asked_for<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Failure> {
    query.map(|Query(query)| query).map_err(|error| Failure::bad_request(error.body_text()))
}

/// `GET /v1/history`: a page of verdicts, the newest first.
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    query: Result<Query<Asks>, QueryRejection>,
) -> Result<Response, Failure> {
    let asks = asked_for(query)?;
    let (before, count) = (asks.before, asks.count.unwrap_or(PAGE));
    let page = on_disk(app, move |_, history| Ok(history.reader().page(&asks.filter(), before, count)?));
    Ok(Json(page.await?).into_response())
}

/// A verdict with all that was stated of it.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    verdict: VerdictRow,
    statements: Vec<GivenFeedback>,
}

/// `GET /v1/history/{id}`: a verdict.
pub(crate) async fn verdict(State(app): State<Arc<App>>, Path(id): Path<i64>) -> Result<Response, Failure> {
    let told = on_disk(app, move |_, history| {
        let verdict = history.reader().verdict(id)?.ok_or(Error::NoVerdict { id })?;
        Ok(Told { verdict, statements: history.reader().statements(id)? })
    });
    Ok(Json(told.await?).into_response())
}

/// `GET /v1/history/{id}/thumbnail`: the image, small.
pub(crate) async fn thumbnail(State(app): State<Arc<App>>, Path(id): Path<i64>) -> Result<Response, Failure> {
    let found = on_disk(app, move |_, history| Ok(history.reader().thumbnail(id)?));
    let image = found.await?.ok_or(Error::NoVerdict { id })?;
    Ok(([(header::CONTENT_TYPE, "image/jpeg")], image).into_response())
}

/// What an operator states.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stated {
    truth: Stand,
    #[serde(default)]
    note: String,
}

/// What a part is, or that former statements are revoked.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stand {
    Good,
    Defect,
    Revoked,
}

/// An image file that is to be kept with a verdict: one that can be read, with the size of the verdict's image.
fn check_original(file: &Upload, verdict: &VerdictRow, limits: &Limits) -> Result<(), Failure> {
    let decoded = Decoded::from_bytes(&file.bytes, std::path::Path::new(&file.name), limits);
    let image = decoded.map_err(anoseg::Error::from)?.image;
    let (size, of_verdict) = ((image.width(), image.height()), (verdict.width, verdict.height));
    if size == of_verdict {
        return Ok(());
    }
    let message = format!(
        "the file has {} x {} pixels, and the image of the verdict {} x {}: send the file that was inspected",
        size.0, size.1, of_verdict.0, of_verdict.1
    );
    Err(Failure::new(StatusCode::BAD_REQUEST, "bad_image", message))
}

/// `POST /v1/history/{id}/feedback?truth=good&note=...`: what the part is. The body is the image's file, as it is or
/// in a form, which is kept for training and calibration; or empty.
pub(crate) async fn feedback(
    State(app): State<Arc<App>>,
    Path(id): Path<i64>,
    query: Result<Query<Stated>, QueryRejection>,
    Extension(asked): Extension<Asked>,
    request: Request,
) -> Result<Response, Failure> {
    let Stated { truth, note } = asked_for(query)?;
    app.history()?;
    let (parts, body) = request.into_parts();
    let received = app.intake.read(&parts.headers, body).await?;
    let told = on_disk(app, move |app, history| {
        let bytes = Some(&received.bytes).filter(|bytes| !bytes.is_empty());
        let file = bytes.map(|bytes| Upload::of(&parts.headers, bytes)).transpose()?;
        let verdict = history.reader().verdict(id)?.ok_or(Error::NoVerdict { id })?;
        file.iter().try_for_each(|file| check_original(file, &verdict, &app.settings.limits))?;
        let author = asked.who.as_deref().unwrap_or(NOBODY);
        let statement = match truth {
            Stand::Good => Statement::new(Truth::Good, author),
            Stand::Defect => Statement::new(Truth::Defect, author),
            Stand::Revoked => Statement::revoke(author),
        };
        let original = file.as_ref().map(|file| &file.bytes[..]);
        // Lines of a note stay; what a terminal would act on goes.
        let note: String = note.chars().filter(|&c| c == '\n' || !anoseg_image::text::is_unseen(c)).collect();
        history.state(id, &Statement { note: &note, original, ..statement })?;
        let verdict = history.reader().verdict(id)?.ok_or(Error::NoVerdict { id })?;
        app.write_down(&Entry::feedback(&asked, &verdict));
        Ok(Told { verdict, statements: history.reader().statements(id)? })
    });
    Ok(Json(told.await?).into_response())
}
