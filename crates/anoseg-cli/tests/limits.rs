//! The limit on the pixels of training images, as a setting and as an option.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;

use common::{SIDE, Workshop};

#[test]
fn the_setting_limits_training_images_and_the_option_wins() {
    let shop = Workshop::new();
    let (below, pixels) = (SIDE * SIDE - 1, SIDE * SIDE);
    let tiny = fs::read_to_string(shop.path("tiny.toml")).unwrap();
    let with = |name: &str, most: usize| {
        let text = tiny.replace("size = 64\n", &format!("size = 64\nmax_pixels = {most}\n"));
        fs::write(shop.path(name), text).unwrap();
    };
    with("small.toml", below);
    with("fits.toml", pixels);
    with("none.toml", 0);
    for command in ["train data -o m.anoseg --steps 1", "synth data --out synthetic", "bench data --out b"] {
        let (_, message) = shop.run(&format!("{command} --config small.toml"), 3);
        assert!(message.contains("(max_pixels)") && message.contains("--max-pixels"), "{command}: {message}");
    }
    shop.run(&format!("synth data --out synthetic --count 1 --config small.toml --max-pixels {pixels}"), 0);
    let (_, message) = shop.run("train data -o m.anoseg --steps 1 --config none.toml", 2);
    assert!(message.contains("none.toml, line 4: input.max_pixels = 0"), "{message}");

    let limit_of = |model: &str| {
        let text = fs::read_to_string(shop.path(&format!("{model}-run/config.toml"))).unwrap();
        text.lines().find_map(|line| line.strip_prefix("max_pixels = ").map(str::to_owned))
    };
    shop.run("train data -o setting.anoseg --steps 1 --config fits.toml", 0);
    assert_eq!(limit_of("setting"), Some(pixels.to_string()));
    shop.run(
        &format!("train data -o option.anoseg --steps 1 --config small.toml --max-pixels {}", pixels + 1),
        0,
    );
    assert_eq!(limit_of("option"), Some((pixels + 1).to_string()));
    // Going on takes the setting that is stored, and an option beside it.
    shop.run("train data -o option.anoseg --resume", 0);
    let (_, message) = shop.run(&format!("train data -o option.anoseg --resume --max-pixels {below}"), 3);
    assert!(message.contains("(max_pixels)"), "{message}");
    shop.run("train data -o neither.anoseg --steps 1 --config tiny.toml", 0);
    assert_eq!(limit_of("neither"), None);
}
