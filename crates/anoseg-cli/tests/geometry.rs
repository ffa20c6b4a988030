//! What the network takes of images: whole ones in their shape, and tiles.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use anoseg_image::{Image, Limits, decode, write};
use anoseg_infer::{Geometry, Model};
use common::{Workshop, tensor_bytes};
use serde_json::Value;

/// Replaces the good images and the test images by wide ones.
fn wide(shop: &Workshop, width: usize, height: usize) {
    for folder in ["train/good", "test/good", "test/chip"] {
        for entry in std::fs::read_dir(shop.path("data").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let image = decode::load(&path, &Limits::default()).unwrap();
            let wide = Image::from_fn(width, height, |x, y| image.get(x % 96, y % 96));
            write::write_png(&path, &wide).unwrap();
        }
    }
    std::fs::remove_dir_all(shop.path("data/test/colour_spot")).unwrap();
    std::fs::remove_dir_all(shop.path("data/ground_truth")).unwrap();
}

fn geometry(shop: &Workshop, model: &str) -> Geometry {
    Model::load(&shop.path(model)).unwrap().description().preprocess.geometry
}

#[test]
fn tiles_from_training_to_verdict() {
    let shop = Workshop::new();
    wide(&shop, 190, 75);
    let train = "train data -o tiles.anoseg --config tiny.toml --scale 0.8";
    let (_, err) = shop.run(&format!("{train} --steps 5"), 0);
    let told = "84 % (across) and 85 % (down) of their resolution, 160 x 64 pixels: 0.16 times the work";
    assert!(err.contains(told), "{err}");
    let Geometry::Tiles { width, height, scale, .. } = geometry(&shop, "tiles.anoseg") else {
        panic!("no tiles")
    };
    assert_eq!((width, height, scale), (160, 64, 0.8));
    // Every command takes the images as the training did.
    shop.run("calibrate tiles.anoseg data/train/good -o calibrated.anoseg", 0);
    shop.run("eval tiles.anoseg data --json f.json --maps maps --report r.html", 0);
    let map = write::read_tiff_f32(&shop.path("maps/good/000.tiff")).unwrap();
    assert_eq!((map.width(), map.height()), (190, 75));
    shop.run("predict tiles.anoseg data/test -o out --overlay --mask --map", 0);
    let mask = decode::load(&shop.path("out/000_mask.png"), &Limits::default());
    assert!(mask.is_ok_and(|mask| (mask.width(), mask.height()) == (190, 75)));
    let (info, _) = shop.run("info tiles.anoseg", 0);
    assert!(info.contains("160 x 64 pixels, parts at 80 % of the resolution"), "{info}");
}

/// `calibrate` once refused images whose sizes differ at the network's scale, which `train` takes.
#[test]
fn images_of_several_sizes_are_calibrated_on_tiles() {
    let shop = Workshop::new();
    wide(&shop, 190, 75);
    for entry in std::fs::read_dir(shop.path("data/train/good")).unwrap().take(3) {
        let path = entry.unwrap().path();
        let image = decode::load(&path, &Limits::default()).unwrap();
        write::write_png(&path, &Image::from_fn(190, 130, |x, y| image.get(x, y % 75))).unwrap();
    }
    shop.run("train data -o tiles.anoseg --config tiny.toml --scale 0.8 --steps 3", 0);
    shop.run("calibrate tiles.anoseg data/train/good -o calibrated.anoseg", 0);
}

/// Smaller images were once continued by their border, and the border learned as good. All sizes are told.
#[test]
fn images_of_several_sizes_are_trained_on_in_tiles_and_tiny_ones_left_out() {
    let shop = Workshop::new();
    wide(&shop, 190, 150);
    for (number, (width, height)) in [(300, 170), (150, 200), (190, 120), (60, 150)].into_iter().enumerate() {
        let path = shop.path(&format!("data/train/good/{number:03}.png"));
        let image = decode::load(&path, &Limits::default()).unwrap();
        let other = Image::from_fn(width, height, |x, y| image.get(x % 190, y % 150));
        write::write_png(&path, &other).unwrap();
    }
    let tiny = std::fs::read_to_string(shop.path("tiny.toml")).unwrap();
    std::fs::write(shop.path("large.toml"), tiny.replace("size = 64", "size = 128")).unwrap();
    let train = "train data -o tiles.anoseg --config large.toml --scale 0.8 --steps 3";
    let (_, err) = shop.run(train, 0);
    assert!(err.contains("2 of 20 images are left out") && err.contains("good/003.png"), "{err}");
    assert!(err.contains("128 x 128 to 256 x 160 pixels"), "{err}");
    assert!(!err.contains("resampled to the same square") && !err.contains("stretched"), "{err}");
    shop.run("calibrate tiles.anoseg data/train/good -o calibrated.anoseg", 0);
    shop.run("calibrate tiles.anoseg data/test/good -o calibrated.anoseg", 0);
    shop.run("eval tiles.anoseg data --report r.html", 0);
    let parts = std::fs::read_to_string(shop.path("large.toml")).unwrap();
    let parts = parts.replace("[input]", "[input]\nview = { scale = 0.8 }");
    std::fs::write(shop.path("parts.toml"), parts).unwrap();
    shop.run("synth data --out pairs --count 12 --config parts.toml", 0);
}

#[test]
fn a_resumed_training_on_tiles_gives_the_same_model_at_any_number_of_threads() {
    let shop = Workshop::new();
    wide(&shop, 190, 75);
    let train = "train data --config tiny.toml --scale 0.8 --steps 6";
    shop.anoseg(&format!("{train} -o one.anoseg")).env("RAYON_NUM_THREADS", "1").assert().success();
    let mut child = shop.start(&format!("{train} -o two.anoseg"));
    shop.wait_for_steps("two-run", 2);
    child.kill().unwrap();
    child.wait().unwrap();
    shop.run("train data -o two.anoseg --resume", 0);
    assert_eq!(tensor_bytes(&shop.path("one.anoseg")), tensor_bytes(&shop.path("two.anoseg")));
}

/// Images of every shape were once squeezed into a square.
#[test]
fn whole_images_keep_their_shape() {
    let shop = Workshop::new();
    wide(&shop, 192, 48);
    shop.run("train data -o whole.anoseg --config tiny.toml --steps 3 --scale whole", 0);
    assert_eq!(geometry(&shop, "whole.anoseg"), Geometry::Fitted { width: 128, height: 32 });
    // One of another shape keeps it too, and its verdict says so.
    let image = decode::load(&shop.path("data/test/good/000.png"), &Limits::default()).unwrap();
    write::write_png(&shop.path("square.png"), &Image::from_fn(90, 90, |x, y| image.get(x, y % 48))).unwrap();
    shop.run("predict whole.anoseg square.png -o out --map", 0);
    let verdict: Value =
        serde_json::from_str(&std::fs::read_to_string(shop.path("out/verdicts.jsonl")).unwrap()).unwrap();
    assert!(verdict["warnings"].to_string().contains("other_shape"), "{verdict}");
    let map = write::read_tiff_f32(&shop.path("out/square_map.tiff"));
    assert!(map.is_ok_and(|map| (map.width(), map.height()) == (90, 90)), "{verdict}");
}

#[test]
fn the_smallest_defect_decides_the_scale() {
    let shop = Workshop::new();
    wide(&shop, 190, 75);
    let train = "train data -o s.anoseg --config tiny.toml --steps 2";
    shop.run(&format!("{train} --smallest-defect 5"), 0);
    assert!(
        matches!(geometry(&shop, "s.anoseg"), Geometry::Tiles { scale, .. } if (scale - 0.8).abs() < 1e-6)
    );
    for (option, part) in [
        ("--smallest-defect 0", "from 1 to 10000, such as 6"),
        ("--smallest-defect -3", "from 1 to 10000, such as 6"),
        (
            "--smallest-defect 191",
            "the images have 190 x 75 pixels, and a defect is no larger: give at most 190",
        ),
        ("--scale 1.5", "above 0 and at most 1, such as 0.5"),
        ("--scale -1", "above 0 and at most 1, such as 0.5"),
        ("--scale NaN", "above 0 and at most 1, such as 0.5"),
        ("--scale 0.05", "give at least 0.64: its option is --scale"),
    ] {
        let (_, err) = shop.run(&format!("{train} {option}"), 2);
        assert!(err.contains(part), "{option}: {err}");
    }
}

/// What is left of the resolution in a square was not told, nor that a defect has too few pixels.
#[test]
fn the_choice_of_view_is_told() {
    let shop = Workshop::new();
    let (_, err) = shop.run("train data -o square.anoseg --config tiny.toml --steps 2", 0);
    let told = "the network takes whole images as a square of 64 x 64, 67 % of their resolution (--smallest-defect N";
    assert_eq!(err.matches(told).count(), 1, "{err}");
    let (_, err) = shop.run("train data -o fine.anoseg --config tiny.toml --steps 2 --smallest-defect 2", 0);
    assert!(err.contains("warning: a defect of 2 pixels has no more than that at the network"), "{err}");
}

/// Side of parts and tiles could not be chosen.
#[test]
fn the_side_of_tiles_is_chosen_stored_and_kept() {
    let shop = Workshop::new();
    wide(&shop, 190, 150);
    let train = "train data --config tiny.toml --scale 1 --steps 4";
    let (_, err) = shop.run(&format!("{train} --tile 64 -o small.anoseg"), 0);
    assert!(err.contains("192 x 160 pixels, in 20 tiles"), "{err}");
    let Geometry::Tiles { width: 64, height: 64, part: 64, .. } = geometry(&shop, "small.anoseg") else {
        panic!("{:?}", geometry(&shop, "small.anoseg"))
    };
    let (info, _) = shop.run("info small.anoseg", 0);
    assert!(info.contains("64 x 64 pixels, parts at 100 % of the resolution"), "{info}");
    shop.run("calibrate small.anoseg data/test/good -o calibrated.anoseg", 0);
    shop.run("eval small.anoseg data --report r.html", 0);
    shop.run("predict small.anoseg data/test -o out --map", 0);
    // A key of the configuration, and larger than the image.
    let tiny = std::fs::read_to_string(shop.path("tiny.toml")).unwrap();
    std::fs::write(shop.path("tile.toml"), tiny.replace("[input]", "[input]\ntile = 256")).unwrap();
    shop.run("train data --config tile.toml --scale 1 --steps 4 -o large.anoseg", 0);
    assert!(matches!(geometry(&shop, "large.anoseg"), Geometry::Tiles { width: 256, part: 256, .. }));
    assert!(std::fs::read_to_string(shop.path("large-run/config.toml")).unwrap().contains("tile = 256"));
    let (_, err) = shop.run("train data -o small.anoseg --resume --tile 96", 2);
    assert!(err.contains("--tile = 96: with --resume the settings are those stored in"), "{err}");
    shop.run("train data -o small.anoseg --resume", 0);
    let train = "train data --config tiny.toml --steps 4 -o none.anoseg";
    for (options, part) in [
        ("--scale 1 --tile 100", "a multiple of 32 from 64 to 1024"),
        ("--scale whole --tile 64", "the network takes whole images, not tiles: leave it out"),
        ("--scale square --tile 64", "its option is --tile"),
        ("--tile 64", "of images of 190 x 150 pixels the network takes the whole, not tiles"),
        ("--smallest-defect 60 --tile 64", "takes the whole for defects of 60 pixels, not tiles"),
    ] {
        let (_, err) = shop.run(&format!("{train} {options}"), 2);
        assert!(err.contains(part), "{options}: {err}");
    }
}
