//! `POST /v1/models/{model}/predict`: one image file, and its verdict as `predict` writes it, or an
//! image of it.

use std::sync::Arc;
use std::time::Instant;

use anoseg::batch::{Inspected, Verdict, WarningRecord};
use anoseg::{Limits, Model};
use anoseg_image::draw::OverlayRows;
use anoseg_image::write;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::Serialize;

use crate::app::App;
use crate::audit::Asked;
use crate::failure::Failure;
use crate::form::{self, Part};
use crate::inspect::{Inspector, Judged};
use crate::options::Options;
use crate::repository::{Named, Served};
use crate::thresholds::{Chosen, Thresholds};
use crate::upload::Upload;

/// What the answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Verdict,
    Overlay,
    Mask,
    Map,
    /// Verdict and overlay of one inspection, as a form.
    Both,
}

/// One version of a model.
pub(crate) async fn predict(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
    Extension(asked): Extension<Asked>,
    request: Request,
) -> Result<Response, Failure> {
    let served = app.served(&named)?;
    let deadline = Instant::now() + app.settings.deadline;
    let (parts, body) = request.into_parts();
    let view = View::wanted(&parts.headers)?;
    let options = Options::of_query(&parts.uri)?;
    let received = app.intake.read(&parts.headers, body).await?;
    let answer = app.compute(served, deadline, move |app, served, turn| {
        let Upload { name, bytes, drawings } = Upload::of(&parts.headers, &received.bytes)?;
        let options = drawn(options, &drawings, &app.settings.limits)?;
        let chosen = Chosen::of(options, &served.model, &app.settings.limits)?;
        let inspector = Inspector { app, served, asked: &asked, turn, chosen: chosen.as_ref() };
        app.metrics.began(1);
        let judged = inspector.file(&bytes, &name)?;
        drop((bytes, drawings, received));
        let begun = Instant::now();
        let answer = respond(app, view, served, judged, chosen.as_ref());
        served.statistics.output.add(begun.elapsed());
        answer
    });
    answer.await
}

/// The options with the drawings of a form.
fn drawn(mut options: Options, drawings: &[(String, Bytes)], limits: &Limits) -> Result<Options, Failure> {
    for (name, bytes) in drawings {
        options.add_field(name, bytes, limits)?;
    }
    Ok(options)
}

impl View {
    /// The first of the media types of Accept that there is: JSON is the verdict, PNG the overlay, PNG
    /// with `view=mask` the mask, TIFF the map, a form verdict and overlay.
    fn wanted(headers: &HeaderMap) -> Result<Self, Failure> {
        let accept = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        let mut types = accept.flat_map(|value| value.split(',')).map(str::trim).peekable();
        if types.peek().is_none() {
            return Ok(Self::Verdict);
        }
        types.find_map(Self::of).ok_or_else(|| {
            let message =
                "Accept: application/json (verdict), image/png (overlay), image/png;view=mask, image/tiff (map) or \
                 multipart/form-data (verdict and overlay)";
            Failure::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", message)
        })
    }

    fn of(media_type: &str) -> Option<Self> {
        let media_type = media_type.to_ascii_lowercase();
        let mut parts = media_type.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_owned();
        let mut view = None;
        for part in parts {
            match part.split_once('=') {
                Some(("q", weight)) if weight.trim().parse() == Ok(0.0) => return None,
                Some(("view", value)) => view = Some(value.trim().trim_matches('"').to_owned()),
                _ => {}
            }
        }
        match (kind.as_str(), view.as_deref()) {
            ("application/json" | "application/*" | "*/*", None) => Some(Self::Verdict),
            ("image/png" | "image/*", None | Some("overlay")) => Some(Self::Overlay),
            ("image/png", Some("mask")) => Some(Self::Mask),
            ("image/tiff", None | Some("map")) => Some(Self::Map),
            ("multipart/form-data", None) => Some(Self::Both),
            _ => None,
        }
    }
}

/// A verdict with what only a server tells of it.
#[derive(Serialize)]
struct Answered<'a> {
    #[serde(flatten)]
    line: Verdict,
    /// What decided, where the request asked for another way than the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    thresholds: Option<&'a Thresholds>,
    /// Its number in the history, where it was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<i64>,
}

/// The verdict as JSON.
fn verdict_json(
    served: &Served,
    inspected: &Inspected,
    verdict: Option<i64>,
    chosen: Option<&Chosen>,
) -> serde_json::Result<Vec<u8>> {
    let mut line = Verdict { model_digest: served.digest.clone(), ..Verdict::of(inspected, false) };
    let remarks = chosen.map(|chosen| &chosen.remarks[..]).unwrap_or_default();
    let remarks =
        remarks.iter().map(|message| WarningRecord { code: "region".into(), message: message.clone() });
    line.warnings.extend(remarks);
    let thresholds = chosen.map(|chosen| &chosen.thresholds);
    serde_json::to_vec(&Answered { line, thresholds, verdict })
}

fn respond(
    app: &App,
    view: View,
    served: &Served,
    Judged { inspected, verdict }: Judged,
    chosen: Option<&Chosen>,
) -> Result<Response, Failure> {
    let internal = |error: String| Failure::internal(error);
    let model = chosen.map_or(&served.model, |chosen| &chosen.model);
    let (decision, score) = (inspected.inspection.decision, inspected.inspection.score);
    let written = |inspected: &Inspected| {
        let json = verdict_json(served, inspected, verdict, chosen);
        json.map_err(|error| internal(error.to_string()))
    };
    let mut body = Vec::new();
    let kind = match view {
        View::Verdict => {
            body = written(&inspected)?;
            HeaderValue::from_static("application/json")
        }
        View::Both => {
            let (line, mut drawn) = (written(&inspected)?, Vec::new());
            overlay(model, inspected, &mut drawn).map_err(|error| internal(error.to_string()))?;
            let (name, file) = ("overlay", Some("overlay.png"));
            let line = Part { name: "verdict", kind: "application/json", file: None, content: &line };
            let form = [line, Part { name, kind: "image/png", file, content: &drawn }];
            let (kind, form) = form::encode(&form)?;
            body = form;
            kind
        }
        View::Overlay => {
            overlay(model, inspected, &mut body).map_err(|error| internal(error.to_string()))?;
            HeaderValue::from_static("image/png")
        }
        View::Mask => {
            let mask = &inspected.inspection.mask;
            write::encode_result_mask(&mut body, mask).map_err(|error| internal(error.to_string()))?;
            HeaderValue::from_static("image/png")
        }
        View::Map => {
            let map = &inspected.inspection.map;
            write::encode_tiff_f32(&mut body, map).map_err(|error| internal(error.to_string()))?;
            HeaderValue::from_static("image/tiff")
        }
    };
    let score = HeaderValue::from_str(&score.to_string()).map_err(|error| internal(error.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, kind),
        (HeaderName::from_static("anoseg-decision"), HeaderValue::from_static(decision.name())),
        (HeaderName::from_static("anoseg-score"), score),
        (HeaderName::from_static("anoseg-model-version"), HeaderValue::from(served.version)),
    ];
    let mut response = (headers, Body::new(app.held.answer(body))).into_response();
    if chosen.is_some() {
        let name = HeaderName::from_static("anoseg-thresholds");
        response.headers_mut().insert(name, HeaderValue::from_static("overridden"));
    }
    if let Some(verdict) = verdict {
        let name = HeaderName::from_static("anoseg-verdict");
        response.headers_mut().insert(name, HeaderValue::from(verdict));
    }
    Ok(response)
}

/// The image with its anomalous regions, as `predict --overlay` draws it.
fn overlay(model: &Model, inspected: Inspected, target: &mut Vec<u8>) -> std::io::Result<()> {
    let image = model.into_scaled(inspected.image);
    let size = (image.width(), image.height());
    let region = model.description().preprocess.region.as_ref();
    let inside = region.map(|region| region.mask(size.0, size.1));
    let (map, mask) = (&inspected.inspection.map, &inspected.inspection.mask);
    // Colours begin below this value of the map.
    let pixel_threshold = model.calibration().map_err(std::io::Error::other)?.pixel_threshold;
    let drawn = OverlayRows::new(size, map, mask, pixel_threshold);
    let mut drawn = inside.iter().fold(drawn, OverlayRows::with_region);
    write::encode_result_rows(target, &image, |y, row| drawn.draw(y, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &[&str]) -> Result<View, &'static str> {
        let mut headers = HeaderMap::new();
        accept.iter().for_each(|value| _ = headers.append(header::ACCEPT, value.parse().unwrap()));
        View::wanted(&headers).map_err(|failure| failure.code)
    }

    #[test]
    fn the_first_media_type_that_there_is_is_taken() {
        assert_eq!(wanted(&[]), Ok(View::Verdict));
        assert_eq!(wanted(&["*/*"]), Ok(View::Verdict));
        assert_eq!(wanted(&["text/html", "image/avif, image/png;q=0.8, */*"]), Ok(View::Overlay));
        assert_eq!(wanted(&["image/png; view=\"mask\""]), Ok(View::Mask));
        assert_eq!(wanted(&["image/png;q=0, IMAGE/TIFF"]), Ok(View::Map));
        assert_eq!(wanted(&["multipart/form-data"]), Ok(View::Both));
        assert_eq!(wanted(&["text/html"]), Err("not_acceptable"));
    }
}
