//! Textured scenes that are shifted and turned: images are aligned by a reference patch.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::OnceLock;

use anoseg_image::Image;
use anoseg_infer::{Alignment, NoPatch, Pose, Rectangle, ReducedImage};
use proptest::prelude::*;

/// Size of the images.
const SIZE: [usize; 2] = [400, 340];

/// A number from 0 to 1 that looks random.
fn hashed(a: u32, b: u32, c: u32) -> f32 {
    let mut hash = a.wrapping_mul(0x9e37_79b1) ^ b.wrapping_mul(0x85eb_ca77) ^ c.wrapping_mul(0xc2b2_ae3d);
    for _ in 0..2 {
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x846c_a68b);
    }
    (hash >> 8) as f32 / 16_777_216.0
}

/// Brightness of a printed sheet at a place from its middle: rectangles of many sizes, without an end.
fn sheet(x: f32, y: f32) -> f32 {
    let (cell, mut value) = (28.0, 0.7);
    let (column, row) = ((x / cell).floor() as i32, (y / cell).floor() as i32);
    for (column, row) in (row - 1..=row + 1).flat_map(|row| (column - 1..=column + 1).map(move |c| (c, row)))
    {
        let number = |k: u32| hashed(column as u32, row as u32, k);
        let middle = [(column as f32 + number(1)) * cell, (row as f32 + number(2)) * cell];
        let half = [3.0 + 10.0 * number(3), 3.0 + 10.0 * number(4)];
        let inside = (half[0] - (x - middle[0]).abs()).min(half[1] - (y - middle[1]).abs());
        value += (number(5) - 0.6) * 0.5 * (inside + 0.5).clamp(0.0, 1.0);
    }
    value.clamp(0.05, 0.95)
}

/// `texture` turned by `angle` with its middle at `shift` from the image's, with a little noise.
fn scene(texture: impl Fn(f32, f32) -> f32, shift: [f32; 2], angle: f32, seed: u32) -> Image {
    let (sin, cos) = angle.sin_cos();
    Image::from_fn(SIZE[0], SIZE[1], |x, y| {
        let dx = x as f32 + 0.5 - SIZE[0] as f32 / 2.0 - shift[0];
        let dy = y as f32 + 0.5 - SIZE[1] as f32 / 2.0 - shift[1];
        let value = texture(cos * dx + sin * dy, cos * dy - sin * dx);
        let light = 0.9 + 0.1 * x as f32 / SIZE[0] as f32;
        [(value * light + 0.03 * (hashed(x as u32, y as u32, seed) - 0.5)).clamp(0.0, 1.0); 3]
    })
}

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
