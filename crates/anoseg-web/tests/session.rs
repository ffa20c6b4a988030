//! What the module replies, and which errors it names.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use anoseg::batch::{Verdict, inspect_file};
use anoseg::{Limits, Model, decode};
use anoseg_web::{MOST_PIXELS, Session};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../anoseg-infer/tests/fixtures/format1").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

fn loaded() -> Session {
    let mut session = Session::default();
    session.load(&read("compact.anoseg"), "part.anoseg").unwrap();
    session
}

#[test]
fn the_reply_is_the_line_that_predict_writes() {
    let (model, path) = (Model::load(&fixture("compact.anoseg")).unwrap(), fixture("image.png"));
    let inspected = inspect_file(&model, &path, &Limits::default()).unwrap();
    let expected = Verdict {
        image: "image.png".into(),
        model_digest: model.digest().unwrap(),
        ..Verdict::of(&inspected, false)
    };
    let mut session = loaded();
    session.inspect_file(&read("image.png"), "image.png").unwrap();
    assert_eq!(session.text, serde_json::to_string(&expected).unwrap());

    let pixels = inspected.image.width() * inspected.image.height();
    assert_eq!([&session.image, &session.heat, &session.outline].map(Vec::len), [4 * pixels; 3]);
    let marked = session.mask.iter().filter(|value| **value == 255).count();
    assert_eq!((session.mask.len(), marked), (pixels, inspected.inspection.mask.count()));
    assert!(marked > 0 && session.outline.iter().any(|value| *value > 0));
}

#[test]
fn pixels_of_a_canvas_give_the_result_of_their_file() {
    let image = decode::load(&fixture("image.png"), &Limits::default()).unwrap();
    let rgba: Vec<u8> =
        image.to_rgb8().as_chunks().0.iter().flat_map(|&[r, g, b]: &[u8; 3]| [r, g, b, 255]).collect();
    let mut session = loaded();
    session.inspect_file(&read("image.png"), "frame").unwrap();
    let (text, heat) = (session.text.clone(), session.heat.clone());
    session.inspect_pixels(&rgba, (image.width(), image.height()), "frame").unwrap();
    assert_eq!((&session.text, &session.heat), (&text, &heat));
    assert_eq!(session.image, rgba);
}

#[test]
fn errors_name_the_file() {
    let mut session = Session::default();
    assert_eq!(session.inspect_file(&read("image.png"), "a.png").unwrap_err(), "no model is loaded");
    let cut = &read("compact.anoseg")[..1000];
    assert!(session.load(cut, "cut.anoseg").unwrap_err().starts_with("cut.anoseg: not a model"));

    let mut session = loaded();
    assert!(session.inspect_file(b"no image", "notes.txt").unwrap_err().contains("notes.txt"));
    assert!(session.text.is_empty() && session.image.is_empty(), "nothing is left of an image before");
    assert!(session.inspect_pixels(&[0; 12], (2, 2), "camera").unwrap_err().starts_with("camera: "));
    let side = MOST_PIXELS as usize;
    assert!(session.inspect_pixels(&[], (side, side), "camera").unwrap_err().contains("are more than"));
    // A model that cannot be used replaces the one before: results must not come from another than is shown.
    session.load(cut, "cut.anoseg").unwrap_err();
    assert_eq!(session.inspect_file(&read("image.png"), "a.png").unwrap_err(), "no model is loaded");
}
