//! Category folders: the layouts, what is reported by name, and what is an error.

// Helper functions unwrap as tests do, and a skipped test says so.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};

use anoseg_image::dataset::{image_paths, list_images, load_ground_truth};
use anoseg_image::{Category, DatasetError, Image, Limits, Mask, write};

/// Makes empty files, and the folders they lie in.
fn touch(root: &Path, files: &[&str]) {
    for file in files {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
}

fn names(paths: &[PathBuf], root: &Path) -> Vec<String> {
    paths.iter().map(|path| path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/")).collect()
}

/// A category with a good picture in each place, and what is asked for.
fn category(more: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    touch(folder.path(), &["train/good/000.png", "test/good/000.png"]);
    touch(folder.path(), more);
    folder
}

#[test]
fn pictures_are_sorted_by_the_numbers_in_their_names() {
    let folder = tempfile::tempdir().unwrap();
    touch(
        folder.path(),
        &[
            "10.png",
            "9.PNG",
            "007.jpg",
            "7.jpg",
            "a2b.tif",
            "a10b.tif",
            "a2a.tif",
            ".hidden.png",
            "notes.txt",
            "Thumbs.db",
        ],
    );
    let found = names(&list_images(folder.path()).unwrap(), folder.path());
    assert_eq!(found, ["007.jpg", "7.jpg", "9.PNG", "10.png", "a2a.tif", "a2b.tif", "a10b.tif"]);
}

#[test]
fn folders_below_count_only_where_no_picture_lies_above() {
    let folder = tempfile::tempdir().unwrap();
    touch(folder.path(), &["day10/1.png", "day2/2.png", "day2/night/1.png", ".git/3.png"]);
    let found = names(&list_images(folder.path()).unwrap(), folder.path());
    assert_eq!(found, ["day2/2.png", "day2/night/1.png", "day10/1.png"]);
    touch(folder.path(), &["0.png"]);
    assert_eq!(names(&list_images(folder.path()).unwrap(), folder.path()), ["0.png"]);
}

#[test]
fn the_mvtec_layout_is_read() {
    let folder = category(&[
        "test/scratch/000.png",
        "test/scratch/001.png",
        "test/dent/000.jpg",
        "ground_truth/scratch/000_mask.png",
        "ground_truth/scratch/001_mask.png",
        "ground_truth/dent/000.png",
        "license.txt",
    ]);
    let root = folder.path();
    let category = Category::open(root).unwrap();
    assert!(category.is_mvtec());
    assert_eq!(category.name, root.file_name().unwrap().to_str().unwrap());
    assert_eq!(names(category.training_images().unwrap(), root), ["train/good/000.png"]);
    let found: Vec<_> = category
        .test
        .iter()
        .map(|image| {
            (
                image.defect.as_str(),
                image.is_good(),
                image.mask.as_ref().map(|mask| mask.strip_prefix(root).unwrap()),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("dent", false, Some(Path::new("ground_truth/dent/000.png"))),
            ("good", true, None),
            ("scratch", false, Some(Path::new("ground_truth/scratch/000_mask.png"))),
            ("scratch", false, Some(Path::new("ground_truth/scratch/001_mask.png"))),
        ]
    );
    assert_eq!(category.warnings, [""; 0]);
}

#[test]
fn a_plain_folder_is_all_good() {
    let folder = tempfile::tempdir().unwrap();
    touch(folder.path(), &["a.png", "b.png"]);
    let category = Category::open(folder.path()).unwrap();
    assert!(!category.is_mvtec());
    assert_eq!((category.train.len(), category.test.len(), category.warnings.len()), (2, 0, 0));

    let nested = tempfile::tempdir().unwrap();
    touch(nested.path(), &["morning/a.png", "evening/b.png"]);
    let category = Category::open(nested.path()).unwrap();
    assert_eq!(category.train.len(), 2);
    assert!(category.warnings[0].contains("all taken as good"));
}

#[test]
fn what_does_not_match_is_warned_of_by_name() {
    let folder = category(&[
        "test/scratch/000.png",
        "test/scratch/001.png",
        "test/stray.png",
        "ground_truth/scratch/001_mask.png",
        "ground_truth/scratch/002_mask.png",
        "ground_truth/dent/000_mask.png",
        "ground_truth/good/000_mask.png",
    ]);
    fs::create_dir(folder.path().join("test/empty")).unwrap();
    let category = Category::open(folder.path()).unwrap();
    assert_eq!(category.test.iter().filter(|image| image.mask.is_some()).count(), 1);
    let says =
        |parts: [&str; 2]| category.warnings.iter().any(|text| parts.iter().all(|part| text.contains(part)));
    assert!(says(["000.png", "has no mask"]));
    assert!(says(["002_mask.png", "without a picture"]));
    assert!(says(["dent", "masks without pictures"]));
    assert!(says(["good", "left out"]));
    assert!(says(["stray.png", "test/<defect>"]));
    assert!(says(["empty", "no pictures"]));
    assert_eq!(category.warnings.len(), 6, "{:?}", category.warnings);
}

#[test]
fn two_masks_for_a_picture_are_an_error() {
    for second in ["000.png", "000_mask.tif"] {
        let folder = category(&["test/dent/000.jpg", "ground_truth/dent/000_mask.png"]);
        touch(folder.path(), &[&format!("ground_truth/dent/{second}")]);
        let text = Category::open(folder.path()).unwrap_err().to_string();
        assert!(text.contains("000.jpg") && text.contains("000_mask.png") && text.contains(second), "{text}");
    }
}

#[test]
fn a_category_with_only_test_pictures_can_be_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    touch(folder.path(), &["test/good/0.png"]);
    let category = Category::open(folder.path()).unwrap();
    assert_eq!(category.test.len(), 1);
    assert!(matches!(category.training_images(), Err(DatasetError::NoTrainingPictures { .. })));
}

#[test]
fn folders_that_are_no_category_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let text = |path: &Path| Category::open(path).unwrap_err().to_string();
    assert!(text(&root.join("absent")).contains("does not exist"));
    assert!(text(root).contains("holds no pictures"));
    touch(
        root,
        &[
            "file.png",
            "bad/train/0.png",
            "empty/train/good/notes.txt",
            "set/a/train/good/0.png",
            "set/b/train/good/0.png",
        ],
    );
    assert!(text(&root.join("file.png")).contains("is a file"));
    assert!(text(&root.join("bad")).contains("train/good"));
    assert!(text(&root.join("empty")).contains("holds no pictures"));
    assert!(text(&root.join("set")).contains("name one of them: a, b"));
    for path in ["absent", "bad", "empty", "set"] {
        assert!(text(&root.join(path)).contains(path), "the message names the path");
    }
}

#[test]
fn inputs_are_files_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    touch(root, &["a/1.png", "a/b/2.png", "c/upload.tmp", "d/notes.txt"]);
    let found = image_paths(&[root.join("c/upload.tmp"), root.join("a"), root.join("a/1.png")]).unwrap();
    assert_eq!(names(&found, root), ["c/upload.tmp", "a/1.png", "a/b/2.png"]);
    assert!(matches!(image_paths(&[root.join("d")]), Err(DatasetError::NoPictures { .. })));
    assert!(matches!(image_paths(&[root.join("absent.png")]), Err(DatasetError::Missing { .. })));
    assert!(image_paths(&[]).unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_and_odd_names_do_no_harm() {
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    touch(root, &["a/1.png"]);
    symlink(root, root.join("a/loop")).unwrap();
    symlink("nowhere.png", root.join("a/broken.png")).unwrap();
    symlink("self.png", root.join("a/self.png")).unwrap();
    fs::write(root.join("a").join(std::ffi::OsString::from_vec(b"\xFF2.png".to_vec())), "").unwrap();
    // Links that lead nowhere stay in the list, so that reading them reports them.
    assert_eq!(list_images(root).unwrap().len(), 4);
    assert_eq!(Category::open(root).unwrap().train.len(), 4);
}

#[test]
fn masks_of_another_size_name_both_pictures_and_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    touch(root, &["train/good/0.png", "test/dent/x", "ground_truth/dent/x"]);
    let picture = Image::filled(20, 10, [0.5; 3]);
    for (name, width) in [("0", 20), ("1", 21)] {
        write::write_png(&root.join(format!("test/dent/{name}.png")), &picture).unwrap();
        let mask = Mask::from_fn(width, 10, |x, _| x == 3);
        write::write_mask_png(&root.join(format!("ground_truth/dent/{name}_mask.png")), &mask).unwrap();
    }
    let category = Category::open(root).unwrap();
    let limits = Limits::default();
    let mask = load_ground_truth(&category.test[0], (20, 10), &limits).unwrap().unwrap();
    assert_eq!(mask, Mask::from_fn(20, 10, |x, _| x == 3));

    let error = load_ground_truth(&category.test[1], (20, 10), &limits).unwrap_err().to_string();
    for part in ["1.png", "1_mask.png", "20 x 10", "21 x 10"] {
        assert!(error.contains(part), "{error}");
    }
    let found = category.check_masks(&limits);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].to_string(), error);
}

/// The pictures beside the project, where there are some.
#[test]
fn real_categories_are_whole() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("ANOSEG_DATA").map_or(beside, PathBuf::from);
    if !data.is_dir() {
        eprintln!("skipped: no real pictures; set ANOSEG_DATA to a folder of categories");
        return;
    }
    assert!(matches!(Category::open(&data), Err(DatasetError::ManyCategories { .. })));
    let limits = Limits::default();
    for (name, train, test) in [("bottle", 209, 83), ("tile", 255, 147), ("cookie", 31, 46)] {
        let root = data.join(name);
        if !root.is_dir() {
            continue;
        }
        let category = Category::open(&root).unwrap();
        assert_eq!((category.train.len(), category.test.len()), (train, test), "{name}");
        assert_eq!(category.warnings, [""; 0], "{name}");
        assert!(category.check_masks(&limits).is_empty(), "{name}");
        for image in category.test.iter().step_by(10) {
            let picture = anoseg_image::decode::load(&image.path, &limits).unwrap();
            let mask = load_ground_truth(image, (picture.width(), picture.height()), &limits).unwrap();
            assert_eq!(mask.is_some_and(|mask| mask.any()), !image.is_good(), "{}", image.path.display());
        }
    }
}
