//! Names that depend on what is to be done and on nothing else.

use anoseg::Limits;
use serde::Serialize;

use crate::message::{Content, ImageRef, Job};

/// Hexadecimal digits of a job's id.
pub(crate) const ID_DIGITS: usize = 32;

/// The key of a chunk: BLAKE3 of model, limits, and name and content of each image. Equal keys stand for equal
/// parts, whatever job the chunk is of and whoever inspects it.
pub(crate) fn chunk_key(model: &str, limits: &Limits, images: &[ImageRef]) -> String {
    let mut key = Key::new("anoseg chunk 1");
    key.add(model.as_bytes());
    key.add(env!("CARGO_PKG_VERSION").as_bytes());
    key.add(&json(limits));
    for image in images {
        key.add(image.name.bytes());
        match &image.content {
            None => key.add(b"unread"),
            Some(Content::Blake3(digest)) => key.add(digest.as_bytes()),
            Some(Content::Tag(tag, bytes)) => key.add(format!("{bytes} {tag}").as_bytes()),
        }
    }
    key.finish()
}

/// The id of a job: the same work has the same id.
pub(crate) fn job_id(job: &Job) -> String {
    let mut key = Key::new("anoseg job 1");
    key.add(&json(job));
    let mut id = key.finish();
    id.truncate(ID_DIGITS);
    id
}

/// Whether a text may be the id of a job; nothing else becomes part of a subject.
pub(crate) fn is_job_id(text: &str) -> bool {
    text.len() == ID_DIGITS && is_hexadecimal(text)
}

/// Whether a text may be a digest; nothing else becomes part of the name of a file.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == 2 * blake3::OUT_LEN && is_hexadecimal(text)
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Values that serialise have no way to fail here: no map has keys that are no texts.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// BLAKE3 of several fields. Each has its length before it, so that no two lists of fields are alike.
pub(crate) struct Key(blake3::Hasher);

impl Key {
    pub(crate) fn new(kind: &str) -> Self {
        let mut key = Self(blake3::Hasher::new());
        key.add(kind.as_bytes());
        key
    }

    pub(crate) fn add(&mut self, field: &[u8]) {
        self.0.update(&(field.len() as u64).to_le_bytes()).update(field);
    }

    pub(crate) fn finish(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path_text::PathText;

    fn image(name: &str, content: &str) -> ImageRef {
        ImageRef { name: PathText(name.into()), content: Some(Content::Blake3(content.into())) }
    }

    #[test]
    fn a_chunk_has_another_key_where_anything_differs_that_its_verdicts_show() {
        let limits = Limits::default();
        let small = Limits { max_pixels: 7, ..limits };
        let images = [image("a", "1"), image("b", "2")];
        let key = chunk_key("model", &limits, &images);
        assert!(is_digest(&key) && key == chunk_key("model", &limits, &images));
        let unread = ImageRef { content: None, ..image("b", "") };
        let tagged = ImageRef { content: Some(Content::Tag("2".into(), 3)), ..image("b", "") };
        let others = [
            chunk_key("other", &limits, &images),
            chunk_key("model", &small, &images),
            chunk_key("model", &limits, &images[..1]),
            chunk_key("model", &limits, &[image("b", "2"), image("a", "1")]),
            chunk_key("model", &limits, &[image("a", "1"), image("b", "3")]),
            chunk_key("model", &limits, &[image("a1", ""), image("b", "2")]),
            chunk_key("model", &limits, &[image("a", "1"), unread]),
            chunk_key("model", &limits, &[image("a", "1"), tagged]),
        ];
        for (number, other) in others.iter().enumerate() {
            assert!(*other != key && !others[..number].contains(other), "{number}");
        }
    }

    #[test]
    fn only_hexadecimal_digits_become_names() {
        assert!(is_job_id(&"0a".repeat(16)) && is_digest(&"0a".repeat(32)));
        let path = "../".repeat(22);
        let others =
            ["0A".repeat(16), "0a".repeat(15), ".*".repeat(16), path[..32].to_owned(), path[..64].to_owned()];
        for wrong in others.iter().map(String::as_str).chain([""]) {
            assert!(!is_job_id(wrong) && !is_digest(wrong), "{wrong}");
        }
    }
}
