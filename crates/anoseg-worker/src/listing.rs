//! Images to submit: in folders and in stores, with what tells that they stay the same.

use std::path::{Path, PathBuf};

use anoseg::Limits;
use anoseg::dataset::{Found, find_images, is_image_name, natural_order};
use anoseg::decode;
use rayon::prelude::*;

use crate::WorkerError;
use crate::keys::Key;
use crate::message::{Content, ImageRef};
use crate::path_text::PathText;
use crate::storage::{Stores, is_s3};

/// What is to be submitted.
pub(crate) struct Listing {
    /// Those in folders, in the order of `predict`, and then those in stores.
    pub(crate) images: Vec<ImageRef>,
    /// What was found in folders.
    pub(crate) found: Found,
}

/// The images that folders, files and `s3://bucket/prefix` name.
pub(crate) async fn list(
    inputs: &[PathBuf],
    limits: &Limits,
    stores: &Stores,
) -> Result<Listing, WorkerError> {
    let (in_stores, in_folders): (Vec<_>, Vec<_>) =
        inputs.iter().cloned().partition(|input| store_name(input).is_some());
    let mut found = find_images(&in_folders);
    let paths = std::mem::take(&mut found.images);
    let of_file = |path: PathBuf| ImageRef { content: content(&path, limits), name: PathText(path) };
    let mut images: Vec<ImageRef> = paths.into_par_iter().map(of_file).collect();
    for name in in_stores.iter().filter_map(|input| store_name(input)) {
        let place = stores.object(name)?;
        let mut objects = place.list().await?;
        objects.retain(|object| {
            is_shown(object.location.as_ref()) && is_image_name(Path::new(object.location.as_ref()))
        });
        objects.sort_by(|a, b| natural_order(Path::new(a.location.as_ref()), Path::new(b.location.as_ref())));
        images.extend(objects.into_iter().map(|object| {
            let name = place.at(object.location).name();
            let content = Some(Content::Tag(object.e_tag.unwrap_or_default(), object.size));
            ImageRef { name: PathText(name.into()), content }
        }));
    }
    Ok(Listing { images, found })
}

fn store_name(input: &Path) -> Option<&str> {
    input.to_str().filter(|name| is_s3(name))
}

/// Whether no part of an object's name begins with a dot, as those of hidden files do.
fn is_shown(key: &str) -> bool {
    key.split('/').all(|part| !part.starts_with('.'))
}

/// BLAKE3 of an image's file; None where it cannot be read, which is told by its verdict.
fn content(path: &Path, limits: &Limits) -> Option<Content> {
    let bytes = decode::read_file(path, limits).ok()?;
    Some(Content::Blake3(blake3::hash(&bytes).to_hex().to_string()))
}

/// BLAKE3 of the names and contents of files, and of all images in folders.
pub(crate) fn digest_of(inputs: &[PathBuf]) -> String {
    let mut paths = find_images(inputs).images;
    paths.sort();
    let limits = Limits { max_file_bytes: u64::MAX, ..Limits::default() };
    let contents: Vec<Option<Content>> = paths.par_iter().map(|path| content(path, &limits)).collect();
    let mut key = Key::new("anoseg training data 1");
    for (path, content) in paths.iter().zip(contents) {
        key.add(path.as_os_str().as_encoded_bytes());
        if let Some(Content::Blake3(digest)) = content {
            key.add(digest.as_bytes());
        }
    }
    key.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_objects_are_no_images() {
        assert!(is_shown("a/b.png") && is_image_name("a/b.PNG".as_ref()));
        assert!(!is_shown("a/.cache/b.png") && !is_shown(".b.png") && !is_image_name("a/notes.txt".as_ref()));
    }

    #[test]
    fn the_data_of_a_training_is_told_by_names_and_contents() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a.png"), "1").unwrap();
        let inputs = [folder.path().to_owned()];
        let first = digest_of(&inputs);
        assert_eq!(digest_of(&inputs), first);
        std::fs::write(path("a.png"), "2").unwrap();
        let second = digest_of(&inputs);
        std::fs::rename(path("a.png"), path("b.png")).unwrap();
        let third = digest_of(&inputs);
        assert!(first != second && second != third && first != third);
    }
}
