//! Images on other value scales than 8 bits, and training sets that are not fit to learn from.
//! Preset `accurate` without any step and with an encoder of random weights: seconds per training.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use anoseg::{AnomalyMap, Image, Limits, Model, PretrainedEncoder, SampleType, decode, write};
use anoseg_synth::demo::{Part, defective, good};
use common::Workshop;
use image::{ImageBuffer, Luma};

const SIDE: usize = 64;

fn workshop() -> Workshop {
    let shop = Workshop::new();
    PretrainedEncoder::random(3).store(&shop.path("data-home/anoseg")).unwrap();
    let settings = "preset = \"accurate\"\n[input]\nsize = 64\n[architecture]\nmemory = 300\n";
    std::fs::write(shop.path("accurate.toml"), settings).unwrap();
    shop
}

fn train(shop: &Workshop, name: &str, code: i32) -> String {
    let encoder = "--encoder data-home/anoseg/efficientnet-lite0.encoder";
    let train = format!("train {name} -o {name}.anoseg --config accurate.toml --steps 0 {encoder}");
    shop.run(&train, code).1
}

/// A grey part whose brightest pixel is white.
fn part(number: u64) -> Image {
    grey(&good(Part::Token, 1, number, SIDE, SIDE))
}

fn broken(number: u64) -> Image {
    grey(&defective(Part::Token, "chip", 1, number, SIDE, SIDE).unwrap().image)
}

fn grey(image: &Image) -> Image {
    let mean = |x, y| image.get(x, y).iter().sum::<f32>() / 3.0;
    let most = (0..SIDE * SIDE).map(|i| mean(i % SIDE, i / SIDE)).fold(0.0, f32::max);
    Image::from_fn(SIDE, SIDE, |x, y| [mean(x, y) / most; 3])
}

/// Writes samples of `white` at most into a file of 16 bits.
fn save16(path: &Path, image: &Image, white: f32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let sample = |x: u32, y: u32| (image.get(x as usize, y as usize)[0] * white).round() as u16;
    ImageBuffer::from_fn(SIDE as u32, SIDE as u32, |x, y| Luma([sample(x, y)])).save(path).unwrap();
}

fn save8(path: &Path, image: &Image) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let sample = |x: u32, y: u32| (image.get(x as usize, y as usize)[0] * 255.0).round() as u8;
    ImageBuffer::from_fn(SIDE as u32, SIDE as u32, |x, y| Luma([sample(x, y)])).save(path).unwrap();
}

/// Writes a float image as a camera does: without the mark of results.
fn save_float(path: &Path, image: &Image, white: f32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let map = AnomalyMap::from_fn(SIDE, SIDE, |x, y| image.get(x, y)[0] * white);
    write::write_tiff_f32(path, &map).unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let mark = b"anoseg result";
    let at = bytes.windows(mark.len()).position(|window| window == mark).unwrap();
    bytes[at..at + mark.len()].copy_from_slice(b"a line camera");
    std::fs::write(path, bytes).unwrap();
}

fn codes(model: &Model, image: &Image) -> Vec<&'static str> {
    model.inspect(image).unwrap().warnings.iter().map(anoseg::InspectionWarning::code).collect()
}

/// 10 or 12 bits in files of 16 were read as nearly black: no defect was found, and `train` said
/// that it detects nearly all.
#[test]
fn bits_in_16() {
    let shop = workshop();
    let save = |name: &str, number: u64, image: &Image, white: Option<f32>| {
        let path = shop.path(name).join(format!("{number:03}.png"));
        white.map_or_else(|| save8(&path, image), |white| save16(&path, image, white));
    };
    for (name, white) in [("bits8", None), ("bits10", Some(1023.0)), ("bits12", Some(4095.0))] {
        (0..16).for_each(|number| save(name, number, &part(number), white));
        let said = train(&shop, name, 0);
        let bits = &name[4..];
        assert_eq!(white.is_some(), said.contains(&format!("values: {bits} of 16 bits")), "{said}");
    }
    let (told, _) = shop.run("info bits12.anoseg", 0);
    assert!(told.contains("values    12 of 16 bits (white = 4095)"), "{told}");
    let models =
        ["bits8", "bits10", "bits12"].map(|name| Model::load(&shop.path(&format!("{name}.anoseg"))).unwrap());
    for image in [part(50), part(51), broken(0), broken(1)] {
        let path = shop.path("one.png");
        let [eight, ten, twelve] = [None, Some(1023.0), Some(4095.0)].map(|white| {
            white.map_or_else(|| save8(&path, &image), |white| save16(&path, &image, white));
            decode::load(&path, &Limits::default()).unwrap()
        });
        let expected = models[0].prepare(&eight);
        for (model, image) in [(&models[1], &ten), (&models[2], &twelve)] {
            let found = model.prepare(image);
            let far = found.as_slice().iter().zip(expected.as_slice()).map(|(a, b)| (a - b).abs());
            assert!(far.fold(0.0, f32::max) < 1.0 / 255.0);
            assert!(codes(model, image).is_empty());
        }
    }
    // A later image that is brighter than the scale.
    save16(&shop.path("bright.png"), &part(50), 8000.0);
    let bright = decode::load(&shop.path("bright.png"), &Limits::default()).unwrap();
    assert_eq!(codes(&models[2], &bright), ["beyond_scale"]);
    assert!(codes(&models[0], &bright).contains(&"other_sample_type"));
}

/// Floats up to 1.8 were clipped, and from 2 on refused.
#[test]
fn float_scale() {
    let shop = workshop();
    for number in 0..12 {
        save_float(&shop.path(&format!("floats/{number:03}.tif")), &part(number), 1.8);
    }
    let said = train(&shop, "floats", 0);
    assert!(said.contains("values: floats from 0 (black) to 2 (white)"), "{said}");
    let model = Model::load(&shop.path("floats.anoseg")).unwrap();
    let read = |white: f32| {
        save_float(&shop.path("one.tif"), &part(50), white);
        decode::load(&shop.path("one.tif"), &Limits::default()).unwrap()
    };
    let (same, brighter) = (read(1.8), read(2.7));
    assert_eq!(same.sample_type(), SampleType::F32);
    assert!(codes(&model, &same).is_empty());
    assert_eq!(codes(&model, &brighter), ["beyond_scale"]);
    let most = |image: &Image| image.as_slice().iter().copied().fold(0.0, f32::max);
    assert!(most(&same) > 1.0 && most(&model.scaled(&same)) <= 1.0);
}

/// A covered lens, one image many times, two populations: learned from without a word.
#[test]
fn training_set_sanity() {
    let shop = workshop();
    for number in 0..12 {
        let file = |name: &str| shop.path(name).join(format!("{number:03}.png"));
        save8(&file("black"), &Image::filled(SIDE, SIDE, [0.0; 3]));
        save8(&file("copies"), &part(0));
        save16(&file("two_scales"), &part(number), if number % 2 == 0 { 65_535.0 } else { 12_000.0 });
        let covered = if number == 7 { Image::filled(SIDE, SIDE, [0.0; 3]) } else { part(number.min(10)) };
        save8(&file("mixed"), &covered);
    }
    for name in ["black", "copies"] {
        let said = train(&shop, name, 3);
        assert!(
            said.contains("all 12 images are the same one: 000.png, 001.png, 002.png and 9 more"),
            "{said}"
        );
    }
    let said = train(&shop, "two_scales", 0);
    assert!(said.contains("6 of 12 images are much darker"), "{said}");
    assert!(said.contains("001.png, 003.png, 005.png and 3 more"), "{said}");
    let said = train(&shop, "mixed", 0);
    assert!(said.contains("a single value, as a covered lens gives: 007.png"), "{said}");
    assert!(said.contains("1 of 12 images is a copy of another: 011.png (the same as 010.png)"), "{said}");
}

/// Another shape, and grey on a model of colours, were judged like any other.
#[test]
fn verdict_gaps() {
    let shop = workshop();
    let said = train(&shop, "data", 0);
    assert!(!said.contains("much darker") && !said.contains("copies"), "{said}");
    let model = Model::load(&shop.path("data.anoseg")).unwrap();
    let colour = |width, height| good(Part::Token, 1, 60, width, height);
    assert!(codes(&model, &colour(96, 96)).is_empty());
    assert_eq!(codes(&model, &colour(192, 24)), ["other_shape"]);
    assert_eq!(codes(&model, &colour(40, 40)), ["other_size"]);
    assert_eq!(codes(&model, &grey(&good(Part::Token, 1, 60, SIDE, SIDE))), ["grey_on_colour"]);
    assert_eq!(codes(&model, &Image::filled(96, 96, [1.0; 3])), ["constant"]);
}
