//! Real images, where they are available: a folder with the categories bottle, tile and cookie,
//! named by the variable `ANOSEG_DATA` or found beside the project as `shared/data`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::PathBuf;

use common::Workshop;
use serde_json::Value;

fn category(name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("ANOSEG_DATA").map(PathBuf::from);
    if let Some(path) = data.map(|data| data.join(name)).filter(|path| path.is_dir()) {
        return path.canonicalize().ok();
    }
    #[allow(clippy::print_stderr, reason = "the reader of the test log must know")]
    {
        eprintln!("skipped: ANOSEG_DATA names no folder with {name}");
    }
    None
}

/// Trains for a few steps. All figures must exist; their values are not checked.
fn trains_and_evaluates(name: &str, images: u64) {
    let Some(data) = category(name) else { return };
    let shop = Workshop::new();
    shop.run(&format!("train {} -o m.anoseg --config tiny.toml --steps 30", data.display()), 0);
    shop.run(&format!("eval m.anoseg {} --json f.json --report r.html", data.display()), 0);
    let figures: Value = serde_json::from_slice(&std::fs::read(shop.path("f.json")).unwrap()).unwrap();
    assert_eq!(figures["images"], images);
    for figure in ["image_auroc", "pixel_auroc", "pixel_ap", "aupro_30", "false_reject_rate"] {
        assert!(figures[figure].is_f64(), "{figure} is {}", figures[figure]);
    }
}

#[test]
fn cookie_few_images_of_a_phone() {
    trains_and_evaluates("cookie", 46);
}

#[test]
fn tile_grey_images_of_many_sizes() {
    trains_and_evaluates("tile", 147);
}
