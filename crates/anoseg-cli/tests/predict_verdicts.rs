//! What the verdicts of `predict` say, in every format.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anoseg_image::text::is_unseen;
use anoseg_image::{Limits, Mask, decode};
use common::Workshop;
use serde_json::Value;

/// A workshop with a model that rejects nearly every image, and `some/` with two defects, a good
/// part and a file that is cut short.
fn strict_shop() -> Workshop {
    let shop = Workshop::new();
    shop.train(4);
    shop.run("calibrate model.anoseg data/train/good --false-reject 0.9 --review 0.95", 0);
    fs::create_dir(shop.path("some")).unwrap();
    for (from, to) in [("chip/000", "a"), ("colour_spot/001", "b"), ("good/000", "c")] {
        fs::copy(shop.path(&format!("data/test/{from}.png")), shop.path(&format!("some/{to}.png"))).unwrap();
    }
    let image = fs::read(shop.path("some/a.png")).unwrap();
    fs::write(shop.path("some/cut.png"), &image[..60]).unwrap();
    shop
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The mask that COCO's run lengths stand for: column by column, outside and inside by turns.
fn decoded(segmentation: &Value) -> Mask {
    let number = |value: &Value| value.as_u64().unwrap() as usize;
    let [height, width] = [0, 1].map(|i| number(&segmentation["size"][i]));
    let counts = segmentation["counts"].as_array().unwrap().iter().map(number);
    let pixels: Vec<bool> =
        counts.enumerate().flat_map(|(i, run)| std::iter::repeat_n(i % 2 == 1, run)).collect();
    assert_eq!(pixels.len(), width * height);
    Mask::from_fn(width, height, |x, y| pixels[x * height + y])
}

/// The document once had neither `info` nor `segmentation`, and rejected images had no annotation.
#[test]
fn coco_document() {
    let shop = strict_shop();
    shop.run("predict model.anoseg some -o out --format coco --mask", 3);
    let coco = json(&shop.path("out/verdicts.coco.json"));
    for key in ["info", "licenses", "categories", "images", "annotations"] {
        assert!(!coco[key].is_null(), "no {key}");
    }
    let images = coco["images"].as_array().unwrap();
    let names: Vec<_> = images.iter().map(|image| image["file_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a.png", "b.png", "c.png", "cut.png"]);
    assert_eq!(coco["info"]["image_root"], "some");
    assert!(images[3]["error"].as_str().unwrap().contains("cut.png"));
    let annotations = coco["annotations"].as_array().unwrap();
    let mut rejected = 0;
    for image in &images[..3] {
        let of_image: Vec<_> = annotations.iter().filter(|a| a["image_id"] == image["id"]).collect();
        if image["decision"] == "reject" {
            assert!(!of_image.is_empty(), "{image}");
            rejected += 1;
        }
        let file = shop.path("out").join(image["files"]["mask"].as_str().unwrap());
        let mask = decode::load_mask(&file, &Limits::default()).unwrap();
        let mut together = Mask::filled(mask.width(), mask.height(), false);
        for annotation in of_image {
            let region = decoded(&annotation["segmentation"]);
            assert_eq!(region.count() as u64, annotation["area"].as_u64().unwrap());
            for (all, &one) in together.as_mut_slice().iter_mut().zip(region.as_slice()) {
                assert!(!(*all && one), "regions overlap");
                *all |= one;
            }
        }
        assert_eq!(together, mask);
    }
    assert!(rejected > 0, "the test needs a rejected image: {coco}");
}

/// Images that could not be read had no line, and a rejected part could be without a marked place.
#[test]
fn verdict_gaps() {
    let shop = strict_shop();
    shop.run("predict model.anoseg some -o out --mask", 3);
    let text = fs::read_to_string(shop.path("out/verdicts.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[3]["decision"].is_null() && lines[3]["error"].as_str().unwrap().contains("cut.png"));
    let rejected: Vec<_> = lines.iter().filter(|line| line["decision"] == "reject").collect();
    assert!(!rejected.is_empty());
    for line in rejected {
        assert!(!line["regions"].as_array().unwrap().is_empty(), "{line}");
        let file = shop.path("out").join(line["files"]["mask"].as_str().unwrap());
        assert!(decode::load_mask(&file, &Limits::default()).unwrap().any(), "{line}");
    }
    shop.run("predict model.anoseg some -o out --format csv", 3);
    let text = fs::read_to_string(shop.path("out/verdicts.csv")).unwrap();
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("some/cut.png,,,,,,") && last.contains("cut.png is"), "{last}");
    // What says the same again is not written again.
    shop.run("predict model.anoseg gone.png some -o out --format csv", 3);
    let text = fs::read_to_string(shop.path("out/verdicts.csv")).unwrap();
    assert!(text.lines().nth(1).unwrap().starts_with("gone.png,"), "{text}");
    shop.run("predict model.anoseg gone.png some -o out --format csv --resume", 3);
    assert_eq!(fs::read_to_string(shop.path("out/verdicts.csv")).unwrap(), text);
}

/// The score of an image to review comes from a place, too, but none was shown.
#[test]
fn an_image_to_review_has_a_region() {
    let shop = Workshop::new();
    shop.train(4);
    shop.run("calibrate model.anoseg data/train/good --false-reject 0.05 --review 0.95", 0);
    shop.run("predict model.anoseg data/test -o out --mask", 0);
    let text = fs::read_to_string(shop.path("out/verdicts.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let review: Vec<Value> = lines.filter(|line| line["decision"] == "review").collect();
    assert!(!review.is_empty(), "the test needs an image to review: {text}");
    for line in review {
        assert!(!line["regions"].as_array().unwrap().is_empty(), "{line}");
        let file = shop.path("out").join(line["files"]["mask"].as_str().unwrap());
        assert!(decode::load_mask(&file, &Limits::default()).unwrap().any(), "{line}");
    }
    shop.run("predict model.anoseg data/test -o out --format coco", 0);
    let coco = json(&shop.path("out/verdicts.coco.json"));
    let annotated: BTreeSet<u64> =
        coco["annotations"].as_array().unwrap().iter().map(|a| a["image_id"].as_u64().unwrap()).collect();
    for image in coco["images"].as_array().unwrap() {
        let good = image["decision"] == "good";
        assert!(good || annotated.contains(&image["id"].as_u64().unwrap()), "{image}");
    }
}

/// Images of other formats in a folder were once passed over with exit code 0.
#[test]
fn skipped_files() {
    let shop = strict_shop();
    fs::remove_file(shop.path("some/cut.png")).unwrap();
    fs::write(shop.path("some/phone.heic"), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap();
    fs::write(shop.path("some/notes.txt"), "no image").unwrap();
    let (_, message) = shop.run("predict model.anoseg some -o out", 3);
    assert!(message.contains("phone.heic") && !message.contains("notes.txt"), "{message}");
    let text = fs::read_to_string(shop.path("out/verdicts.jsonl")).unwrap();
    let phone = text.lines().find(|line| line.contains("phone.heic")).unwrap();
    let phone: Value = serde_json::from_str(phone).unwrap();
    assert!(phone["decision"].is_null() && phone["error"].as_str().unwrap().contains("HEIC"), "{phone}");
    assert_eq!(text.lines().count(), 4);
}

/// Two names that are not UTF-8 once were the same in the verdicts.
#[cfg(target_os = "linux")]
#[test]
fn names() {
    use std::os::unix::ffi::OsStrExt as _;
    let shop = strict_shop();
    fs::create_dir(shop.path("odd")).unwrap();
    let unseen = "a\u{202e}gnp.exe\u{2028}\u{200b}.png";
    let odd = [
        &b"part\xfe.png"[..],
        b"part\xff.png",
        b"part%FE.png",
        b"a\x1b[31m\nb.png",
        b"=1+1.png",
        unseen.as_bytes(),
    ];
    for name in odd {
        let to = shop.path("odd").join(std::ffi::OsStr::from_bytes(name));
        fs::copy(shop.path("some/a.png"), to).unwrap();
    }
    shop.run("predict model.anoseg odd ./odd -o out --mask", 0);
    let text = fs::read_to_string(shop.path("out/verdicts.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |get: fn(&Value) -> &Value| -> BTreeSet<String> {
        lines.iter().map(|line| get(line).as_str().unwrap().to_owned()).collect()
    };
    let images = of(|line| &line["image"]);
    assert_eq!((lines.len(), images.len()), (odd.len(), odd.len()), "{images:?}");
    assert_eq!(of(|line| &line["files"]["mask"]).len(), odd.len());
    assert!(images.iter().all(|name| !name.contains(is_unseen)), "{images:?}");
    for entry in fs::read_dir(shop.path("out")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.contains(is_unseen), "{name:?}");
    }
    // Names and order are those of the files, so going on finds every image again.
    shop.run("predict model.anoseg odd -o out --mask --resume", 0);
    assert_eq!(fs::read_to_string(shop.path("out/verdicts.jsonl")).unwrap(), text);
}

/// A field that begins like a formula once ran in the spreadsheet.
#[test]
fn csv_fields_do_not_run_as_formulas() {
    let shop = strict_shop();
    // Started in the folder, an image's name begins the line.
    for name in ["=cmd.png", "+1.png", "-1.png", "@SUM(1).png", "'a.png", "b,c.png", "d;=e.png"] {
        fs::copy(shop.path("some/a.png"), shop.path("some").join(name)).unwrap();
    }
    let names = ["=cmd.png", "./-1.png", "+1.png", "@SUM(1).png", "'a.png", "b,c.png", "d;=e.png"];
    let mut command = shop.anoseg("predict ../model.anoseg -o ../out --format csv --mask");
    let status = command.current_dir(shop.path("some")).args(names).output().unwrap().status;
    assert_eq!(status.code(), Some(0));
    let text = fs::read_to_string(shop.path("out/verdicts.csv")).unwrap();
    let begins: Vec<_> = text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(begins, ["'=cmd.png", "./-1.png", "'+1.png", "'@SUM(1).png", "''a.png", "\"b", "d%3B=e.png"]);
    assert!(!text.contains(",=") && !text.contains(",-") && !text.contains(",+"), "{text}");
    // Names read back are those of the files.
    let mut command = shop.anoseg("predict ../model.anoseg -o ../out --format csv --mask --resume");
    command.current_dir(shop.path("some")).args(names).assert().success();
    assert_eq!(fs::read_to_string(shop.path("out/verdicts.csv")).unwrap(), text);
}

/// The maps of a.png and a.jpg once were one file.
#[test]
fn maps_same_stem() {
    let shop = strict_shop();
    let image = decode::load(&shop.path("data/test/good/001.png"), &Limits::default()).unwrap();
    fs::write(shop.path("data/test/good/000.jpg"), anoseg_image::write::encode_jpeg(&image, 95)).unwrap();
    fs::create_dir_all(shop.path("maps/good")).unwrap();
    fs::write(shop.path("maps/good/001.tiff"), "the user's").unwrap();
    for _ in 0..2 {
        shop.run("eval model.anoseg data --maps maps --json f.json", 0);
        let record = json(&shop.path("f.json"));
        let images = record["pictures"].as_array().unwrap();
        let maps: BTreeSet<_> = images.iter().map(|image| image["map"].as_str().unwrap()).collect();
        assert_eq!(maps.len(), images.len());
        assert!(maps.contains("good/000.tiff") && maps.contains("good/000-2.tiff"), "{maps:?}");
        assert!(maps.contains("good/001-2.tiff") && !maps.contains("good/001.tiff"), "{maps:?}");
        assert!(
            maps.iter().all(|name| anoseg_image::write::read_tiff_f32(&shop.path("maps").join(name)).is_ok())
        );
    }
    assert_eq!(fs::read(shop.path("maps/good/001.tiff")).unwrap(), b"the user's");
}
