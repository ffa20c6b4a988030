//! An answer of several parts, as `multipart/form-data`: browsers and clients of HTTP read it as a form.

use axum::http::HeaderValue;

use crate::failure::Failure;

/// A part of an answer.
pub(crate) struct Part<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    /// The part is a file of this name; None for text.
    pub(crate) file: Option<&'a str>,
    pub(crate) content: &'a [u8],
}

/// The body of a form, and its content type. The boundary is a digest of the content, which the content cannot hold.
///
/// # Errors
/// None is expected: the boundary is plain.
pub(crate) fn encode(parts: &[Part<'_>]) -> Result<(HeaderValue, Vec<u8>), Failure> {
    let mut digest = blake3::Hasher::new();
    parts.iter().for_each(|part| _ = digest.update(part.content));
    let boundary = digest.finalize().to_hex();
    let capacity: usize = parts.iter().map(|part| part.content.len() + 256).sum();
    let mut body = Vec::with_capacity(capacity);
    for Part { name, kind, file, content } in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\ncontent-type: {kind}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let kind = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"));
    Ok((kind.map_err(|error| Failure::internal(error.to_string()))?, body))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::{FromRequest as _, Multipart, Request};
    use axum::http::header;

    use super::*;

    #[tokio::test]
    async fn a_form_reads_as_it_was_written() {
        let image: Vec<u8> = (0..=255).chain(*b"\r\n--\r\n").collect();
        let verdict = Part { name: "verdict", kind: "application/json", file: None, content: b"{}" };
        let overlay = Part { name: "overlay", kind: "image/png", file: Some("overlay.png"), content: &image };
        let (kind, body) = encode(&[verdict, overlay]).unwrap();
        let request = Request::builder().header(header::CONTENT_TYPE, kind).body(Body::from(body)).unwrap();
        let mut form = Multipart::from_request(request, &()).await.unwrap();
        let first = form.next_field().await.unwrap().unwrap();
        assert_eq!((first.name(), first.file_name()), (Some("verdict"), None));
        assert_eq!(first.text().await.unwrap(), "{}");
        let second = form.next_field().await.unwrap().unwrap();
        assert_eq!((second.name(), second.content_type()), (Some("overlay"), Some("image/png")));
        assert_eq!(second.bytes().await.unwrap(), image);
        assert!(form.next_field().await.unwrap().is_none());
    }
}
