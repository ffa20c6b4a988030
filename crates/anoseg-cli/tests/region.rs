//! Where on the image defects count.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use anoseg_image::{Image, Limits, Mask, decode, write};
use anoseg_infer::{Geometry, Model, RegionOfInterest};
use common::{SIDE, Workshop, tensor_bytes};
use serde_json::Value;

/// Columns of the left half, in which defects count in these tests.
const LEFT: usize = SIDE / 2;

fn load(shop: &Workshop, name: &str) -> Image {
    decode::load(&shop.path(name), &Limits::default()).unwrap()
}

/// A good image, and copies with a green block on the left and on the right.
fn blocks(shop: &Workshop) {
    let good = load(shop, "data/test/good/001.png");
    let block = |left: usize| {
        let inside = move |x: usize, y: usize| (left..left + 14).contains(&x) && (40..54).contains(&y);
        Image::from_fn(SIDE, SIDE, |x, y| if inside(x, y) { [0.0, 0.9, 0.0] } else { good.get(x, y) })
    };
    std::fs::create_dir_all(shop.path("new")).unwrap();
    for (name, image) in [("good", good.clone()), ("left", block(24)), ("right", block(60))] {
        write::write_png(&shop.path(&format!("new/{name}.png")), &image).unwrap();
    }
}

/// The verdict on an image of `blocks` in a folder.
fn verdict(shop: &Workshop, folder: &str, name: &str) -> Value {
    let text = std::fs::read_to_string(shop.path(folder).join("verdicts.jsonl")).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.find(|line| line["image"].as_str().unwrap().ends_with(&format!("{name}.png"))).unwrap()
}

fn region(shop: &Workshop, model: &str) -> RegionOfInterest {
    Model::load(&shop.path(model)).unwrap().description().preprocess.region.clone().unwrap()
}

#[test]
fn only_defects_inside_are_reported() {
    let shop = Workshop::new();
    blocks(&shop);
    let train = "train data -o left.anoseg --config tiny.toml --steps 120";
    let (_, err) = shop.run(&format!("{train} --roi 0,0,{LEFT},{SIDE}"), 0);
    assert!(err.contains("defects count in 50.0 % of the image"), "{err}");
    let (info, _) = shop.run("info left.anoseg", 0);
    assert!(info.contains("roi       50 % of the image, drawn on 96 x 96 pixels"), "{info}");

    shop.run("predict left.anoseg new -o out --overlay --mask --map", 0);
    let [good, left, right] = ["good", "left", "right"].map(|name| verdict(&shop, "out", name));
    assert_ne!(left["decision"], "good", "{left}");
    let ends = left["regions"].as_array().unwrap().iter().map(|it| &it["box"]);
    let ends: Vec<u64> = ends.map(|it| it[0].as_u64().unwrap() + it[2].as_u64().unwrap()).collect();
    assert!(!ends.is_empty() && ends.iter().all(|&end| end <= LEFT as u64), "{left}");
    assert_eq!((&right["decision"], right["regions"].as_array().map(Vec::len)), (&good["decision"], Some(0)));
    let [a, b] = [&good, &right].map(|it| it["score"].as_f64().unwrap());
    assert!((a - b).abs() < 0.02, "{a} {b}");
    let map = write::read_tiff_f32(&shop.path("out/right_map.tiff")).unwrap();
    assert!((0..SIDE).all(|y| (LEFT..SIDE).all(|x| map.get(x, y) == 0.0)));

    // The outline lies beside the region, and nothing else of the right side changes.
    let (overlay, image) = (load(&shop, "out/right_overlay.png"), load(&shop, "new/right.png"));
    assert!((0..SIDE).all(|y| overlay.get(LEFT, y) == [1.0; 3] && overlay.get(LEFT + 2, y) != [1.0; 3]));
    assert!((2..SIDE - 2).all(|y| (LEFT + 4..SIDE - 2).all(|x| overlay.get(x, y) == image.get(x, y))));

    narrowing(&shop);
    evaluation(&shop);
}

/// The region of a call narrows that of the model.
fn narrowing(shop: &Workshop) {
    shop.run(&format!("predict left.anoseg new -o narrow --roi 0,0,18,{SIDE}"), 0);
    assert_eq!(verdict(shop, "narrow", "left")["decision"], "good");
    shop.run(&format!("predict left.anoseg new -o wide --roi 0,0,{SIDE},{SIDE}"), 0);
    assert_eq!(verdict(shop, "wide", "left")["score"], verdict(shop, "out", "left")["score"]);
    let (_, err) = shop.run(&format!("predict left.anoseg new -o x --roi {LEFT},0,20,20"), 2);
    assert!(err.contains("no pixel in common with the region of the model"), "{err}");
    // Verdicts of another region are not gone on with, and are told by that name.
    let (_, err) = shop.run("predict left.anoseg new -o narrow --resume", 2);
    assert!(err.contains("holds verdicts of the same model with another region of interest (left"), "{err}");

    let block = Mask::from_fn(SIDE, SIDE, |x, y| (15..LEFT).contains(&x) && (25..70).contains(&y));
    write::write_mask_png(&shop.path("block.png"), &block).unwrap();
    shop.run("calibrate left.anoseg data -o calibrated.anoseg --ignore block.png", 0);
    let (before, after) = (region(shop, "left.anoseg").share(), region(shop, "calibrated.anoseg").share());
    let expected = before - block.count() as f64 / (SIDE * SIDE) as f64;
    assert!((after - expected).abs() < 1e-9, "{before} {after}");
    shop.run("predict calibrated.anoseg new -o calibrated", 0);
    assert_eq!(verdict(shop, "calibrated", "left")["regions"].as_array().map(Vec::len), Some(0));
}

/// Figures of pixels leave out what lies outside, and say so.
fn evaluation(shop: &Workshop) {
    shop.run("eval left.anoseg data --json f.json --report r.html", 0);
    let figures: Value =
        serde_json::from_str(&std::fs::read_to_string(shop.path("f.json")).unwrap()).unwrap();
    let warnings = figures["warnings"].to_string();
    assert!(warnings.contains("the figures of pixels leave out the rest"), "{warnings}");
    let report = std::fs::read_to_string(shop.path("r.html")).unwrap();
    assert!(report.contains("Region of interest") && report.contains("50 % of the image"));
    assert!(
        report.contains("<span class=\"line region\"></span>region of interest"),
        "the legend has its outline"
    );
}

#[test]
fn a_resumed_training_keeps_its_region() {
    let shop = Workshop::new();
    let polygon = r#"{"width": 192, "height": 192, "include": [[[10, 10], [180, 20], [90, 180]]],
        "exclude": [[[80, 40], [100, 40], [100, 60], [80, 60]]]}"#;
    std::fs::write(shop.path("roi.json"), polygon).unwrap();
    let train = "train data --config tiny.toml --steps 6 --roi roi.json --ignore 0,0,30,96";
    shop.run(&format!("{train} -o one.anoseg"), 0);
    let mut child = shop.start(&format!("{train} -o two.anoseg"));
    shop.wait_for_steps("two-run", 2);
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(shop.path("roi.json")).unwrap();
    let (_, err) = shop.run(&format!("train data -o two.anoseg --resume --roi 0,0,{LEFT},{SIDE}"), 2);
    assert!(err.contains("--roi") && err.contains("--resume"), "{err}");
    shop.run("train data -o two.anoseg --resume", 0);
    assert_eq!(tensor_bytes(&shop.path("one.anoseg")), tensor_bytes(&shop.path("two.anoseg")));
    assert_eq!(region(&shop, "one.anoseg"), region(&shop, "two.anoseg"));
    // The stored settings give the same model again.
    shop.run("train data -o three.anoseg --config one-run/config.toml", 0);
    assert_eq!(tensor_bytes(&shop.path("one.anoseg")), tensor_bytes(&shop.path("three.anoseg")));
}

/// The second GAN takes the whole image, which the report says.
#[test]
fn a_score_that_the_region_does_not_limit_is_named() {
    let shop = Workshop::new();
    let train = "train data -o paper.anoseg --config paper.toml --steps 3 --roi 0,0,40,96";
    shop.run(train, 0);
    shop.run("eval paper.anoseg data --report r.html", 0);
    assert!(std::fs::read_to_string(shop.path("r.html")).unwrap().contains("limits the map only"));
    blocks(&shop);
    shop.run("predict paper.anoseg new -o out --map", 0);
    let map = write::read_tiff_f32(&shop.path("out/right_map.tiff")).unwrap();
    assert!((0..SIDE).all(|y| (40..SIDE).all(|x| map.get(x, y) == 0.0)));
}

#[test]
fn regions_that_do_not_fit_are_refused() {
    let shop = Workshop::new();
    write::write_mask_png(&shop.path("empty.png"), &Mask::filled(SIDE, SIDE, false)).unwrap();
    write::write_mask_png(&shop.path("wide.png"), &Mask::filled(2 * SIDE, SIDE, true)).unwrap();
    std::fs::write(shop.path("line.json"), "[[1, 1], [5, 5]]").unwrap();
    std::fs::write(shop.path("odd.json"), r#"{"colour": 1}"#).unwrap();
    let mistyped = r#"{"width": 96, "height": 96, "inlcude": [[[1, 1], [9, 1], [9, 9]]]}"#;
    std::fs::write(shop.path("key.json"), mistyped).unwrap();
    std::fs::write(shop.path("none.json"), r#"{"width": 96, "height": 96, "include": []}"#).unwrap();
    for (options, code, part) in [
        ("--roi 90,0,30,20", 2, "outside the image of 96 x 96"),
        ("--roi 5,5,0,9", 2, "must be above 0"),
        ("--roi 9,5,-3,9", 2, "must be above 0"),
        ("--roi 100,100,5,5", 2, "nothing of it lies inside the image of 96 x 96"),
        ("--roi key.json", 2, "the key \"inlcude\" is unknown"),
        ("--roi none.json", 2, "no pixel would count"),
        ("--roi roi.json", 2, "nor a file that exists"),
        ("--roi line.json", 2, "at least 3 points"),
        ("--roi odd.json", 2, "the key \"colour\" is unknown"),
        ("--ignore empty.png", 2, "all pixels of the mask are 0"),
        ("--roi 0,0,40,40 --ignore 0,0,50,50", 2, "nothing of the image is left"),
        (
            "--roi wide.png",
            3,
            "--roi wide.png: data: the region of interest was drawn on an image of 192 x 96 pixels, and 20 of 20 images have another shape",
        ),
    ] {
        let (_, err) =
            shop.run(&format!("train data -o m.anoseg --config tiny.toml --steps 2 {options}"), code);
        assert!(err.contains(part), "{options}: {err}");
    }
}

/// A rectangle beyond the border, and a region of a pixel, were once taken without a word.
#[test]
fn a_region_that_is_clipped_or_tiny_is_told() {
    let shop = Workshop::new();
    std::fs::write(shop.path("bom.json"), "\u{feff}[[0, 0], [40, 0], [40, 40]]").unwrap();
    let train = "train data --config tiny.toml --steps 2 --roi";
    let (_, err) = shop.run(&format!("{train} bom.json -o bom.anoseg"), 0);
    assert!(!err.contains("beyond the image") && !err.contains("hardly"), "{err}");
    let (_, err) = shop.run(&format!("{train} 0,0,97,97 -o all.anoseg"), 0);
    assert!(err.contains("--roi 0,0,97,97 reaches 1 pixel beyond the image of 96 x 96 pixels"), "{err}");
    let (_, err) = shop.run(&format!("{train} 10,10,3,3 -o dot.anoseg"), 0);
    assert!(err.contains("has 4 pixels of the network, which takes an image as 64 x 64"), "{err}");
    let (_, err) = shop.run("predict all.anoseg data/test -o out --roi 30,30,3,3", 0);
    assert!(err.contains("has 4 pixels of the network"), "{err}");
    let (_, err) = shop.run("predict all.anoseg data/test -o out --roi 31,31,1,1 --ignore 0,0,9,9", 2);
    assert!(err.contains("--roi") && err.contains("smaller than a pixel of the network"), "{err}");
}

#[test]
fn a_region_on_tiles_is_that_of_the_whole_image() {
    let shop = Workshop::new();
    for folder in ["train/good", "test/good", "test/chip", "test/colour_spot"] {
        for entry in std::fs::read_dir(shop.path("data").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let image = decode::load(&path, &Limits::default()).unwrap();
            write::write_png(&path, &Image::from_fn(190, 75, |x, y| image.get(x % SIDE, y % SIDE))).unwrap();
        }
    }
    std::fs::remove_dir_all(shop.path("data/ground_truth")).unwrap();
    let train = "train data -o tiles.anoseg --config tiny.toml --steps 4 --scale 0.8 --roi 0,0,60,75";
    shop.run(train, 0);
    let geometry = Model::load(&shop.path("tiles.anoseg")).unwrap().description().preprocess.geometry;
    assert!(matches!(geometry, Geometry::Tiles { .. }));
    shop.run("eval tiles.anoseg data --maps maps --report r.html", 0);
    let map = write::read_tiff_f32(&shop.path("maps/chip/000.tiff")).unwrap();
    assert!((0..75).all(|y| (60..190).all(|x| map.get(x, y) == 0.0)));
    assert!((0..75).all(|y| (0..60).all(|x| map.get(x, y) > 0.0)));
    let small = Image::from_fn(60, 60, |_, _| [0.5; 3]);
    write::write_png(&shop.path("data/train/good/small.png"), &small).unwrap();
    let (_, err) = shop.run(train, 2);
    assert!(err.contains("several sizes") && err.contains("\"width\""), "{err}");
}
