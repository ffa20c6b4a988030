//! Scenes without a part that stands out, shifted and turned: aligned by a reference patch.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "../../anoseg-infer/tests/common/sheet.rs"]
mod sheet;

use anoseg::PretrainedEncoder;
use anoseg_image::{Image, write};
use anoseg_infer::Model;
use common::{Workshop, tensor_bytes};
use sheet::{SIZE, hashed, scene, sheet};

/// Half of the side of the painted dots.
const HALF: f32 = 6.0;

const TRAIN: &str = "train sheets --config tiny.toml --steps 2";

/// A sheet shifted by up to 20 pixels and turned by up to 5 degrees.
fn moved(number: u32) -> Image {
    moved_by(number, 1.0)
}

/// The same, so many times as far.
fn moved_by(number: u32, times: f32) -> Image {
    let from = |k: u32, most: f32| (2.0 * hashed(number, k, 78) - 1.0) * most * times;
    scene(sheet, [from(1, 20.0), from(2, 20.0)], from(3, 5.0).to_radians(), number)
}

fn save(shop: &Workshop, folder: &str, images: impl Iterator<Item = Image>) {
    std::fs::create_dir_all(shop.path(folder)).unwrap();
    for (number, image) in images.enumerate() {
        write::write_png(&shop.path(&format!("{folder}/{number:03}.png")), &image).unwrap();
    }
}

/// A workshop with sheets to train on.
fn workshop() -> Workshop {
    let shop = Workshop::new();
    save(&shop, "sheets", (0..16).map(moved));
    shop
}

/// The image with a green square around a place.
fn painted(mut image: Image, [x, y]: [f32; 2]) -> Image {
    let side = |at: f32| (at - HALF) as usize..(at + HALF) as usize;
    for row in side(y) {
        side(x).for_each(|column| image.set(column, row, [0.1, 0.9, 0.1]));
    }
    image
}

#[test]
fn a_dot_is_found_where_it_is_in_the_image() {
    let shop = workshop();
    PretrainedEncoder::random(3).store(&shop.path("home/anoseg")).unwrap();
    // A position of the network has eight of its pixels, fewer than five of the image.
    let settings = "preset = \"accurate\"\n[input]\nsize = 512\n[architecture]\nmemory = 2000\n";
    std::fs::write(shop.path("accurate.toml"), settings).unwrap();
    let encoder = "--encoder home/anoseg/efficientnet-lite0.encoder";
    let (_, err) = shop
        .run(&format!("train sheets --config accurate.toml {encoder} --steps 0 -o model.anoseg --align"), 0);
    assert!(
        err.contains("the images are turned by up to") && err.contains("aligned by a reference patch"),
        "{err}"
    );
    assert!(err.contains("no part stands out") && err.contains("within 15 degrees"), "{err}");
    let model = Model::load(&shop.path("model.anoseg")).unwrap();
    for (number, place) in (100..).zip([[130.0, 90.0], [250.0, 240.0], [200.0, 150.0], [290.0, 110.0]]) {
        let image = painted(moved(number), place);
        assert!(model.pose(&image).unwrap().is_found());
        let map = model.analyse(&image).unwrap().map;
        assert_eq!((map.width(), map.height()), (SIZE[0], SIZE[1]));
        let values = map.as_slice();
        let peak = values.iter().copied().fold(0.0, f32::max);
        let (mut sum, mut middle) = (0.0, [0.0, 0.0]);
        for (i, value) in values.iter().enumerate().filter(|(_, value)| **value > 0.7 * peak) {
            let at = [(i % SIZE[0]) as f32 + 0.5, (i / SIZE[0]) as f32 + 0.5];
            sum += value;
            middle = [0, 1].map(|axis| middle[axis] + value * at[axis]);
        }
        let off = (middle[0] / sum - place[0]).hypot(middle[1] / sum - place[1]);
        // Less than a position; the pose itself is exact to half a pixel (tests of anoseg-infer).
        assert!(off < 4.0, "{off} pixels off {place:?}, at {middle:?} / {sum}");
    }
    let (info, _) = shop.run("info model.anoseg", 0);
    assert!(info.contains("aligned by a reference patch of"), "{info}");

    save(&shop, "other", std::iter::once(scene(|x, y| sheet(x + 900.0, y), [0.0, 0.0], 0.0, 1)));
    let (_, err) = shop.run("predict model.anoseg other -o out", 0);
    let verdict = std::fs::read_to_string(shop.path("out/verdicts.jsonl")).unwrap();
    assert!(verdict.contains("not_aligned") && err.contains("no part or patch"), "{verdict} {err}");
}

#[test]
fn aligning_is_advised_for_sheets_too() {
    let shop = workshop();
    save(&shop, "far", (0..16).map(|number| moved_by(number, 1.6)));
    let (_, err) = shop.run("train far --config tiny.toml --steps 2 -o far.anoseg", 0);
    assert!(err.contains("the images are turned by up to"), "{err}");
    assert!(
        err.contains("with --align each image is inspected in a frame that follows a reference patch"),
        "{err}"
    );
    save(&shop, "still", (0..12).map(|i| scene(sheet, [0.0, 0.0], 0.0, i)));
    let (_, err) = shop.run("train still --config tiny.toml --steps 2 -o still.anoseg", 0);
    assert!(!err.contains("--align"), "{err}");
    let (_, err) = shop.run("train still --config tiny.toml --steps 2 -o still.anoseg --align", 0);
    assert!(err.contains("the images lie still within") && err.contains("--align has no effect"), "{err}");
}

#[test]
fn a_patch_is_given_by_an_option_or_the_configuration() {
    let shop = workshop();
    let (_, err) = shop.run(&format!("{TRAIN} -o one.anoseg --align-patch 120,90,150,110"), 0);
    assert!(err.contains("a reference patch, 120,90,150,110 of 000.png, searched"), "{err}");
    let tiny = std::fs::read_to_string(shop.path("tiny.toml")).unwrap();
    let with = tiny.replace("[input]", "[input]\nalign = \"auto\"\nalign_patch = [120, 90, 150, 110]");
    std::fs::write(shop.path("patch.toml"), with).unwrap();
    shop.run("train sheets --config patch.toml --steps 2 -o two.anoseg", 0);
    assert_eq!(tensor_bytes(&shop.path("one.anoseg")), tensor_bytes(&shop.path("two.anoseg")));
    // The other way of saying that nothing is to be aligned.
    let (_, err) = shop.run("train sheets --config patch.toml --steps 2 -o off.anoseg --align off", 0);
    assert!(!err.contains("aligned by"), "{err}");
    for (given, says) in [
        ("--align-patch 300,90,150,110", "must lie in the first training image, which has 400 x 340 pixels"),
        ("--align-patch 120,90,9,110", "each side must have at least 26 pixels"),
        ("--align-patch 120,90,0,110", "width and height must be above 0"),
        ("--align-patch 1,2,3", "give LEFT,TOP,WIDTH,HEIGHT"),
        ("--align-patch 1,2,3,-4", "give LEFT,TOP,WIDTH,HEIGHT"),
        ("--align off --align-patch 120,90,150,110", "set input.align to auto"),
    ] {
        let (_, err) = shop.run(&format!("{TRAIN} -o no.anoseg {given}"), 2);
        assert!(err.contains(says) && err.contains("--align-patch"), "{given}: {err}");
    }
}

/// Grain that is another in each image, and a weave that repeats: no place of a patch is the right one.
#[test]
fn self_similar_textures_are_refused() {
    let shop = workshop();
    let grain = (0..12).map(|i| scene(|x, y| sheet(x + 3000.0 * i as f32, y), [0.0, 0.0], 0.0, i));
    save(&shop, "grain", grain);
    let weave = |x: f32, y: f32| 0.5 + 0.2 * (x * 0.6).sin() + 0.2 * (y * 0.6).sin();
    save(&shop, "weave", (0..12).map(|i| scene(weave, [0.3 * i as f32, 0.0], 0.0, i)));
    for folder in ["grain", "weave"] {
        let train = format!("train {folder} --config tiny.toml --steps 2 -o no.anoseg");
        let (_, err) = shop.run(&format!("{train} --align"), 0);
        assert!(err.contains("no reference patch is located reliably: not in 0"), "{folder}: {err}");
        assert!(err.contains("others: --align is left off"), "{folder}: {err}");
        let (_, err) = shop.run(&format!("{train} --align-patch 120,90,150,110"), 2);
        assert!(
            err.contains("all good images show once: it is not located reliably in 0"),
            "{folder}: {err}"
        );
    }
}
