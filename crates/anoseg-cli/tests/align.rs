//! Parts in any place, turned to any side: aligned from the training to the verdict.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use anoseg_image::{Image, Limits, decode, write};
use anoseg_infer::Model;
use anoseg_synth::demo::{Part, good};
use common::{Workshop, tensor_bytes};
use serde_json::Value;

/// Side of the generated images.
const SIDE: usize = 160;

/// Half of the side of the painted defect.
const HALF: f32 = 9.0;

const TRAIN: &str = "train loose --config tiny.toml --align";

/// A workshop with loose parts to train on.
fn workshop() -> Workshop {
    let shop = Workshop::new();
    std::fs::create_dir(shop.path("loose")).unwrap();
    for number in 0..20 {
        let image = good(Part::LooseToken, 1, number, SIDE, SIDE);
        write::write_png(&shop.path(&format!("loose/{number:03}.png")), &image).unwrap();
    }
    shop
}

/// The image with a green square around a place.
fn painted(mut image: Image, [x, y]: [f32; 2]) -> Image {
    let side = |at: f32| (at - HALF).max(0.0) as usize..(at + HALF) as usize;
    for row in side(y) {
        side(x).for_each(|column| image.set(column, row, [0.1, 0.9, 0.1]));
    }
    image
}

fn verdicts(shop: &Workshop, folder: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(shop.path(folder).join("verdicts.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_defect_is_reported_where_it_is_in_the_image() {
    let shop = workshop();
    let (_, err) = shop.run(&format!("{TRAIN} -o part.anoseg --steps 400"), 0);
    assert!(err.contains("the part turns by up to") && err.contains("pixels: aligned"), "{err}");
    let model = Model::load(&shop.path("part.anoseg")).unwrap();
    std::fs::create_dir(shop.path("bad")).unwrap();
    let mut places = Vec::new();
    for number in 0..5 {
        let image = good(Part::LooseToken, 1, 100 + number, SIDE, SIDE);
        let pose = model.pose(&image).unwrap();
        assert!(pose.is_found(), "{pose:?}");
        let place = [pose.centre[0] + 14.0, pose.centre[1] - 12.0];
        write::write_png(&shop.path(&format!("bad/{number}.png")), &painted(image, place)).unwrap();
        places.push(place);
    }
    shop.run("predict part.anoseg bad -o out --mask", 0);
    for (verdict, [x, y]) in verdicts(&shop, "out").into_iter().zip(places) {
        // A position of so small a network has 7 pixels a side.
        let region = &verdict["regions"][0]["box"];
        let number = |i: usize| region[i].as_f64().unwrap() as f32;
        let middle = [number(0) + number(2) / 2.0, number(1) + number(3) / 2.0];
        let off = (middle[0] - x).hypot(middle[1] - y);
        assert!(off < 14.0, "{off} pixels off {x}, {y}: {verdict}");
        assert!((number(0)..number(0) + number(2)).contains(&x), "{x}, {y}: {verdict}");
        assert!((number(1)..number(1) + number(3)).contains(&y), "{x}, {y}: {verdict}");
    }
    let mask = decode::load(&shop.path("out/0_mask.png"), &Limits::default()).unwrap();
    assert_eq!((mask.width(), mask.height()), (SIDE, SIDE));

    // An image without a part is inspected all the same.
    std::fs::create_dir(shop.path("empty")).unwrap();
    let empty = Image::from_fn(SIDE, SIDE, |x, y| [0.4 + 0.01 * ((x * 7 + y * 3) % 5) as f32; 3]);
    write::write_png(&shop.path("empty/0.png"), &empty).unwrap();
    shop.run("predict part.anoseg empty -o none", 0);
    let codes: Vec<Value> = verdicts(&shop, "none")[0]["warnings"].as_array().unwrap().clone();
    assert!(codes.iter().any(|warning| warning["code"] == "not_aligned"), "{codes:?}");

    report(&shop, &model);
    let (info, _) = shop.run("info part.anoseg", 0);
    assert!(info.contains("aligned by the part"), "{info}");
}

/// The report once marked by shares of the image, where the verdicts take shares of the part's frame, and
/// marked nothing on a rejected image without a region above the limits.
fn report(shop: &Workshop, model: &Model) {
    for (from, to) in
        [("loose", "measured/train/good"), ("loose", "measured/test/good"), ("bad", "measured/test/bad")]
    {
        std::fs::create_dir_all(shop.path(to)).unwrap();
        for number in 0..3 {
            let name = if from == "loose" { format!("{number:03}.png") } else { format!("{number}.png") };
            std::fs::copy(shop.path(from).join(&name), shop.path(to).join(&name)).unwrap();
        }
    }
    let (_, err) = shop.run("eval part.anoseg measured --report r.html", 0);
    let report = std::fs::read_to_string(shop.path("r.html")).unwrap();
    let [width, height] = model.description().preprocess.alignment.as_ref().unwrap().frame();
    assert!(report.contains(&format!("by the part: its frame has {width} x {height} pixels")), "{err}");
    for number in 0..5 {
        let path = shop.path(&format!("bad/{number}.png"));
        let image = decode::load(&path, &Limits::default()).unwrap();
        let found = model.inspect(&image).unwrap();
        let marks = model.marks(&image, &found.map, found.score).unwrap();
        assert_eq!(marks, (found.mask, found.regions), "{number}");
    }
}

/// A part that the image's border cuts had no warning.
#[test]
fn a_part_that_is_cut_by_the_border_is_told() {
    let shop = workshop();
    shop.run(&format!("{TRAIN} -o part.anoseg --steps 2"), 0);
    let model = Model::load(&shop.path("part.anoseg")).unwrap();
    std::fs::create_dir(shop.path("cut")).unwrap();
    let image = good(Part::LooseToken, 1, 100, SIDE, SIDE);
    let [x, y] = model.pose(&image).unwrap().centre;
    // Moved so that a sixth of the frame lies beyond the left border.
    let left =
        x as isize - model.description().preprocess.alignment.as_ref().unwrap().frame()[0] as isize / 3;
    write::write_png(&shop.path("cut/whole.png"), &image).unwrap();
    write::write_png(
        &shop.path("cut/cut.png"),
        &image.cut((left, y as isize - SIDE as isize / 2), SIDE, SIDE),
    )
    .unwrap();
    let (_, err) = shop.run("predict part.anoseg cut -o out", 0);
    let warned: Vec<String> =
        verdicts(&shop, "out").iter().map(|line| line["warnings"].to_string()).collect();
    assert!(warned[0].contains("part_cut") && err.contains("beyond the image's border"), "{warned:?} {err}");
    assert!(!warned[1].contains("part_cut"), "{warned:?}");
}

/// `train` once said that parts which were aligned are nearly the same image, and did not say that parts
/// move.
#[test]
fn moving_parts_are_no_copies_and_aligning_is_advised() {
    let shop = workshop();
    let (_, err) = shop.run(&format!("{TRAIN} -o part.anoseg --steps 2"), 0);
    assert!(!err.contains("nearly the same") && !err.contains("with --align each part"), "{err}");
    let (_, err) = shop.run("train loose --config tiny.toml -o plain.anoseg --steps 2", 0);
    assert!(err.contains("the part turns by up to") && err.contains("with --align each part"), "{err}");
    let (_, err) = shop.run("train data --config tiny.toml -o still.anoseg --steps 2", 0);
    assert!(!err.contains("--align"), "{err}");
    let turned = good(Part::LooseToken, 1, 3, SIDE, SIDE).cut((0, 0), SIDE, SIDE / 2);
    write::write_png(&shop.path("loose/half.png"), &turned).unwrap();
    let (_, err) = shop.run(&format!("{TRAIN} -o part.anoseg --steps 2"), 0);
    assert!(err.contains("which aligning needs: its part may be missed: half.png"), "{err}");
}

#[test]
fn a_resumed_training_gives_the_same_model_at_any_number_of_threads() {
    let shop = workshop();
    let train = format!("{TRAIN} --steps 6");
    shop.anoseg(&format!("{train} -o one.anoseg")).env("RAYON_NUM_THREADS", "1").assert().success();
    let mut child = shop.start(&format!("{train} -o two.anoseg"));
    shop.wait_for_steps("two-run", 2);
    child.kill().unwrap();
    child.wait().unwrap();
    let (_, err) = shop.run("train loose -o two.anoseg --resume --align", 2);
    assert!(err.contains("leave out --align"), "{err}");
    shop.run("train loose -o two.anoseg --resume", 0);
    assert_eq!(tensor_bytes(&shop.path("one.anoseg")), tensor_bytes(&shop.path("two.anoseg")));
    let [one, two] = ["one.anoseg", "two.anoseg"].map(|name| Model::load(&shop.path(name)).unwrap());
    assert_eq!(one.description().preprocess, two.description().preprocess);
}

/// `predict` once ended with exit code 4 and advice for a damaged file, and `train` named settings that
/// nobody had typed.
#[test]
fn a_region_of_images_that_are_aligned_is_refused_by_the_option() {
    let shop = workshop();
    let (_, err) = shop.run(&format!("{TRAIN} -o part.anoseg --steps 2 --roi 0,0,40,40"), 2);
    assert!(err.contains("--roi = \"0,0,40,40\"") && err.contains("leave out --roi or --align"), "{err}");
    let tiny = std::fs::read_to_string(shop.path("tiny.toml")).unwrap();
    std::fs::write(shop.path("auto.toml"), tiny.replace("[input]", "[input]\nalign = \"auto\"")).unwrap();
    let (_, err) = shop.run("train loose --config auto.toml -o part.anoseg --steps 2 --ignore 0,0,4,4", 2);
    assert!(err.contains("input.align") && err.contains("leave out --ignore, or give --align off"), "{err}");

    shop.run(&format!("{TRAIN} -o part.anoseg --steps 2"), 0);
    for command in ["predict part.anoseg loose -o out", "calibrate part.anoseg loose"] {
        for option in ["--roi", "--ignore"] {
            let (_, err) = shop.run(&format!("{command} {option} 0,0,40,40"), 2);
            assert!(err.contains(option) && err.contains("the model follows the part"), "{err}");
            assert!(!err.contains("copy the file"), "{err}");
        }
    }
}

#[test]
fn a_part_that_is_held_still_or_cannot_be_told_is_left_as_it_is() {
    let shop = Workshop::new();
    for (folder, part, told) in [
        ("still", Part::Token, "--align has no effect, left off"),
        ("cloth", Part::Fabric, "--align is left off"),
    ] {
        std::fs::create_dir(shop.path(folder)).unwrap();
        for number in 0..12usize {
            // The same scene, each brighter than the last.
            let image = good(part, 1, if part == Part::Token { 0 } else { number as u64 }, 96, 96);
            let image = Image::from_fn(96, 96, |x, y| {
                image.get(x, y).map(|value| {
                    value * (0.9 + 0.005 * number as f32) + 0.002 * ((x * y + number) % 3) as f32
                })
            });
            write::write_png(&shop.path(&format!("{folder}/{number:03}.png")), &image).unwrap();
        }
        let train = format!("train {folder} --config tiny.toml --steps 2");
        let (_, err) = shop.run(&format!("{train} --align auto -o {folder}.anoseg"), 0);
        assert!(err.contains(told), "{err}");
        shop.run(&format!("{train} -o plain.anoseg"), 0);
        assert_eq!(
            tensor_bytes(&shop.path(&format!("{folder}.anoseg"))),
            tensor_bytes(&shop.path("plain.anoseg"))
        );
    }
}
