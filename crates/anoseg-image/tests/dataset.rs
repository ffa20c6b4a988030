//! Dataset folders: the layouts, the warnings and the errors.

// Helper functions unwrap as tests do, and a skipped test says so.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};

use anoseg_image::dataset::{find_images, list_images, load_ground_truth};
use anoseg_image::{Dataset, DatasetError, Image, Limits, Mask, write};

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

/// A dataset folder with one good image for training and for testing, and the files in `more`.
fn dataset(more: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    touch(folder.path(), &["train/good/000.png", "test/good/000.png"]);
    touch(folder.path(), more);
    folder
}

#[test]
fn images_are_sorted_by_the_numbers_in_their_names() {
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
fn images_above_folders_do_not_hide_those_below() {
    let folder = tempfile::tempdir().unwrap();
    touch(folder.path(), &["day10/1.png", "day2/2.png", "day2/night/1.png", ".git/3.png"]);
    let found = names(&list_images(folder.path()).unwrap(), folder.path());
    assert_eq!(found, ["day2/2.png", "day2/night/1.png", "day10/1.png"]);
    touch(folder.path(), &["0.png"]);
    let found = names(&list_images(folder.path()).unwrap(), folder.path());
    assert_eq!(found, ["0.png", "day2/2.png", "day2/night/1.png", "day10/1.png"]);
}

#[test]
fn the_mvtec_layout_is_read() {
    let folder = dataset(&[
        "test/scratch/000.png",
        "test/scratch/001.png",
        "test/dent/000.jpg",
        "ground_truth/scratch/000_mask.png",
        "ground_truth/scratch/001_mask.png",
        "ground_truth/dent/000.png",
        "license.txt",
    ]);
    let root = folder.path();
    let dataset = Dataset::open(root).unwrap();
    assert!(dataset.is_mvtec());
    assert_eq!(dataset.name, root.file_name().unwrap().to_str().unwrap());
    assert_eq!(names(dataset.training_images().unwrap(), root), ["train/good/000.png"]);
    let found: Vec<_> = dataset
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
    assert_eq!(dataset.warnings, [""; 0]);
}

#[test]
fn a_plain_folder_is_all_good() {
    let folder = tempfile::tempdir().unwrap();
    touch(folder.path(), &["a.png", "b.png"]);
    let dataset = Dataset::open(folder.path()).unwrap();
    assert!(!dataset.is_mvtec());
    assert_eq!((dataset.train.len(), dataset.test.len(), dataset.warnings.len()), (2, 0, 0));

    let nested = tempfile::tempdir().unwrap();
    touch(nested.path(), &["morning/a.png", "evening/b.png"]);
    let dataset = Dataset::open(nested.path()).unwrap();
    assert_eq!(dataset.train.len(), 2);
    assert!(dataset.warnings[0].contains("taken as good"));
}

#[test]
fn unmatched_files_are_named_in_warnings() {
    let folder = dataset(&[
        "test/scratch/000.png",
        "test/scratch/001.png",
        "test/stray.png",
        "ground_truth/scratch/001_mask.png",
        "ground_truth/scratch/002_mask.png",
        "ground_truth/dent/000_mask.png",
        "ground_truth/good/000_mask.png",
    ]);
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(dataset.test.iter().filter(|image| image.mask.is_some()).count(), 1);
    let says =
        |parts: [&str; 2]| dataset.warnings.iter().any(|text| parts.iter().all(|part| text.contains(part)));
    assert!(says(["000.png", "has no mask"]));
    assert!(says(["002_mask.png", "2 masks have no image"]));
    assert!(says(["dent", "2 masks have no image"]));
    assert!(says(["good", "left out"]));
    assert!(says(["stray.png", "test/<defect>"]));
    assert_eq!(dataset.warnings.len(), 4, "{:?}", dataset.warnings);
}

#[test]
fn two_masks_for_an_image_are_a_problem_of_that_image() {
    for second in ["000.png", "000_mask.tif"] {
        let folder = dataset(&["test/dent/000.jpg", "ground_truth/dent/000_mask.png"]);
        touch(folder.path(), &[&format!("ground_truth/dent/{second}")]);
        let dataset = Dataset::open(folder.path()).unwrap();
        assert_eq!((dataset.train.len(), dataset.test.len()), (1, 2), "the rest can be used");
        assert!(dataset.test.iter().all(|image| image.mask.is_none()));
        let [problem] = dataset.problems.as_slice() else { panic!("{:?}", dataset.problems) };
        assert!(dataset.warnings.contains(&problem.message));
        let text = &problem.message;
        assert!(text.contains("000.jpg") && text.contains("000_mask.png") && text.contains(second), "{text}");
    }
}

#[test]
fn a_dataset_with_only_test_images_can_be_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    touch(folder.path(), &["test/good/0.png"]);
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(dataset.test.len(), 1);
    assert!(matches!(dataset.training_images(), Err(DatasetError::NoTrainingImages { .. })));
}

#[test]
fn errors_say_why_a_folder_is_no_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let text = |path: &Path| Dataset::open(path).unwrap_err().to_string();
    assert!(text(&root.join("absent")).contains("does not exist"));
    assert!(text(root).contains("holds no images"));
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
    assert!(text(&root.join("empty")).contains("holds no images"));
    assert!(text(&root.join("set")).contains("several datasets (a, b); choose one of them"));
    for path in ["absent", "bad", "empty", "set"] {
        assert!(text(&root.join(path)).contains(path), "the message names the path");
    }
}

#[test]
fn inputs_are_files_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    touch(root, &["a/1.png", "a/b/2.png", "c/upload.tmp", "d/notes.txt"]);
    let found = find_images(&[root.join("c/upload.tmp"), root.join("a"), root.join("a/1.png")]).images;
    assert_eq!(names(&found, root), ["c/upload.tmp", "a/1.png", "a/b/2.png"]);
    let found = find_images(&[root.join("d"), root.join("absent.png"), root.join("a")]);
    assert!(matches!(
        found.failures.as_slice(),
        [DatasetError::NoImages { .. }, DatasetError::Missing { .. }]
    ));
    assert!(!found.images.is_empty(), "a missing input does not hide the others");
    assert!(find_images(&[]).images.is_empty());
}

#[cfg(unix)]
#[test]
fn cyclic_links_and_odd_names_are_handled() {
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    touch(root, &["a/1.png"]);
    symlink(root, root.join("a/loop")).unwrap();
    symlink("nowhere.png", root.join("a/gone.png")).unwrap();
    symlink("self.png", root.join("a/self.png")).unwrap();
    fs::write(root.join("a").join(std::ffi::OsString::from_vec(b"\xFF2.png".to_vec())), "").unwrap();
    // Broken links stay in the list, so that reading them reports an error.
    assert_eq!(list_images(root).unwrap().len(), 4);
    assert_eq!(Dataset::open(root).unwrap().train.len(), 4);
}

#[test]
fn masks_of_another_size_name_both_images_and_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    touch(root, &["train/good/0.png", "test/dent/x", "ground_truth/dent/x"]);
    let image = Image::filled(20, 10, [0.5; 3]);
    for (name, width) in [("0", 20), ("1", 21)] {
        write::write_png(&root.join(format!("test/dent/{name}.png")), &image).unwrap();
        let mask = Mask::from_fn(width, 10, |x, _| x == 3);
        write::write_mask_png(&root.join(format!("ground_truth/dent/{name}_mask.png")), &mask).unwrap();
    }
    let dataset = Dataset::open(root).unwrap();
    let limits = Limits::default();
    let mask = load_ground_truth(&dataset.test[0], (20, 10), &limits).unwrap().unwrap();
    assert_eq!(mask, Mask::from_fn(20, 10, |x, _| x == 3));

    let error = load_ground_truth(&dataset.test[1], (20, 10), &limits).unwrap_err().to_string();
    for part in ["1.png", "1_mask.png", "20 x 10", "21 x 10"] {
        assert!(error.contains(part), "{error}");
    }
    let found = dataset.check_masks(&limits);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].to_string(), error);
}

/// Runs on real images where they are available.
#[test]
fn real_datasets_are_complete() {
    let data = std::env::var_os("ANOSEG_DATA").map(PathBuf::from);
    let Some(data) = data.filter(|data| data.is_dir()) else {
        eprintln!("skipped: ANOSEG_DATA names no folder of datasets");
        return;
    };
    assert!(matches!(Dataset::open(&data), Err(DatasetError::ManyDatasets { .. })));
    let limits = Limits::default();
    for (name, train, test) in [("bottle", 209, 83), ("tile", 255, 147), ("cookie", 31, 46)] {
        let root = data.join(name);
        if !root.is_dir() {
            continue;
        }
        let dataset = Dataset::open(&root).unwrap();
        assert_eq!((dataset.train.len(), dataset.test.len()), (train, test), "{name}");
        assert_eq!(dataset.warnings, [""; 0], "{name}");
        assert!(dataset.check_masks(&limits).is_empty(), "{name}");
        for image in dataset.test.iter().step_by(10) {
            let size = anoseg_image::decode::probe(&image.path, &limits).unwrap();
            let mask = load_ground_truth(image, size, &limits).unwrap();
            assert_eq!(mask.is_some_and(|mask| mask.any()), !image.is_good(), "{}", image.path.display());
        }
    }
}
