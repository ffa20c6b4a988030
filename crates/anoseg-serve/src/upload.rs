//! An image file in the body of a request, as it is or in a form.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use futures_util::FutureExt as _;

use crate::failure::Failure;

/// Most fields of a form.
const MOST_PARTS: usize = 64;

/// An image file, and what it is called; with the fields `roi` and `ignore` of a form.
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
    pub(crate) drawings: Vec<(String, Bytes)>,
}

impl Upload {
    /// The body itself, or the field `image` of a form, or else its only file.
    ///
    /// # Errors
    /// There is no image, or more than one: the others would not be inspected.
    pub(crate) fn of(headers: &HeaderMap, body: &Bytes) -> Result<Self, Failure> {
        let content_type = headers.get(header::CONTENT_TYPE);
        let kind = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
        if kind.to_ascii_lowercase().starts_with("multipart/form-data") {
            // The body is here already: nothing in it waits.
            let form = Self::of_form(content_type, body).now_or_never();
            return form.unwrap_or_else(|| Err(Failure::bad_request("the form is cut short")));
        }
        if body.is_empty() {
            return Err(Failure::bad_request("the body is empty; send an image file"));
        }
        Ok(Self { name: "image".to_owned(), bytes: body.clone(), drawings: Vec::new() })
    }

    async fn of_form(content_type: Option<&HeaderValue>, body: &Bytes) -> Result<Self, Failure> {
        let wrong = |error: String| Failure::bad_request(format!("the form cannot be read: {error}"));
        let mut request = Request::new(Body::from(body.clone()));
        request.headers_mut().extend(content_type.map(|value| (header::CONTENT_TYPE, value.clone())));
        // The body is here already, within its limit.
        DefaultBodyLimit::disable().apply(&mut request);
        let form = Multipart::from_request(request, &()).await;
        let mut form = form.map_err(|error| wrong(error.body_text()))?;
        let (mut images, mut others, mut drawings) = (Vec::new(), Vec::new(), Vec::new());
        let mut parts = 0;
        while let Some(field) = form.next_field().await.map_err(|error| wrong(error.body_text()))? {
            parts += 1;
            if parts > MOST_PARTS {
                return Err(Failure::bad_request(format!("a form has at most {MOST_PARTS} fields")));
            }
            let (is_image, name) = (field.name() == Some("image"), field.file_name().map(shown));
            let drawing = field.name().filter(|name| matches!(*name, "roi" | "ignore")).map(str::to_owned);
            if drawing.is_none() && !is_image && name.is_none() {
                continue;
            }
            let bytes = field.bytes().await.map_err(|error| wrong(error.body_text()))?;
            match drawing {
                Some(drawing) => drawings.push((drawing, bytes)),
                None => {
                    let name = name.unwrap_or_else(|| "image".to_owned());
                    if is_image { &mut images } else { &mut others }.push((name, bytes));
                }
            }
        }
        let mut files = if images.is_empty() { others } else { images };
        if files.len() > 1 {
            let message = format!("the form has {} images; send one request for each", files.len());
            return Err(Failure::bad_request(message));
        }
        let missing = || Failure::bad_request("the form has no file; send it in the field image");
        let (name, bytes) = files.pop().ok_or_else(missing)?;
        Ok(Self { name, bytes, drawings })
    }
}

/// The last part of a name that a client gave, at most 200 characters. It is shown and stored, and
/// nothing is opened by it.
fn shown(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|&c| !anoseg_image::text::is_unseen(c)).take(200).collect();
    if name.is_empty() { "image".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_without_folders_and_control_characters() {
        assert_eq!(shown("C:\\parts\\a\u{1b}b.png"), "ab.png");
        assert_eq!(shown("../../etc/passwd"), "passwd");
        assert_eq!(shown("../"), "image");
        assert_eq!(shown(&"x".repeat(999)).len(), 200);
    }
}
