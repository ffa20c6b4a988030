//! Test images and masks that are there more than once.

use std::collections::HashMap;
use std::path::Path;

use anoseg_image::Decoded;
use anoseg_image::dataset::{MaskFinding, TestImage, Truth, display_name};
use anoseg_image::text::count;

use crate::sanity::Identity;

/// What is kept of a test image.
pub(crate) struct Tested {
    pub(crate) masks: Vec<MaskFinding>,
    pub(crate) identity: Identity,
    /// Whether all pixels have the same value.
    pub(crate) constant: bool,
    /// Whether its file has further images, which are not used.
    pub(crate) further: bool,
    /// Digest of the marked pixels, where there are any.
    marked: Option<blake3::Hash>,
}

impl Tested {
    pub(crate) fn new(image: &Decoded, truth: Truth, identity: Identity) -> Self {
        let values = image.image.as_slice();
        let constant = values.windows(2).all(|pair| pair[0] == pair[1]);
        let marked = truth.mask.filter(|mask| mask.any()).map(|mask| {
            let pixels: Vec<u8> = mask.as_slice().iter().map(|&marked| u8::from(marked)).collect();
            blake3::Hasher::new().update(&mask.width().to_le_bytes()).update(&pixels).finalize()
        });
        let further = image.further_pages > 0;
        Self { masks: truth.findings, identity, constant, further, marked }
    }
}

/// Remarks on images that are the same under two types, or twice under one, and on masks that are the
/// same for different images.
pub(crate) fn remarks(tested: &[(&TestImage, Tested)]) -> Vec<String> {
    let mut first_image: HashMap<&Identity, &TestImage> = HashMap::new();
    let mut first_mask: HashMap<blake3::Hash, (&TestImage, &Identity)> = HashMap::new();
    let (mut contradictions, mut copies, mut masks) = (Vec::new(), Vec::new(), Vec::new());
    for (test, found) in tested.iter().filter(|(_, found)| !found.constant) {
        match first_image.get(&found.identity) {
            Some(first) if first.is_good() != test.is_good() => contradictions.push((*test, *first)),
            Some(first) => copies.push((*test, *first)),
            None => _ = first_image.insert(&found.identity, test),
        }
        let Some(marked) = found.marked else { continue };
        match first_mask.get(&marked) {
            Some((first, identity)) if *identity != &found.identity => masks.push((*test, *first)),
            Some(_) => {}
            None => _ = first_mask.insert(marked, (test, &found.identity)),
        }
    }
    let mut remarks = Vec::new();
    if let Some((test, first)) = contradictions.first() {
        remarks.push(format!(
            "{} both among those of good parts and of defects: {} is the same as {}; take one of them out",
            count(contradictions.len(), "image to test with is", "images to test with are"),
            display_name(&test.path),
            display_name(&first.path)
        ));
    }
    if let Some((test, first)) = copies.first() {
        remarks.push(format!(
            "{} of another: {} is the same as {}",
            count(copies.len(), "image to test with is a copy", "images to test with are copies"),
            display_name(&test.path),
            display_name(&first.path)
        ));
    }
    if let Some((test, first)) = masks.first() {
        remarks.push(format!(
            "{} that of another, different image: {} is the same as {}; check that each belongs to its image",
            count(masks.len(), "mask is the same as", "masks are the same as"),
            mask_name(test),
            mask_name(first)
        ));
    }
    remarks
}

fn mask_name(test: &TestImage) -> String {
    display_name(test.mask.as_deref().unwrap_or(Path::new("")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use anoseg_image::{Dataset, Image, Mask, write};

    use crate::examine::examine;

    fn part(seed: usize) -> Image {
        Image::from_fn(40, 40, |x, y| [0.3 + ((x * 7 + y * (3 + seed)) % 13) as f32 / 40.0; 3])
    }

    /// Files of a dataset, with images by number and a mask.
    fn dataset(images: &[(&str, usize)], masks: &[(&str, usize)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let place = |file: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        for &(file, seed) in images {
            write::write_png(&place(file), &part(seed)).unwrap();
        }
        for &(file, edge) in masks {
            let mask = Mask::from_fn(40, 40, |x, y| x < edge && y < 9);
            write::write_mask_png(&place(file), &mask).unwrap();
        }
        folder
    }

    /// `check` once said that nothing was wrong.
    #[test]
    fn test_images_and_masks_that_are_there_twice() {
        let folder = dataset(
            &[
                ("train/good/0.png", 0),
                ("train/good/1.png", 1),
                ("test/good/0.png", 2),
                ("test/good/1.png", 3),
                ("test/good/2.png", 3),
                ("test/dent/0.png", 2),
                ("test/dent/1.png", 4),
                ("test/dent/2.png", 5),
            ],
            &[
                ("ground_truth/dent/0_mask.png", 3),
                ("ground_truth/dent/1_mask.png", 5),
                ("ground_truth/dent/2_mask.png", 5),
            ],
        );
        let found = examine(&Dataset::open(folder.path()).unwrap()).unwrap();
        assert!(!found.is_fine());
        for said in [
            "1 image to test with is both among those of good parts and of defects: ",
            "1 image to test with is a copy of another: ",
            "1 mask is the same as that of another, different image: ",
        ] {
            assert!(
                found.remarks.iter().any(|remark| remark.starts_with(said)),
                "{said}: {:?}",
                found.remarks
            );
        }
    }

    #[test]
    fn different_test_images_and_masks_give_no_remark() {
        let folder = dataset(
            &[
                ("train/good/0.png", 0),
                ("train/good/1.png", 1),
                ("test/dent/1.png", 4),
                ("test/dent/2.png", 5),
            ],
            &[("ground_truth/dent/1_mask.png", 5), ("ground_truth/dent/2_mask.png", 6)],
        );
        let found = examine(&Dataset::open(folder.path()).unwrap()).unwrap();
        let repeated = |remark: &&String| remark.contains("the same as");
        assert_eq!(found.remarks.iter().find(repeated), None);
    }

    /// Files that cannot be read were once counted among the images to learn from.
    #[test]
    fn files_that_cannot_be_read_are_not_counted() {
        let folder = dataset(
            &[
                ("train/good/0.png", 0),
                ("train/good/1.png", 1),
                ("test/good/0.png", 2),
                ("test/dent/0.png", 3),
            ],
            &[],
        );
        for file in ["train/good/bad.png", "test/good/bad.png", "test/dent/bad.png"] {
            fs::write(folder.path().join(file), "no image").unwrap();
        }
        let found = examine(&Dataset::open(folder.path()).unwrap()).unwrap();
        assert_eq!((found.train, found.test["good"].images, found.test["dent"].images), (2, 1, 1));
        assert_eq!(found.problems.len(), 3, "{:?}", found.problems);
    }
}
