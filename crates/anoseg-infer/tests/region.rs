//! A model with a region of interest: its file, and what it gives.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use anoseg_image::{Image, Mask};
use anoseg_infer::{
    Area, Decision, DecisionRule, Drawing, Drawings, ErrorKind, Geometry, Model, ModelFile, RegionFilter,
    RegionOfInterest, RegionRule, TrainingImages,
};

fn fixture(name: &str) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format1");
    Model::load(&folder.join(format!("{name}.anoseg"))).unwrap()
}

fn left_half() -> RegionOfInterest {
    RegionOfInterest::inside(Drawing::rectangle("0,0,60,80").unwrap().on((120, 80)))
}

fn image() -> Image {
    Image::from_fn(120, 80, |x, y| [(x * 7 % 31) as f32 / 31.0, (y * 5 % 17) as f32 / 17.0, 0.4])
}

#[test]
fn a_region_survives_the_model_file_and_none_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.anoseg");
    let mask = RegionOfInterest::ignoring(Area::of_mask(&Mask::from_fn(12, 8, |x, y| x < 3 && y > 2)));
    let region = left_half().intersection(mask);
    let model = fixture("compact");
    let bare = serde_json::to_string(model.description()).unwrap();
    assert!(!bare.contains("\"region\""), "earlier versions could not read it");
    let narrowed = model.clone().narrowed(region.clone()).unwrap();
    assert_ne!(narrowed.digest().unwrap(), model.digest().unwrap());
    narrowed.save(&path).unwrap();
    assert_eq!(Model::load(&path).unwrap().description().preprocess.region, Some(region));
}

#[test]
fn a_damaged_region_is_a_fault_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.anoseg");
    for (text, part) in [
        (r#"{}"#, "areas"),
        (r#"{"inside":[{"width":8,"height":4,"counts":[1,2]}]}"#, "32 pixels"),
        (r#"{"inside":[{"width":8,"height":4,"counts":[1,18446744073709551615]}]}"#, "32 pixels"),
        (r#"{"inside":[{"width":0,"height":0,"counts":[0]}]}"#, "region size"),
        (r#"{"inside":[{"width":8,"height":4,"include":[[[0,0],[1,1]]]}]}"#, "3 points"),
        (r#"{"ignored":[{"width":8,"height":4,"include":[[[0,0],[900,1],[1,1]]]}]}"#, "outside"),
    ] {
        let mut file: ModelFile = fixture("compact").to_file();
        file.description.preprocess.region = Some(serde_json::from_str(text).unwrap());
        file.write(&path).unwrap();
        let error = Model::load(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

#[test]
fn the_map_is_zero_outside_and_the_same_inside() {
    for name in ["compact", "published"] {
        let model = fixture(name);
        let whole = model.analyse(&image()).unwrap();
        let narrowed = model.narrowed(left_half()).unwrap();
        let inside = narrowed.inside(&image()).unwrap();
        let part = narrowed.analyse(&image()).unwrap();
        for y in 0..80 {
            for x in 0..120 {
                let expected = if inside.get(x, y) { whole.map.get(x, y) } else { 0.0 };
                // Smoothing differs near the border only.
                let tolerance = if name == "compact" || x >= 60 { 0.0 } else { 0.2 };
                assert!((part.map.get(x, y) - expected).abs() <= tolerance, "{name}: ({x}, {y})");
            }
        }
        let found = narrowed.inspect(&image()).unwrap();
        assert!(found.regions.iter().all(|region| region.x + region.width <= 60), "{name}");
    }
}

#[test]
fn a_region_without_a_pixel_at_the_network_gives_nothing() {
    let model = fixture("compact");
    let dot = RegionOfInterest::inside(Drawing::rectangle("0,0,1,1").unwrap().on((4000, 4000)));
    let narrowed = model.narrowed(dot).unwrap();
    let result = narrowed.inspect(&image()).unwrap();
    assert_eq!(result.score, 0.0);
    assert!(result.map.as_slice().iter().all(|&value| value == 0.0));
}

#[test]
fn the_region_is_that_of_the_whole_image_on_tiles() {
    let mut file = fixture("compact").to_file();
    let [height, width] = file.description.preprocess.size();
    let tiles = Geometry::Tiles { width, height, scale: 1.0, overlap: width / 4, part: 64, step: 16 };
    file.description.preprocess =
        file.description.preprocess.with_geometry(tiles).with_region(Some(left_half()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.anoseg");
    file.write(&path).unwrap();
    let model = Model::load(&path).unwrap();
    // Twice as large as the image that the region was drawn on.
    let image = Image::from_fn(240, 160, |x, y| image().get(x / 2, y / 2));
    let map = model.analyse(&image).unwrap().map;
    assert!((0..160).all(|y| (120..240).all(|x| map.get(x, y) == 0.0)));
    assert!((0..160).all(|y| (0..120).all(|x| map.get(x, y) > 0.0)));
}

/// Drawings in the way of a caller's, named as options.
fn drawings(inside: &[&str], ignored: &[&str]) -> Drawings {
    let mut drawings = Drawings::default();
    let rectangle = |text: &str| Drawing::rectangle_of(text).unwrap().unwrap();
    inside.iter().for_each(|text| drawings.inside("roi", text, rectangle(text)));
    ignored.iter().for_each(|text| drawings.ignore("ignore", text, rectangle(text)));
    drawings
}

/// A model of training images of 120 x 80 pixels.
fn trained(name: &str) -> Model {
    let mut file = fixture(name).to_file();
    file.description.training_images = Some(TrainingImages::of(&image()));
    let folder = tempfile::tempdir().unwrap();
    file.write(&folder.path().join("model.anoseg")).unwrap();
    Model::load(&folder.path().join("model.anoseg")).unwrap()
}

#[test]
fn drawings_narrow_a_model_as_its_region_does() {
    let model = trained("compact");
    let (narrowed, remarks) = model.clone().narrowed_by(&drawings(&["0,0,60,80"], &["10,10,5,5"])).unwrap();
    let region = left_half()
        .intersection(RegionOfInterest::ignoring(Drawing::rectangle("10,10,5,5").unwrap().on((120, 80))));
    let expected = model.clone().narrowed(region).unwrap();
    assert_eq!(narrowed.inspect(&image()).unwrap(), expected.inspect(&image()).unwrap());
    assert!(remarks.is_empty() && narrowed.digest().unwrap() == expected.digest().unwrap());
    let (same, _) = model.clone().narrowed_by(&Drawings::default()).unwrap();
    assert_eq!(same.digest().unwrap(), model.digest().unwrap());
    // A second call narrows further, and never widens.
    let (wide, _) = narrowed.clone().narrowed_by(&drawings(&["0,0,120,80"], &[])).unwrap();
    assert_eq!(wide.inspect(&image()).unwrap(), narrowed.inspect(&image()).unwrap());
}

#[test]
fn drawings_that_do_not_fit_are_refused_by_the_name_that_they_were_given_by() {
    let refused = |model: Model, drawings: &Drawings| model.narrowed_by(drawings).unwrap_err().to_string();
    let model = trained("compact");
    for (inside, ignored, parts) in [
        (&["5,5,200,3"][..], &[][..], &["roi = \"5,5,200,3\"", "outside"][..]),
        (&["0,0,9,9"], &["0,0,9,9"], &["ignore = \"0,0,9,9\"", "nothing of the image is left"]),
        (&["0,0,9,9", "20,20,9,9"], &[], &["roi = \"20,20,9,9\"", "nothing of the image is left"]),
        (&["30,30,0.1,0.1"], &[], &["roi = \"30,30,0.1,0.1\"", "no pixel"]),
    ] {
        let error = refused(model.clone(), &drawings(inside, ignored));
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    let (left, _) = model.clone().narrowed_by(&drawings(&["0,0,60,80"], &[])).unwrap();
    let error = refused(left, &drawings(&["70,0,20,20"], &[]));
    assert!(error.contains("no pixel in common with the region of the model"), "{error}");
    let error = refused(fixture("compact"), &drawings(&["0,0,9,9"], &[]));
    assert!(error.contains("does not tell the size of its training images"), "{error}");
    let mut other = Drawings::default();
    let square = r#"{"width": 80, "height": 80, "include": [[[0, 0], [9, 0], [9, 9]]]}"#;
    other.inside("roi", "a square", Drawing::from_json(square).unwrap());
    let error = refused(model, &other);
    assert!(error.contains("another shape, 120 x 80"), "{error}");
}

#[test]
fn what_is_doubtful_about_drawings_is_told() {
    let (_, remarks) = trained("compact").narrowed_by(&drawings(&["30,30,91,6"], &[])).unwrap();
    assert!(
        remarks[0].contains("roi 30,30,91,6 reaches 1 pixel beyond the image of 120 x 80"),
        "{remarks:?}"
    );
    let (_, remarks) = trained("compact").narrowed_by(&drawings(&["30,30,6,6"], &[])).unwrap();
    assert!(remarks.len() == 1 && remarks[0].contains("hardly stands out"), "{remarks:?}");
}

/// A request of a server narrows a clone: the network must not be copied for it.
#[test]
fn a_clone_with_another_region_costs_microseconds() {
    let model = trained("compact");
    let drawings = drawings(&["0,0,60,80"], &["10,10,5,5"]);
    let begun = std::time::Instant::now();
    for _ in 0..200 {
        std::hint::black_box(model.clone().narrowed_by(&drawings).unwrap());
    }
    // Copying the network would take a hundred times as long.
    let each = begun.elapsed() / 200;
    assert!(each < std::time::Duration::from_millis(5), "{each:?}");
}

#[test]
fn by_the_rule_of_regions_an_image_is_good_without_a_marked_region() {
    let mut model = trained("compact");
    let mut calibration = model.calibration().unwrap().clone();
    let usual = model.inspect(&image()).unwrap();
    let most = usual.map.as_slice().iter().copied().fold(0.0, f32::max);
    let with =
        |rule: RegionRule, model: &Model| model.inspect_by(&image(), DecisionRule::Regions(rule)).unwrap();
    calibration.regions = RegionFilter::default();
    (calibration.image_threshold, calibration.review_threshold) = (0.0, 0.0);
    calibration.pixel_threshold = most;
    model.set_calibration(calibration.clone());
    let none = with(RegionRule::default(), &model);
    assert_eq!((none.decision, none.regions.len(), none.mask.any()), (Decision::Good, 0, false));
    assert_eq!((none.score, &none.map), (usual.score, &usual.map));
    assert_eq!(
        model.inspect(&image()).unwrap().regions.len(),
        1,
        "by the score, its strongest place is marked"
    );
    calibration.pixel_threshold = 0.9 * most;
    model.set_calibration(calibration);
    let found = with(RegionRule::default(), &model);
    let largest = found.regions.iter().map(|region| region.area).max().unwrap();
    assert_eq!(found.decision, Decision::Reject);
    for (min_pixels, min_peak, decision) in [
        (largest, 0.0, Decision::Reject),
        (largest + 1, 0.0, Decision::Review),
        (1, most, Decision::Reject),
        (1, 1.0, Decision::Review),
    ] {
        assert_eq!(
            with(RegionRule { min_pixels, min_peak }, &model).decision,
            decision,
            "{min_pixels} {min_peak}"
        );
    }
}

#[test]
fn an_image_that_is_good_by_its_score_and_has_regions_says_so() {
    let mut model = trained("compact");
    let mut calibration = model.calibration().unwrap().clone();
    let usual = model.inspect(&image()).unwrap();
    let most = usual.map.as_slice().iter().copied().fold(0.0, f32::max);
    calibration.regions = RegionFilter::default();
    calibration.pixel_threshold = 0.9 * most;
    for (threshold, is_told) in [(1.0, true), (0.0, false)] {
        (calibration.image_threshold, calibration.review_threshold) = (threshold, threshold);
        model.set_calibration(calibration.clone());
        let found = model.inspect(&image()).unwrap();
        assert!(!found.regions.is_empty());
        let warnings = found.warnings.iter().filter(|warning| warning.code() == "good_with_regions");
        assert_eq!(warnings.count(), usize::from(is_told), "{:?}", found.warnings);
    }
    let by_regions = model.inspect_by(&image(), DecisionRule::Regions(RegionRule::default())).unwrap();
    assert_eq!(by_regions.decision, Decision::Reject);
    assert!(by_regions.warnings.iter().all(|warning| warning.code() != "good_with_regions"));
}

/// One odd image among 38 good ones once set limits that hid the defects of images that were sent to review.
#[test]
fn regions_of_an_image_that_is_not_good_pass_a_filter_of_their_own() {
    let mut model = trained("compact");
    let mut calibration = model.calibration().unwrap().clone();
    let most = model.inspect(&image()).unwrap().map.as_slice().iter().copied().fold(0.0, f32::max);
    let nothing = RegionFilter { min_area: 1.0, min_peak: 1.0 };
    calibration.pixel_threshold = 0.9 * most;
    calibration.regions = nothing;
    let mut found = |regions_if_not_good, [reject, review]: [f32; 2]| {
        calibration.regions_if_not_good = regions_if_not_good;
        (calibration.image_threshold, calibration.review_threshold) = (reject, review);
        model.set_calibration(calibration.clone());
        let found = model.inspect(&image()).unwrap();
        let marked = found.mask.as_slice().iter().zip(found.map.as_slice());
        let whole = marked.clone().all(|(&marked, &value)| marked == (value > 0.9 * most));
        (found.decision, found.regions.len(), whole)
    };
    let all = Some(RegionFilter::default());
    let (decision, regions, whole) = found(all, [0.0, 0.0]);
    assert!(decision == Decision::Reject && regions > 0 && whole);
    assert_eq!(found(all, [1.0, 0.0]), (Decision::Review, regions, true));
    assert_eq!(found(all, [1.0, 1.0]), (Decision::Good, 0, false));
    // As in earlier models: the same filter for all, and the strongest place of an image that is not good.
    let (decision, regions, _) = found(None, [0.0, 0.0]);
    assert_eq!((decision, regions), (Decision::Reject, 1));
}
