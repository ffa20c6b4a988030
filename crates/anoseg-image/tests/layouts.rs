//! Layouts of public datasets and of folders as people keep them: what is taken for what.

// Helper functions unwrap as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use anoseg_image::dataset::{GOOD, Layout, LeftOutKind, Part, categories, load_ground_truth};
use anoseg_image::{Dataset, DatasetError, Limits, Mask, write};

/// Makes empty files, and the folders they lie in. `{}` stands for the numbers 0 to 3.
fn touch(root: &Path, files: &[&str]) {
    for file in files {
        for number in 0..if file.contains("{}") { 4 } else { 1 } {
            let path = root.join(file.replace("{}", &number.to_string()));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }
}

fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    touch(folder.path(), files);
    folder
}

/// Layout, training images, good test images, defective test images, those with a mask.
fn counts(dataset: &Dataset) -> (Layout, usize, usize, usize, usize) {
    let good = dataset.test.iter().filter(|image| image.is_good()).count();
    let masks = dataset.test.iter().filter(|image| image.mask.is_some()).count();
    (dataset.layout, dataset.train.len(), good, dataset.test.len() - good, masks)
}

fn open(root: &Path) -> (Layout, usize, usize, usize, usize) {
    counts(&Dataset::open(root).unwrap())
}

fn refusal(root: &Path) -> String {
    match Dataset::open(root) {
        Err(error @ DatasetError::Suspicious { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// It once learned from defects and masks.
#[test]
fn capitals_in_mvtec_ad() {
    let folder = folder(&[
        "Train/Good/{}.png",
        "Test/Good/{}.png",
        "Test/Blot/{}.png",
        "Ground_Truth/Blot/{}_mask.png",
    ]);
    assert_eq!(open(folder.path()), (Layout::Mvtec, 4, 4, 4, 4));
}

/// `test/Good` and `test/ok` were once types of defects.
#[test]
fn good_test_images_by_any_name() {
    for name in ["Good", "ok", "OK", "normal", "0_good", "defect-free"] {
        let folder =
            folder(&["train/good/{}.png", &format!("test/{name}/{{}}.png"), "test/ok_but_scratched/{}.png"]);
        assert_eq!(open(folder.path()), (Layout::Mvtec, 4, 4, 4, 0), "{name}");
    }
}

/// `eval` was once refused for a training folder that it does not need.
#[test]
fn btad() {
    let files = ["train/ok/{}.bmp", "test/ok/{}.bmp", "test/ko/{}.bmp", "ground_truth/ko/{}.png"];
    assert_eq!(open(folder(&files).path()), (Layout::Mvtec, 4, 4, 4, 4));
    let odd = folder(&["train/x/{}.bmp", "test/ok/{}.bmp"]);
    let dataset = Dataset::open(odd.path()).unwrap();
    assert_eq!(dataset.test.len(), 4, "it can be evaluated");
    assert!(matches!(dataset.training_images(), Err(DatasetError::NoGoodFolder { .. })));
}

#[test]
fn mvtec_ad_2() {
    let folder = folder(&[
        "train/good/{}.png",
        "validation/good/{}.png",
        "test_public/good/{}_regular.png",
        "test_public/bad/{}_regular.png",
        "test_public/ground_truth/bad/{}_regular_mask.png",
        "test_private/{}.png",
    ]);
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(counts(&dataset), (Layout::Mvtec, 4, 4, 4, 4));
    assert_eq!((dataset.validation.len(), dataset.left_out.len()), (4, 4));
    let good = dataset.good_images().unwrap();
    assert_eq!(good.to_string(), "12 good images (4 training, 4 validation, 4 test)");
}

#[test]
fn several_masks_of_mvtec_loco_are_joined() {
    let folder = folder(&["train/good/{}.png", "test/structural_anomalies/x"]);
    let root = folder.path();
    write::write_png(
        &root.join("test/structural_anomalies/000.png"),
        &anoseg_image::Image::filled(9, 8, [0.5; 3]),
    )
    .unwrap();
    for number in 0..2 {
        let path = root.join(format!("ground_truth/structural_anomalies/000/00{number}.png"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write::write_mask_png(&path, &Mask::from_fn(9, 8, |x, _| x == number)).unwrap();
    }
    let dataset = Dataset::open(root).unwrap();
    assert_eq!(dataset.problems, []);
    let image = dataset.test.iter().find(|image| !image.is_good()).unwrap();
    assert_eq!(image.masks().count(), 2);
    let mask = load_ground_truth(image, (9, 8), &Limits::default()).unwrap().unwrap();
    assert_eq!(mask, Mask::from_fn(9, 8, |x, _| x < 2));
}

const VISA: [&str; 4] = [
    "candle/Data/Images/Normal/{}.JPG",
    "candle/Data/Images/Anomaly/{}.JPG",
    "candle/Data/Masks/Anomaly/{}.png",
    "candle/image_anno.csv",
];

#[test]
fn visa() {
    let folder = folder(&VISA);
    let root = folder.path();
    assert_eq!(open(&root.join("candle")), (Layout::Visa, 4, 0, 4, 4));
    assert_eq!(open(&root.join("candle/Data")), (Layout::Visa, 4, 0, 4, 4));
    assert_eq!(categories(root).unwrap(), [root.join("candle")]);
    assert!(matches!(Dataset::open(root), Err(DatasetError::ManyDatasets { .. })));
}

#[test]
fn visa_is_divided_by_its_own_table() {
    let folder = folder(&VISA);
    let table = "object,split,label,image,mask\n\
                 candle,train,normal,candle/Data/Images/Normal/0.JPG,\n\
                 candle,test,normal,candle/Data/Images/Normal/1.JPG,\n\
                 candle,test,anomaly,candle/Data/Images/Anomaly/0.JPG,candle/Data/Masks/Anomaly/0.png\n";
    fs::create_dir(folder.path().join("split_csv")).unwrap();
    fs::write(folder.path().join("split_csv/1cls.csv"), table).unwrap();
    assert_eq!(open(&folder.path().join("candle")), (Layout::Visa, 3, 1, 4, 4));
}

/// Images with a label beside each; numbers below `bad` have a label that marks a pixel.
fn labelled(root: &Path, folder: &str, bad: usize, names: (&str, &str)) {
    fs::create_dir_all(root.join(folder)).unwrap();
    let image = anoseg_image::Image::filled(9, 8, [0.5; 3]);
    for number in 0..4 {
        let path = |name: &str| root.join(folder).join(name.replace("{}", &number.to_string()));
        write::write_png(&path(names.0), &image).unwrap();
        write::write_mask_png(&path(names.1), &Mask::from_fn(9, 8, |x, y| number < bad && x + y == 0))
            .unwrap();
    }
}

/// Labels were once learned from as good parts.
#[test]
fn kolektor_sdd() {
    let folder = tempfile::tempdir().unwrap();
    for part in ["kos01", "kos02"] {
        labelled(folder.path(), part, 1, ("Part{}.png", "Part{}_label.png"));
    }
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(counts(&dataset), (Layout::Kolektor, 6, 0, 2, 2));
    assert_eq!(dataset.warnings, [""; 0]);
}

#[test]
fn kolektor_sdd2() {
    let folder = tempfile::tempdir().unwrap();
    labelled(folder.path(), "train", 1, ("{}.png", "{}_GT.png"));
    labelled(folder.path(), "test", 2, ("{}.png", "{}_GT.png"));
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(counts(&dataset), (Layout::Kolektor, 3, 2, 2, 2));
    assert_eq!(dataset.left_out.len(), 1, "a training image that shows a defect");
}

/// Images without a mask may be good, or nobody has drawn their masks yet.
#[test]
fn masks_beside_some_images_are_ambiguous() {
    let folder = tempfile::tempdir().unwrap();
    labelled(folder.path(), ".", 4, ("{}.png", "{}_mask.png"));
    touch(folder.path(), &["9.png"]);
    assert!(refusal(folder.path()).contains("9.png"));
    let chosen = Dataset::open_as(folder.path(), Some(Layout::Kolektor)).unwrap();
    assert_eq!(counts(&chosen), (Layout::Kolektor, 1, 0, 4, 4));
}

/// They were once all learned from as good parts.
#[test]
fn folders_named_good_and_bad() {
    for (good, bad) in
        [("good", "bad"), ("ok", "ng"), ("OK", "NG"), ("normal", "defective"), ("Normal", "abnormal")]
    {
        let folder = folder(&[&format!("{good}/day 1/{{}}.png"), &format!("{bad}/{{}}.png"), "stray.png"]);
        let dataset = Dataset::open(folder.path()).unwrap();
        assert_eq!(counts(&dataset), (Layout::Sorted, 4, 0, 4, 0), "{good} {bad}");
        assert!(dataset.warnings.iter().any(|warning| warning.contains("stray.png")));
    }
}

#[test]
fn folders_beside_good_ones_are_defects() {
    let folder = folder(&["good/{}.png", "stain/{}.png", "masks/stain/{}.png"]);
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(counts(&dataset), (Layout::Sorted, 4, 0, 4, 4));
    assert!(dataset.warnings[0].contains("stain"), "{:?}", dataset.warnings);
}

#[test]
fn a_folder_of_defects_below_good_images() {
    let folder = folder(&["{}.png", "ng/{}.png"]);
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(counts(&dataset), (Layout::Sorted, 4, 0, 4, 0));
    assert!(dataset.warnings[0].contains("4 images in the folder itself"), "{:?}", dataset.warnings);
}

/// Real-IAD has its masks beside the images, with another ending.
#[test]
fn real_iad() {
    let folder = folder(&["OK/S0001/{}.jpg", "NG/BX/S0002/{}.jpg", "NG/BX/S0002/{}.png"]);
    assert_eq!(open(folder.path()), (Layout::Sorted, 4, 0, 4, 4));
}

#[test]
fn what_contradicts_good_parts_is_never_learned() {
    let masks = folder(&["{}.png", "day/{}.png", "mask/{}.png"]);
    assert!(refusal(masks.path()).contains("mask"));
    let unclear = folder(&["ng/{}.png", "monday/{}.png"]);
    assert!(refusal(unclear.path()).contains("monday"));
    let nested = folder(&["monday/{}.png", "tuesday/raw/test/{}.png"]);
    assert!(refusal(nested.path()).contains("tuesday/raw/test"));
    let itself = folder(&["ng/{}.png", "ground_truth/blot/{}.png"]);
    assert!(refusal(&itself.path().join("ng")).contains("ng"));
    assert!(refusal(&itself.path().join("ground_truth")).contains("ground_truth"));
    assert!(refusal(&itself.path().join("ground_truth/blot")).contains("ground_truth"));
    let category = folder(&["train/good/{}.png", "test/blot/{}.png", "test/good/{}.png"]);
    assert!(refusal(&category.path().join("test/blot")).contains("test"));
    assert_eq!(open(&category.path().join("test/good")), (Layout::Plain, 4, 0, 0, 0));
    assert_eq!(open(&category.path().join("test")), (Layout::Sorted, 4, 0, 4, 0));
    // The user may say that they are good after all.
    let chosen = Dataset::open_as(&itself.path().join("ng"), Some(Layout::Plain)).unwrap();
    assert_eq!(counts(&chosen), (Layout::Plain, 4, 0, 0, 0));
}

/// Defects that only the names of files tell were once learned from as good parts.
#[test]
fn names_that_tell_defects_are_not_learned_as_good() {
    for (good, bad) in [
        ("good_{}.png", "defect_{}.png"),
        ("OK_00{}.jpg", "NG_00{}.jpg"),
        ("part{}_ok.png", "part{}_ng.png"),
        ("normal ({}).png", "broken ({}).png"),
        ("no_defect_{}.png", "defect_{}.png"),
        ("day/crack_sensor_{}_ok.png", "night/crack_sensor_{}_nok.png"),
    ] {
        let folder = folder(&[good, bad]);
        let text = refusal(folder.path());
        for name in [good, bad] {
            let name = name.replace("{}", "0");
            assert!(text.contains(name.rsplit('/').next().unwrap()), "{text}");
        }
        let chosen = Dataset::open_as(folder.path(), Some(Layout::Plain)).unwrap();
        assert_eq!(
            (counts(&chosen), chosen.warnings.len()),
            ((Layout::Plain, 8, 0, 0, 0), usize::from(good.contains('/')))
        );
    }
    let some = folder(&["{}.png", "scratch_{}.png"]);
    assert!(refusal(some.path()).contains("scratch_0.png, and others are not, such as 0.png"));
    let all = folder(&["scratch_{}.png", "crack_{}.png"]);
    assert!(refusal(all.path()).contains("all files are named as defects"));
    let above = folder(&["OK_{}.png", "NG_{}.png", "ng/{}.png"]);
    assert!(refusal(above.path()).contains("NG_0.png"));
}

#[test]
fn names_that_say_good_or_name_the_product_are_accepted() {
    for names in [
        &["not_defect_{}.png", "no_scratch_{}.png", "defect_free_{}.png", "no-defect{}.png"][..],
        &["OK_{}.png", "{}.png"],
    ] {
        let folder = folder(names);
        assert_eq!(Dataset::open(folder.path()).unwrap().warnings, [""; 0]);
    }
    let product = folder(&["crack_sensor_{}.png"]);
    let dataset = Dataset::open(product.path()).unwrap();
    assert_eq!(dataset.train.len(), 4);
    assert!(dataset.warnings[0].contains("crack stands in the names of all 4"), "{:?}", dataset.warnings);
    // A folder named after good parts says more than the names in it.
    let sorted = folder(&["train/good/{}.png", "train/good/ng_{}.png"]);
    let dataset = Dataset::open(sorted.path()).unwrap();
    assert_eq!(dataset.train.len(), 8);
    assert!(dataset.warnings[0].contains("ng_0.png"), "{:?}", dataset.warnings);
}

#[test]
fn odd_folders_among_training_images_are_left_out() {
    let folder = folder(&["train/good/{}.png", "train/good/ng/{}.png", "train/{}.png", "train/blot/{}.png"]);
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(counts(&dataset), (Layout::Mvtec, 4, 0, 0, 0));
    assert_eq!(dataset.left_out.len(), 12);
    for word in ["train/blot", "folder named ng", "train itself"] {
        assert!(dataset.warnings.iter().any(|warning| warning.contains(word)), "{word}");
    }
}

/// Two images above twenty in folders below were once all that was learned from.
#[test]
fn stray_above_subfolders() {
    let plain = folder(&["{}.png", "monday/{}.png", "tuesday/{}.png"]);
    let dataset = Dataset::open(plain.path()).unwrap();
    assert_eq!(dataset.train.len(), 12);
    assert!(dataset.warnings[0].contains("4 images itself and 8 in folders below"), "{:?}", dataset.warnings);
    let category = folder(&["train/good/{}.png", "train/good/monday/{}.png"]);
    assert_eq!(Dataset::open(category.path()).unwrap().train.len(), 8);
}

#[test]
fn a_layout_that_the_folder_does_not_have_is_refused() {
    let folder = folder(&["{}.png"]);
    for layout in [Layout::Mvtec, Layout::Visa, Layout::Sorted] {
        let error = Dataset::open_as(folder.path(), Some(layout)).unwrap_err();
        assert!(matches!(error, DatasetError::OtherLayout { .. }), "{error}");
    }
    assert_eq!("VisA".parse(), Ok(Layout::Visa));
    assert!("other".parse::<Layout>().unwrap_err().contains("mvtec"));
}

/// A mask whose name was composed otherwise, as macOS and Linux write, was once not found.
#[test]
fn names_match_by_normal_form() {
    let folder = folder(&[
        "train/good/{}.png",
        "test/blot/Pru\u{308}fteil.PNG",
        "ground_truth/blot/Pr\u{fc}fteil_mask.png",
    ]);
    assert_eq!(open(folder.path()), (Layout::Mvtec, 4, 0, 1, 1));
}

#[test]
fn files_that_are_no_images_are_no_warning() {
    let folder = folder(&["{}.png", "notes.txt", "Thumbs.db", ".DS_Store", "labels.json"]);
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!((dataset.train.len(), dataset.left_out.len()), (4, 4));
    assert_eq!(dataset.warnings, [""; 0]);
    assert!(!dataset.is_incomplete(Part::Training) && !dataset.is_incomplete(Part::Test));
    assert!(dataset.left_out.iter().all(|item| !item.is_remarkable()));
}

#[test]
fn a_good_image_counts_as_good_by_its_folder() {
    let folder = folder(&["train/good/0.png", "test/Good/0.png"]);
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(dataset.test[0].defect, GOOD);
    assert!(dataset.left_out.iter().all(|item| item.kind == LeftOutKind::Hidden));
}
