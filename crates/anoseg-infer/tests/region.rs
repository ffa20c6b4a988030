//! A model with a region of interest: its file, and what it gives.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use anoseg_image::{Image, Mask};
use anoseg_infer::{Area, Drawing, ErrorKind, Geometry, Model, ModelFile, RegionOfInterest};

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
