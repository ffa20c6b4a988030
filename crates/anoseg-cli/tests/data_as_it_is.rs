//! Folders as people keep them: what each command takes, what it leaves out, and what it says.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;

use anoseg_image::Mask;
use anoseg_image::write::write_mask_png;
use common::{SIDE, Workshop};

const TINY: &str = "--config tiny.toml --steps 2";

fn json(shop: &Workshop, name: &str) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(shop.path(name)).unwrap()).unwrap()
}

fn heic(shop: &Workshop, name: &str) {
    fs::write(shop.path(name), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap();
}

#[test]
fn check_says_what_is_taken_for_what() {
    let shop = Workshop::new();
    let (out, _) = shop.run("check data --json check.json", 0);
    for line in [
        "layout mvtec",
        "20 images of good parts to learn from",
        "2 images of defect chip",
        "nothing is wrong",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    let found = json(&shop, "check.json");
    assert_eq!(found["schema"], 1);
    assert_eq!(found["datasets"][0]["train"], 20);
    assert_eq!(found["datasets"][0]["test"]["chip"]["masks"], 2);
    assert_eq!(found["datasets"][0]["problems"].as_array().unwrap().len(), 0);
}

#[test]
fn check_names_what_is_wrong() {
    let shop = Workshop::new();
    heic(&shop, "data/train/good/phone.heic");
    fs::write(shop.path("data/train/good/005.png"), "no image").unwrap();
    fs::copy(shop.path("data/train/good/000.png"), shop.path("data/test/good/000.png")).unwrap();
    write_mask_png(&shop.path("data/ground_truth/chip/000_mask.png"), &Mask::filled(SIDE, SIDE, true))
        .unwrap();
    let (out, err) = shop.run("check data --json check.json", 3);
    assert!(out.contains("phone.heic is a HEIC image, which is not read; convert it to PNG"), "{out}");
    for words in ["005.png", "chip/000_mask.png marks 100 %", "learned from as well"] {
        assert!(err.contains(words), "{words}: {err}");
    }
    let found = json(&shop, "check.json");
    assert_eq!(found["datasets"][0]["left_out"][0]["kind"], "not_read");
    assert_eq!(found["datasets"][0]["problems"].as_array().unwrap().len(), 2, "{found}");
    assert_eq!(found["datasets"][0]["remarks"].as_array().unwrap().len(), 1, "{found}");
}

/// Their figures were once wrong or missing without a word.
#[test]
fn mask_implausible() {
    let shop = Workshop::new();
    shop.train(2);
    for defect in ["chip", "colour_spot"] {
        for number in 0..2 {
            let path = shop.path(&format!("data/ground_truth/{defect}/00{number}_mask.png"));
            let inverted =
                anoseg_image::decode::load_mask(&path, &Default::default()).unwrap().map(|marked| !marked);
            write_mask_png(&path, &inverted).unwrap();
        }
    }
    let (_, err) = shop.run("eval model.anoseg data --json f.json", 3);
    assert!(err.contains("inverted") && err.contains("3 more"), "{err}");
    let figures = json(&shop, "f.json");
    assert!(figures["pixel_auroc"].is_null() && figures["image_auroc"].is_number(), "{figures}");
    assert_eq!(figures["warnings"].as_array().unwrap().len(), 4);
}

/// One image with two masks once ended the evaluation of all categories, and kept `train` from
/// learning.
#[test]
fn two_masks_stop_nothing() {
    let shop = Workshop::new();
    shop.train(2);
    fs::create_dir_all(shop.path("all")).unwrap();
    fs::create_dir(shop.path("models")).unwrap();
    let copy = |to: &str| {
        assert!(
            std::process::Command::new("cp")
                .args(["-r"])
                .arg(shop.path("data"))
                .arg(shop.path(to))
                .status()
                .unwrap()
                .success()
        );
    };
    copy("all/one");
    copy("all/two");
    for name in ["one", "two"] {
        fs::copy(shop.path("model.anoseg"), shop.path(&format!("models/{name}.anoseg"))).unwrap();
    }
    let masks = shop.path("all/two/ground_truth/chip");
    fs::copy(masks.join("000_mask.png"), masks.join("000.png")).unwrap();
    let (out, err) = shop.run("eval models all --json all.json", 3);
    assert!(out.contains("| one |") && out.contains("| two |"), "{out}");
    assert!(err.contains("two masks") && shop.path("all.json").is_file(), "{err}");
    let (_, err) = shop.run(&format!("train all/two -o t.anoseg {TINY}"), 0);
    assert!(err.contains("two masks"), "{err}");
}

/// Folders of defects were once learned from as good parts.
#[test]
fn layouts_are_chosen_or_refused() {
    let shop = Workshop::new();
    fs::rename(shop.path("data/train/good"), shop.path("ng")).unwrap();
    let (_, err) = shop.run(&format!("train ng -o m.anoseg {TINY}"), 3);
    assert!(err.contains("ng") && err.contains("--layout plain"), "{err}");
    assert!(!shop.path("m.anoseg").exists());
    let (_, err) = shop.run(&format!("train ng --layout plain -o m.anoseg {TINY}"), 0);
    assert!(err.contains("training on"), "{err}");
    shop.run("train ng --layout other -o m.anoseg", 2);
}

/// Each command once had a text of its own.
#[test]
fn one_text_for_an_image_of_another_format() {
    let shop = Workshop::new();
    shop.train(2);
    fs::create_dir(shop.path("one")).unwrap();
    heic(&shop, "one/phone.heic");
    heic(&shop, "data/train/good/phone.heic");
    heic(&shop, "data/train/good/renamed.jpg");
    let text = "is a HEIC image, which is not read; convert it to PNG, JPEG or TIFF";
    let (_, direct) = shop.run("predict model.anoseg one/phone.heic -o a", 3);
    assert!(direct.contains(&format!("one/phone.heic {text}")), "{direct}");
    fs::copy(shop.path("data/train/good/000.png"), shop.path("one/000.png")).unwrap();
    let (_, folder) = shop.run("predict model.anoseg one -o b", 3);
    assert!(folder.contains(&format!("one/phone.heic {text}")), "{folder}");
    let verdicts = fs::read_to_string(shop.path("b/verdicts.jsonl")).unwrap();
    assert!(verdicts.contains(&format!("one/phone.heic {text}")), "{verdicts}");
    let (out, check) = shop.run("check data", 3);
    let (_, train) = shop.run(&format!("train data -o m.anoseg {TINY}"), 0);
    for (name, said) in
        [("phone.heic", &out), ("renamed.jpg", &check), ("phone.heic", &train), ("renamed.jpg", &train)]
    {
        assert!(said.contains(&format!("{name} {text}")), "{name}: {said}");
    }
}

/// Defects that only the names of files tell were once learned from as good parts.
#[test]
fn names_of_defects_are_refused() {
    let shop = Workshop::new();
    fs::create_dir(shop.path("flat")).unwrap();
    for number in 0..20 {
        let name = if number % 5 == 4 { format!("NG_{number}.png") } else { format!("OK_{number}.png") };
        fs::copy(shop.path(&format!("data/train/good/0{number:02}.png")), shop.path("flat").join(name))
            .unwrap();
    }
    for command in [format!("train flat -o m.anoseg {TINY}"), "check flat".into()] {
        let (_, err) = shop.run(&command, 3);
        for words in ["NG_4.png", "OK_0.png", "Move those", "--layout plain"] {
            assert!(err.contains(words), "{words}: {err}");
        }
    }
    shop.run("check flat --layout plain", 0);
}

#[test]
fn skipped_files() {
    let shop = Workshop::new();
    shop.train(2);
    heic(&shop, "data/test/good/phone.heic");
    fs::write(shop.path("data/test/good/notes.txt"), "a note").unwrap();
    let (out, err) = shop.run("predict model.anoseg data/test/good -o out", 3);
    assert!(out.contains("good,") && err.contains("phone.heic") && !err.contains("notes.txt"), "{out}{err}");
    shop.run("eval model.anoseg data", 3);
    fs::rename(shop.path("data/test/good/phone.heic"), shop.path("data/train/good/phone.heic")).unwrap();
    let (_, err) = shop.run("eval model.anoseg data", 0);
    assert!(err.contains("phone.heic"), "{err}");
}

#[cfg(unix)]
#[test]
fn a_dead_link_in_the_training_set_shows_in_the_exit_code() {
    let shop = Workshop::new();
    std::os::unix::fs::symlink("/mnt/no share", shop.path("data/train/good/share")).unwrap();
    let (_, err) = shop.run(&format!("train data -o m.anoseg {TINY}"), 3);
    assert!(err.contains("share is a link"), "{err}");
    assert!(shop.path("m.anoseg").is_file(), "the rest is learned from");
    shop.run("eval m.anoseg data", 0);
}

/// `predict` alone told that a file has further pages or frames.
#[test]
fn further_images_of_a_file_are_told_once_per_set() {
    let shop = Workshop::new();
    for (folder, files) in [("train/good", 5), ("test/good", 4)] {
        for number in 0..files {
            let path = shop.path(&format!("data/{folder}/{number:03}.png"));
            let page = fs::read(&path).unwrap();
            let image =
                anoseg_image::decode::load_bytes(&page, &path, &anoseg_image::Limits::default()).unwrap();
            fs::remove_file(&path).unwrap();
            // Two images, one after the other: a PNM file of two frames.
            let pixels = (0..SIDE * SIDE).flat_map(|i| image.get(i % SIDE, i / SIDE));
            let pixels: Vec<u8> = pixels.map(|value| (255.0 * value).round() as u8).collect();
            let frame = [format!("P6\n{SIDE} {SIDE}\n255\n").into_bytes(), pixels].concat();
            fs::write(path.with_extension("ppm"), [frame.clone(), frame].concat()).unwrap();
        }
    }
    let once = |text: &str, words: &str, name: &str| {
        assert_eq!(text.matches(words).count(), 1, "{words}: {text}");
        assert!(text.lines().any(|line| line.contains(words) && line.contains(name)), "{name}: {text}");
    };
    let words = "5 of 20 images are the first of several in their files, such as pages or frames; only the first is used";
    let (_, err) = shop.run(&format!("train data -o model.anoseg {TINY}"), 0);
    once(&err, words, "000.ppm");
    let (_, err) = shop.run("check data --json check.json", 0);
    once(&err, words, "000.ppm");
    once(&err, "4 images to test with are the first of several in their files", "000.ppm");
    assert_eq!(json(&shop, "check.json")["datasets"][0]["problems"].as_array().unwrap().len(), 0);
    let (_, err) = shop.run("eval model.anoseg data --json figures.json", 0);
    once(
        &err,
        "4 of 8 test images in files with further images, of which only the first was inspected",
        "000.ppm",
    );
    let (_, err) = shop.run("calibrate model.anoseg data/test/good -o calibrated.anoseg", 0);
    once(&err, "4 images are the first of several in their files", "000.ppm");
}
