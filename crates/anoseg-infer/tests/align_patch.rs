//! Textured scenes that are shifted and turned: images are aligned by a reference patch.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/sheet.rs"]
mod sheet;

use std::sync::OnceLock;

use anoseg_image::{AnomalyMap, Filter, Image};
use anoseg_infer::{Alignment, NoPatch, Pose, Preprocess, Rectangle, ReducedImage};
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

#[test]
fn the_patch_goes_through_the_model_file() {
    let preprocess = Preprocess::square(64, Filter::Bilinear).with_alignment(Some(learned().clone()));
    let document = serde_json::to_value(&preprocess).unwrap();
    assert_eq!(serde_json::from_value::<Preprocess>(document.clone()).unwrap(), preprocess);
    assert!(preprocess.validate(32).is_ok());
    assert_eq!(document["alignment"]["patch"]["degrees"], 15.0);
    for (field, value, says) in [
        ("size", "[0, 5]", "alignment.patch.size"),
        ("size", "[70000, 5]", "alignment.patch.size"),
        ("degrees", "31.0", "alignment.patch.degrees"),
        ("degrees", "-1.0", "alignment.patch.degrees"),
        ("surplus", "1", "unknown field"),
    ] {
        let mut damaged = document.clone();
        damaged["alignment"]["patch"][field] = serde_json::from_str(value).unwrap();
        let error = match serde_json::from_value::<Preprocess>(damaged) {
            Ok(preprocess) => preprocess.validate(32).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(says), "{field} = {value}: {error}");
    }
}

#[test]
fn an_image_of_twice_the_size_has_the_same_pose() {
    let small = scene(sheet, [12.0, -9.0], 0.05, 3);
    let large = anoseg_image::resample::resize(&small, 2 * SIZE[0], 2 * SIZE[1], Filter::Bilinear);
    let [a, b] = [&small, &large].map(|image| learned().find(image));
    assert!((b.centre[0] - 2.0 * a.centre[0]).hypot(b.centre[1] - 2.0 * a.centre[1]) < 1.0, "{a:?} {b:?}");
    assert!((a.angle - b.angle).abs() < 0.003 && (b.scale - 2.0).abs() < 1e-3, "{a:?} {b:?}");
    // And one of a quarter of it, which is smaller than a reduced image.
    let tiny = anoseg_image::resample::resize(&small, SIZE[0] / 4, SIZE[1] / 4, Filter::Bilinear);
    let found = learned().find(&tiny);
    let off = (found.centre[0] - a.centre[0] / 4.0).hypot(found.centre[1] - a.centre[1] / 4.0);
    assert!(found.is_found() && off < 0.5, "{a:?} {found:?}");
}

/// Defects on the patch itself do not move it.
#[test]
fn a_defect_on_the_patch_leaves_the_pose() {
    let mut image = scene(sheet, [12.0, -9.0], 0.05, 3);
    let whole = learned().find(&image);
    for (y, x) in (150..190).flat_map(|y| (180..220).map(move |x| (y, x))) {
        image.set(x, y, [0.05; 3]);
    }
    let found = learned().find(&image);
    let off = (found.centre[0] - whole.centre[0]).hypot(found.centre[1] - whole.centre[1]);
    assert!(found.is_found() && off < 1.0, "{whole:?} {found:?}");
    assert!((found.angle - whole.angle).to_degrees().abs() < 0.3, "{whole:?} {found:?}");
}

/// Where the border was repeated beyond an image, good images had the highest scores.
#[test]
fn the_frame_is_what_all_images_show() {
    let alignment = learned();
    let [width, height] = alignment.frame();
    assert!(width > SIZE[0] / 2 && height > SIZE[1] / 2, "{width} x {height}");
    for number in 0..10 {
        let (shift, angle) = movement(number);
        let pose = alignment.find(&scene(sheet, shift, angle, number));
        let (sin, cos) = pose.angle.sin_cos();
        for (x, y) in [(-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)] {
            let (x, y) = (x * width as f32, y * height as f32);
            let at = [pose.centre[0] + cos * x - sin * y, pose.centre[1] + sin * x + cos * y];
            assert!((0..2).all(|i| (-1.0..=SIZE[i] as f32 + 1.0).contains(&at[i])), "{number}: {at:?}");
        }
    }
}

#[test]
fn a_dot_comes_back_to_its_place() {
    let ([x, y], alignment) = ([230.0, 140.0], learned());
    let mut image = scene(sheet, [14.0, -11.0], -0.06, 5);
    let pose = alignment.find(&image);
    image.as_mut_slice().fill(0.0);
    for (row, column) in (135..145).flat_map(|row| (225..235).map(move |column| (row, column))) {
        image.set(column, row, [1.0; 3]);
    }
    let framed = alignment.framed(&image, &pose);
    let map = AnomalyMap::from_vec(framed.width(), framed.height(), framed.plane(0).to_vec());
    let back = alignment.unframed(&map, &pose, SIZE[0], SIZE[1]);
    let (mut sum, mut middle) = (0.0, [0.0, 0.0]);
    for (i, value) in back.as_slice().iter().enumerate() {
        let at = [(i % SIZE[0]) as f32 + 0.5, (i / SIZE[0]) as f32 + 0.5];
        sum += value;
        middle = [0, 1].map(|axis| middle[axis] + value * at[axis]);
    }
    let off = (middle[0] / sum - x).hypot(middle[1] / sum - y);
    assert!(off < 0.2, "{off}");
}
