//! What names of folders and files say about the parts: defects must not be learned as good.

// Helper functions unwrap as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use anoseg_image::dataset::Layout;
use anoseg_image::{Dataset, DatasetError, Image, Mask, write};

/// Makes four empty files in each of these folders; `#` in a name stands for their number.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        for number in 0..4 {
            let path = folder.path().join(file.replace('#', &number.to_string()));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }
    folder
}

fn refusal(root: &Path) -> String {
    match Dataset::open(root) {
        Err(error @ DatasetError::Suspicious { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The names of the casting dataset of Kaggle; all were once learned as good.
#[test]
fn def_in_the_names_of_files() {
    let folder = folder(&["cast_ok_0_#.png", "cast_def_0_#.png"]);
    let text = refusal(folder.path());
    assert!(text.contains("cast_def_0_") && text.contains("cast_ok_0_"), "{text}");
}

/// Both folders of these pairs were once learned as good.
#[test]
fn pairs_of_folders() {
    for (good, bad) in [
        ("goodparts", "badparts"),
        ("uncracked", "cracked"),
        ("without_crack", "with_crack"),
        ("conforme", "non_conforme"),
        ("bueno", "malo"),
        ("buono", "scarto"),
        ("dobry", "zly"),
        ("годные", "брак"),
        ("正常", "异常"),
    ] {
        let folder = folder(&[&format!("{good}/#.png"), &format!("{bad}/1#.png")]);
        let dataset = Dataset::open(folder.path()).unwrap();
        assert_eq!(
            (dataset.layout, dataset.train.len(), dataset.test.len()),
            (Layout::Sorted, 4, 4),
            "{good}"
        );
        assert!(dataset.train.iter().all(|path| path.starts_with(folder.path().join(good))), "{good}");
    }
}

#[test]
fn pairs_that_leave_open_which_is_good_are_refused() {
    for (one, other, said) in [
        ("positive", "negative", "may stand for good or for bad"),
        ("coated", "uncoated", "the opposite of the other"),
        ("with_clip", "without_clip", "the opposite of the other"),
    ] {
        let folder = folder(&[&format!("{one}/#.png"), &format!("{other}/1#.png")]);
        let text = refusal(folder.path());
        assert!(text.contains(said), "{text}");
        let plain = Dataset::open_as(folder.path(), Some(Layout::Plain)).unwrap();
        assert_eq!(plain.train.len(), 8, "the user can say so");
    }
}

/// The warning once gave their number alone.
#[test]
fn folders_that_are_taken_as_good_are_named() {
    let folder = folder(&["A/#.png", "B/1#.png", "C/2#.png", "D/3#.png"]);
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(dataset.layout, Layout::Plain);
    assert!(
        dataset.warnings[0].ends_with("taken as good, 16 in A, B, C and 1 more"),
        "{:?}",
        dataset.warnings
    );
}

/// Images that are no masks: many colours.
fn photos(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for number in 0..4 {
        let image = Image::from_fn(24, 24, |x, y| {
            [0.2 + x as f32 / 64.0, 0.3 + y as f32 / 99.0, 0.1 * number as f32]
        });
        write::write_png(&folder.join(format!("{number}.png")), &image).unwrap();
    }
}

/// Folders with `mask` in their names were once refused whatever they held.
#[test]
fn photos_of_products_called_mask() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    photos(&root.join("face_mask"));
    photos(&root.join("products/mask_ffp2"));
    photos(&root.join("products/masks"));
    photos(&root.join("products/nut"));
    photos(&root.join("project-masks/images"));
    for (below, count) in [("face_mask", 4), ("products", 12), ("project-masks/images", 4)] {
        let dataset = Dataset::open(&root.join(below)).unwrap();
        assert_eq!((dataset.layout, dataset.train.len()), (Layout::Plain, count), "{below}");
        let doubt = dataset.warnings.iter().find(|warning| warning.contains("but hold"));
        assert!(doubt.is_some_and(|doubt| doubt.contains("mask")), "{:?}", dataset.warnings);
    }
}

#[test]
fn masks_are_refused_still() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    photos(&root.join("images"));
    fs::create_dir(root.join("masks")).unwrap();
    for number in 0..4 {
        let mask = Mask::from_fn(24, 24, |x, y| x + y < 8 + number);
        write::write_mask_png(&root.join(format!("masks/{number}.png")), &mask).unwrap();
    }
    for below in ["", "masks"] {
        assert!(refusal(&root.join(below)).contains("masks"));
    }
    photos(&root.join("masks/others"));
    assert!(refusal(root).contains("masks"), "one mask among them is enough");
}

/// Twenty products were once taken as types of defects of the one called `ok_plug`.
#[test]
fn one_product_named_like_good_parts() {
    let products = ["badge/#.png", "hinge/#.png", "nut/#.png", "cup/#.png", "ng_connector/#.png"];
    let shop = folder(&[&products[..], &["ok_plug/#.png"]].concat());
    let text = refusal(shop.path());
    assert!(text.contains("ok_plug") && text.contains("product"), "{text}");
    for good in ["ok", "good-parts"] {
        let test = folder(&[&products[..], &[&format!("{good}/1#.png")]].concat());
        let dataset = Dataset::open(test.path()).unwrap();
        assert_eq!((dataset.layout, dataset.train.len()), (Layout::Sorted, 4), "{good}");
    }
    let types = folder(&["ok_front/#.png", "dent/#.png", "hole/#.png", "cut/#.png", "burr/#.png"]);
    assert_eq!(Dataset::open(types.path()).unwrap().train.len(), 4);
}
