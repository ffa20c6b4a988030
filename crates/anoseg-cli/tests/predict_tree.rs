//! `predict --tree`: result files in the folders of their images.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anoseg_image::write::is_result;
use common::Workshop;
use serde_json::Value;

/// A workshop with a model, and images at these places.
fn shop_with(images: &[&str]) -> Workshop {
    let shop = Workshop::new();
    shop.train(2);
    for (number, name) in images.iter().enumerate() {
        fs::create_dir_all(shop.path(name).parent().unwrap()).unwrap();
        fs::copy(shop.path(&format!("data/train/good/{number:03}.png")), shop.path(name)).unwrap();
    }
    shop
}

/// The masks of the judged images, by image, as the verdicts in a folder name them. All must be there.
fn masks(shop: &Workshop, folder: &str) -> BTreeMap<String, String> {
    let folder = shop.path(folder);
    let text = fs::read_to_string(folder.join("verdicts.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let judged = lines.filter(|line| line["decision"].is_string());
    let masks: BTreeMap<_, _> =
        judged.map(|line| (text(&line["image"]), text(&line["files"]["mask"]))).collect();
    assert!(masks.values().all(|name| is_result(&folder.join(name))), "{masks:?}");
    masks
}

#[test]
fn results_lie_in_the_folders_of_their_images() {
    let shop = shop_with(&["in/x.png", "in/a/b/x.png", "in/a/b/x.bmp.png", "in/a/y.png", "two/a/b/x.png"]);
    fs::copy(shop.path("in/a/b/x.png"), shop.path("in/a/b/x.PNG")).unwrap();
    let command = "predict model.anoseg in -o out --mask --tree";
    shop.run(command, 0);
    let first = masks(&shop, "out");
    assert_eq!(first["in/x.png"], "x_mask.png");
    assert_eq!(first["in/a/y.png"], "a/y_mask.png");
    assert_eq!(first["in/a/b/x.bmp.png"], "a/b/x.bmp_mask.png");
    // The stems of one folder get numbers, in the order of the images.
    assert_eq!(first["in/a/b/x.PNG"], "a/b/x_mask.png");
    assert_eq!(first["in/a/b/x.png"], "a/b/x-2_mask.png");

    fs::remove_file(shop.path("out/a/b/x-2_mask.png")).unwrap();
    fs::copy(shop.path("in/x.png"), shop.path("in/a/z.png")).unwrap();
    shop.run(&format!("{command} --resume"), 0);
    let mut again = masks(&shop, "out");
    assert_eq!(again.remove("in/a/z.png").unwrap(), "a/z_mask.png");
    assert_eq!(again, first);

    // Several inputs are mirrored into one folder; an image that is an input has no folder.
    shop.run("predict model.anoseg in/a/ two two/a/b/x.png in/x.png -o several --mask --tree", 0);
    let several = masks(&shop, "several");
    assert_eq!(several["in/a/b/x.PNG"], "b/x_mask.png");
    assert_eq!(several["two/a/b/x.png"], "a/b/x_mask.png");
    assert_eq!(several["in/x.png"], "x_mask.png");
}

#[test]
fn nothing_of_the_user_is_replaced_and_no_result_is_an_input() {
    let long = format!("in/a/{}.png", "x".repeat(245));
    let shop = shop_with(&["in/a/x.png", &long]);
    symlink(shop.path("in/a"), shop.path("in/linked")).unwrap();
    symlink("x.png", shop.path("in/a/alias.png")).unwrap();
    fs::create_dir_all(shop.path("in/out/a")).unwrap();
    fs::write(shop.path("in/out/a/x_mask.png"), "the user's").unwrap();
    for run in 0..2 {
        shop.run("predict model.anoseg in -o in/out --mask --overlay --tree", 3);
        let masks = masks(&shop, "in/out");
        assert_eq!(masks["in/a/x.png"], "a/x_mask-2.png", "run {run}");
        assert_eq!(masks["in/a/alias.png"], "a/alias_mask.png");
        assert!(masks.values().any(|name| name.starts_with("a/xxx")), "{masks:?}");
        assert_eq!(masks.len(), 3, "{masks:?}");
        assert_eq!(fs::read_to_string(shop.path("in/out/a/x_mask.png")).unwrap(), "the user's");
    }
}

/// A link, or a file, in the place of a folder is left as it is, and the other images have their files.
#[test]
fn a_link_in_the_place_of_a_folder_is_not_followed() {
    let shop = shop_with(&["in/a/x.png", "in/b/x.png", "in/c/x.png"]);
    fs::create_dir_all(shop.path("out")).unwrap();
    fs::create_dir(shop.path("elsewhere")).unwrap();
    symlink(shop.path("elsewhere"), shop.path("out/a")).unwrap();
    fs::write(shop.path("out/b"), "the user's").unwrap();
    let (_, message) = shop.run("predict model.anoseg in -o out --mask --tree", 2);
    assert!(
        message.contains("2 files could not be written") && message.contains("move it away"),
        "{message}"
    );
    assert_eq!(fs::read_dir(shop.path("elsewhere")).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(shop.path("out/b")).unwrap(), "the user's");
    let text = fs::read_to_string(shop.path("out/verdicts.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["decision"].is_string()), "{lines:?}");
    assert!(lines[0]["files"]["mask"].is_null() && !lines[0]["errors"].as_array().unwrap().is_empty());
    assert_eq!(lines[2]["files"]["mask"], "c/x_mask.png");
}

/// Names of a watch have a digest of the image's state; their folder is that of the image.
#[test]
fn a_watch_mirrors_its_folder() {
    let shop = shop_with(&["in/a/b/x.png"]);
    let child = shop.start("predict model.anoseg in -o out --watch --mask --tree");
    let verdicts = shop.path("out/verdicts.jsonl");
    let begun = Instant::now();
    while !fs::read_to_string(&verdicts).is_ok_and(|text| text.ends_with('\n')) {
        assert!(begun.elapsed() < Duration::from_secs(20), "no verdict within 20 s");
        sleep(Duration::from_millis(20));
    }
    common::signal(child.id(), "-TERM");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    let mask = &masks(&shop, "out")["in/a/b/x.png"];
    assert!(mask.starts_with("a/b/x-") && mask.ends_with("_mask.png"), "{mask}");
}
