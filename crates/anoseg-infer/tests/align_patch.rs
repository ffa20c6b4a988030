//! Textured scenes that are shifted and turned: images are aligned by a reference patch.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/sheet.rs"]
mod sheet;

use std::sync::OnceLock;

use anoseg_image::Image;
use anoseg_infer::{Alignment, NoPatch, Pose, Rectangle, ReducedImage};
use proptest::prelude::*;
use sheet::{SIZE, hashed, scene, sheet};

/// Shift and angle of the number-th training image.
fn movement(number: u32) -> ([f32; 2], f32) {
    let from = |k: u32, most: f32| (2.0 * hashed(number, k, 77) - 1.0) * most;
    ([from(1, 18.0), from(2, 18.0)], from(3, 5.0).to_radians())
}

fn reduced(texture: impl Fn(f32, f32, u32) -> f32) -> Vec<ReducedImage> {
    let images = (0..10).map(|i| {
        let (shift, angle) = movement(i);
        ReducedImage::of(&scene(|x, y| texture(x, y, i), shift, angle, i))
    });
    images.collect()
}

fn learned() -> &'static Alignment {
    static ALIGNMENT: OnceLock<Alignment> = OnceLock::new();
    ALIGNMENT.get_or_init(|| {
        let learned = Alignment::learn_patch(&reduced(|x, y, _| sheet(x, y)), None).unwrap();
        assert!(learned.poses.iter().all(Pose::is_found), "{:?}", learned.poses);
        learned.alignment
    })
}

/// Where the middle of the frame must lie when the sheet has moved so, from where it lies when it has not.
fn expected(upright: &Pose, shift: [f32; 2], angle: f32) -> [f32; 2] {
    let (sin, cos) = angle.sin_cos();
    let middle = SIZE.map(|side| side as f32 / 2.0);
    let [dx, dy] = [0, 1].map(|i| upright.centre[i] - middle[i]);
    [middle[0] + shift[0] + cos * dx - sin * dy, middle[1] + shift[1] + sin * dx + cos * dy]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_shift_and_an_angle_are_found_again(
        x in -40.0f32..40.0,
        y in -40.0f32..40.0,
        degrees in -10.0f32..10.0,
        seed: u32,
    ) {
        let alignment = learned();
        let upright = alignment.find(&scene(sheet, [0.0, 0.0], 0.0, 1));
        let angle = degrees.to_radians();
        let found = alignment.find(&scene(sheet, [x, y], angle, seed));
        prop_assert!(found.is_found(), "{found:?}");
        let error = (found.angle - upright.angle - angle).to_degrees();
        prop_assert!(error.abs() < 0.3, "{error} degrees off at {x}, {y}, {degrees}");
        let [ex, ey] = expected(&upright, [x, y], angle);
        let off = (found.centre[0] - ex).hypot(found.centre[1] - ey);
        prop_assert!(off < 0.5, "{off} pixels off at {x}, {y}, {degrees}");
    }
}

#[test]
fn self_similar_textures_are_refused() {
    // Grain that differs in each image, and a weave that repeats.
    let grain = |x: f32, y: f32, i: u32| sheet(x + 5000.0 * (i + 1) as f32, y - 3000.0 * i as f32);
    let weave = |x: f32, y: f32, _: u32| 0.5 + 0.2 * (x * 0.6).sin() + 0.2 * (y * 0.6).sin();
    let even = |_: f32, _: f32, _: u32| 0.5;
    for images in [reduced(grain), reduced(weave), reduced(even)] {
        let refused = Alignment::learn_patch(&images, None).unwrap_err();
        let NoPatch::NotLocated(missed) = refused else { panic!("{refused:?}") };
        assert!(missed.len() > 2, "{missed:?}");
    }
}

#[test]
fn a_patch_may_be_given() {
    let images = reduced(|x, y, _| sheet(x, y));
    let given = Rectangle { left: 120, top: 90, width: 150, height: 110 };
    let learned = Alignment::learn_patch(&images, Some(given)).unwrap();
    assert_eq!((learned.patch, learned.reference, learned.degrees), (given, 0, 15.0));
    assert!(learned.poses.iter().all(Pose::is_found), "{:?}", learned.poses);
    let outside = Rectangle { left: 300, ..given };
    assert_eq!(Alignment::learn_patch(&images, Some(outside)).unwrap_err(), NoPatch::Outside(SIZE));
    let small = Rectangle { width: 20, ..given };
    assert!(matches!(Alignment::learn_patch(&images, Some(small)), Err(NoPatch::TooSmall(26))));
}

#[test]
fn a_scene_without_the_patch_is_at_rest() {
    let alignment = learned();
    for image in [
        scene(|x, y| sheet(x + 900.0, y), [0.0, 0.0], 0.0, 3),
        Image::filled(SIZE[0], SIZE[1], [0.5; 3]),
        Image::filled(9, 9, [0.5; 3]),
        Image::filled(1, 700, [0.5; 3]),
    ] {
        let pose = alignment.find(&image);
        assert!(!pose.is_found(), "{pose:?}");
        let middle = [image.width() as f32 / 2.0, image.height() as f32 / 2.0];
        assert!(pose.centre.iter().zip(middle).all(|(a, b)| (a - b).abs() < 1e-3) && pose.angle == 0.0);
    }
}
