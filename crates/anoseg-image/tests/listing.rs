//! Listing of folders: nothing is lost, nothing is listed twice, one fault does not hide the rest.

// Helper functions unwrap as tests do.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anoseg_image::dataset::{
    Found, Layout, LeftOutKind, categories, display_name, find_images, find_images_until,
};
use anoseg_image::{Dataset, DatasetError, Image, write};
use proptest::prelude::*;

fn png(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write::write_png(path, &Image::filled(8, 8, [0.5; 3])).unwrap();
}

fn find(root: &Path) -> Found {
    find_images(&[root.to_path_buf()])
}

/// Images of other formats, without an ending or with an odd one were once passed over in silence.
#[test]
fn skipped_files() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    png(&root.join("0.png"));
    fs::copy(root.join("0.png"), root.join("no_ending")).unwrap();
    fs::copy(root.join("0.png"), root.join("odd.20260301")).unwrap();
    fs::copy(root.join("0.png"), root.join("camera.nef")).unwrap();
    let heic = [b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".as_slice(), &[0; 200]].concat();
    fs::write(root.join("a.HEIC"), &heic).unwrap();
    fs::write(root.join("b"), &heic).unwrap();
    fs::write(root.join("c.npy"), b"\x93NUMPY\x01\0").unwrap();
    for name in ["notes.txt", "Thumbs.db", "table.csv", "empty"] {
        fs::write(root.join(name), if name == "empty" { "" } else { "name,score\n" }).unwrap();
    }
    let found = find(root);
    assert_eq!(found.images.len(), 3, "{:?}", found.images);
    let lost: Vec<&str> =
        found.left_out.iter().filter(|item| item.is_loss()).map(|item| item.reason.as_str()).collect();
    assert_eq!(lost.len(), 4, "{lost:?}");
    for word in ["HEIC", "NumPy", "Nikon"] {
        assert!(lost.iter().any(|reason| reason.contains(word)), "{word}");
    }
    assert_eq!(found.left_out.iter().filter(|item| item.kind == LeftOutKind::NotAnImage).count(), 4);
}

#[test]
fn a_folder_of_heic_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..3 {
        fs::write(folder.path().join(format!("IMG_{number}.HEIC")), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
            .unwrap();
    }
    let found = find(folder.path());
    let [error] = found.failures.as_slice() else { panic!("{found:?}") };
    let text = error.to_string();
    assert!(text.contains("3 files") && text.contains("HEIC") && text.contains("convert them"), "{text}");
    assert!(Dataset::open(folder.path()).unwrap_err().to_string().contains("3 files"));
}

/// `./a` and `a` were once judged twice.
#[test]
fn a_folder_given_twice_is_listed_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    png(&root.join("a/0.png"));
    let found = find_images(&[root.join("a"), root.join("./a"), root.join("a/../a/0.png")]);
    assert_eq!(found.images, [root.join("a/0.png")]);
    assert!(found.left_out.iter().all(|item| item.kind == LeftOutKind::Repeated));
    assert_eq!(found.left_out.len(), 2);
}

#[test]
fn results_are_no_inputs_but_may_be_ground_truth() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    png(&root.join("train/good/0.png"));
    png(&root.join("test/dent/0.png"));
    fs::create_dir_all(root.join("ground_truth/dent")).unwrap();
    let mask = anoseg_image::Mask::filled(8, 8, true);
    for path in ["train/good/0_mask.png", "test/dent/0_mask.png", "ground_truth/dent/0.png"] {
        write::write_result_mask(&root.join(path), &mask).unwrap();
    }
    let dataset = Dataset::open(root).unwrap();
    assert_eq!((dataset.train.len(), dataset.test.len()), (1, 1));
    assert!(dataset.test[0].mask.as_ref().unwrap().ends_with("ground_truth/dent/0.png"));
    assert_eq!(dataset.left_out.iter().filter(|item| item.kind == LeftOutKind::Result).count(), 2);
    assert_eq!(find(root).images.len(), 2);
}

#[cfg(unix)]
mod vanished {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    /// It was once passed over in silence.
    #[test]
    fn a_dead_link_to_a_share() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        png(&root.join("train/good/0.png"));
        png(&root.join("test/dent/0.png"));
        symlink("/mnt/share that is not mounted", root.join("train/good/share")).unwrap();
        let found = find(root);
        assert_eq!(found.images.len(), 2);
        assert!(matches!(found.failures.as_slice(), [DatasetError::DeadLink { .. }]), "{found:?}");
        let dataset = Dataset::open(root).unwrap();
        assert_eq!((dataset.train.len(), dataset.training_problems().count()), (1, 1));
        assert!(dataset.warnings[0].contains("not mounted"), "{:?}", dataset.warnings);
    }

    #[test]
    fn a_folder_that_may_not_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        png(&root.join("a/0.png"));
        png(&root.join("b/0.png"));
        let set = |mode| fs::set_permissions(root.join("b"), fs::Permissions::from_mode(mode)).unwrap();
        set(0o000);
        let everything_is_allowed = fs::read_dir(root.join("b")).is_ok();
        let found = find(root);
        let dataset = Dataset::open(root);
        set(0o755);
        if !everything_is_allowed {
            assert_eq!((found.images.len(), found.failures.len()), (1, 1));
            assert_eq!(dataset.unwrap().problems.len(), 1);
        }
    }

    #[test]
    fn a_path_that_is_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        png(&root.join("0.png"));
        let long = || std::iter::repeat_n("n".repeat(200), 12).collect::<PathBuf>();
        fs::create_dir_all(root.join("a").join(long())).unwrap();
        fs::create_dir_all(root.join("b").join(long())).unwrap();
        // No path of this length can be made in one step.
        fs::rename(root.join("b"), root.join("a").join(long()).join("b")).unwrap();
        let found = find(root);
        assert_eq!((found.images.len(), found.failures.len()), (1, 1), "{found:?}");
        assert_eq!(Dataset::open(root).unwrap().problems.len(), 1);
    }

    #[test]
    fn loops_of_folders() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        png(&root.join("a/0.png"));
        png(&root.join("b/0.png"));
        symlink("..", root.join("a/up")).unwrap();
        symlink("itself", root.join("itself")).unwrap();
        symlink("../b", root.join("a/across")).unwrap();
        symlink("../a", root.join("b/across")).unwrap();
        let found = find(root);
        assert_eq!(found.images.len(), 2, "{found:?}");
        assert_eq!(found.failures.len(), 2, "{found:?}");
        assert!(found.failures.iter().any(|error| matches!(error, DatasetError::Loop { .. })));
        assert!(found.left_out.iter().any(|item| item.kind == LeftOutKind::Repeated));
    }

    /// Eight folders that link to each other once gave 64 images to learn from, and 8 to inspect.
    #[test]
    fn a_folder_that_links_reach_is_listed_once_by_every_command() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for number in 1..9 {
            png(&root.join(format!("d{number}/{number}.png")));
            let others = (1..9).filter(|other| *other != number);
            others.for_each(|other| {
                symlink(format!("../d{other}"), root.join(format!("d{number}/l{other}"))).unwrap();
            });
        }
        assert!(categories(root).unwrap().is_empty());
        let own: Vec<PathBuf> = (1..9).map(|number| root.join(format!("d{number}/{number}.png"))).collect();
        assert_eq!(find(root).images, own);
        let dataset = Dataset::open(root).unwrap();
        assert_eq!(dataset.train, own);
        assert!(dataset.left_out.iter().all(|item| item.kind == LeftOutKind::Repeated));
    }

    /// A folder of test images that is a link to the training images belongs to these.
    #[test]
    fn training_images_come_before_links_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let (root, store) = (folder.path().join("set"), folder.path().join("store"));
        png(&store.join("0.png"));
        for part in ["test", "train"] {
            fs::create_dir_all(root.join(part)).unwrap();
            symlink(&store, root.join(part).join("good")).unwrap();
        }
        let dataset = Dataset::open(&root).unwrap();
        assert_eq!((dataset.train.len(), dataset.test.len()), (1, 0));
        assert!(dataset.warnings.iter().any(|warning| warning.contains("listed already")));
    }

    /// It once went on whatever the user did.
    #[test]
    fn a_listing_is_stopped_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        (0..9).for_each(|number| png(&root.join(format!("a/{number}.png"))));
        let asked = std::cell::Cell::new(0);
        let stopped = || asked.replace(asked.get() + 1) >= 5;
        let found = find_images_until(&[root.to_path_buf()], &stopped);
        assert!(matches!(found.failures.as_slice(), [DatasetError::Stopped { .. }]), "{found:?}");
        assert_eq!(asked.get(), 6);
        let error = Dataset::open_until(root, None, &|| true).unwrap_err();
        assert!(matches!(error, DatasetError::Stopped { .. }), "{error}");
        let deep = (0..70).fold(root.to_path_buf(), |path, _| path.join("d"));
        png(&deep.join("0.png"));
        let error = Dataset::open(root).unwrap_err().to_string();
        assert!(error.contains("65 folders deep"), "{error}");
    }

    /// They have names of their own, by which a result may be looked up.
    #[test]
    fn links_to_files_are_images_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        png(&root.join("0.png"));
        symlink("0.png", root.join("1.png")).unwrap();
        fs::hard_link(root.join("0.png"), root.join("2.png")).unwrap();
        assert_eq!(find(root).images.len(), 3);
    }
}

const FOLDERS: &[&str] = &[
    "good",
    "OK",
    "ng",
    "train",
    "Test",
    "ground_truth",
    "monday",
    "masks",
    ".git",
    "Data",
    "Images",
    "Anomaly",
    "Normal",
    "validation",
];
const FILES: &[&str] = &[
    "0.png",
    "0_mask.png",
    "0_label.bmp",
    "1.jpg",
    "1.png",
    "1_GT.png",
    "notes.txt",
    "a.heic",
    "odd",
    ".hidden.png",
    "x.nef",
];

/// A file of a random tree: the folders on its way, its name, and what is in it.
fn file() -> impl Strategy<Value = (PathBuf, u8)> {
    let folders = proptest::collection::vec(proptest::sample::select(FOLDERS), 0..4);
    (folders, proptest::sample::select(FILES), 0..4u8).prop_map(|(folders, name, content)| {
        let mut path: PathBuf = folders.into_iter().collect();
        path.push(name);
        (path, content)
    })
}

fn grow(root: &Path, files: &[(PathBuf, u8)]) {
    for (path, content) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match content {
            0 => fs::write(&path, "").unwrap(),
            1 => fs::write(&path, "a text").unwrap(),
            2 => write::write_mask_png(&path, &anoseg_image::Mask::filled(8, 8, false)).unwrap(),
            _ => write::write_mask_png(&path, &anoseg_image::Mask::from_fn(8, 8, |x, _| x == 0)).unwrap(),
        }
    }
}

/// All files below, and hidden folders without what is in them.
fn on_disk(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let hidden = path.file_name().unwrap().to_str().unwrap().starts_with('.');
        if path.is_dir() && !hidden { on_disk(&path, all) } else { all.push(path) }
    }
}

/// Fails unless each file is taken for one thing.
fn check_once(root: &Path, taken: Vec<&Path>) {
    let mut files = Vec::new();
    on_disk(root, &mut files);
    let mut counts: BTreeMap<&Path, usize> = files.iter().map(|file| (file.as_path(), 0)).collect();
    for path in taken {
        *counts.get_mut(path).unwrap_or_else(|| panic!("{} is not there", display_name(path))) += 1;
    }
    let wrong: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_file_of_a_random_tree_is_taken_for_one_thing(files in proptest::collection::vec(file(), 1..14)) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("parts");
        grow(&root, &files);
        let found = find(&root);
        if found.failures.is_empty() {
            let left_out = found.left_out.iter().map(|item| item.path.as_path());
            check_once(&root, found.images.iter().map(PathBuf::as_path).chain(left_out).collect());
        }
        for layout in [None].into_iter().chain(Layout::ALL.map(Some)) {
            let Ok(dataset) = Dataset::open_as(&root, layout) else { continue };
            let mut taken: Vec<&Path> = Vec::new();
            taken.extend(dataset.train.iter().chain(&dataset.validation).map(PathBuf::as_path));
            taken.extend(dataset.test.iter().map(|image| image.path.as_path()));
            taken.extend(dataset.unused_masks.iter().map(PathBuf::as_path));
            taken.extend(dataset.left_out.iter().map(|item| item.path.as_path()));
            // An image with an unreadable label is a problem and nothing else.
            let images: Vec<&Path> = taken.clone();
            taken.extend(dataset.problems.iter().map(|problem| problem.path.as_path()).filter(|path| !images.contains(path)));
            // Two images of one stem may share a mask.
            let masks: std::collections::BTreeSet<&Path> = dataset.test.iter().flat_map(|image| image.masks()).collect();
            taken.extend(masks);
            check_once(&root, taken);
            for image in &dataset.train {
                let shown = image.strip_prefix(&root).unwrap().to_string_lossy().to_lowercase();
                let learned_wrongly = layout.is_none() && ["ng/", "masks/", "ground_truth/", "anomaly/"].iter().any(|bad| shown.contains(bad));
                // The last word decides in folders sorted by good and bad.
                let deeper = dataset.layout == Layout::Sorted || dataset.layout == Layout::Visa;
                prop_assert!(!learned_wrongly || (deeper && !shown.contains("masks/") && !shown.contains("ground_truth/")), "{shown}");
            }
        }
    }
}
