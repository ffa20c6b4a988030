//! Parts that are not held still: their poses are found, and images and maps warped there and back.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::f32::consts::{PI, TAU};
use std::sync::OnceLock;

use anoseg_image::{AnomalyMap, Filter, Image};
use anoseg_infer::{Alignment, Levels, Pose, Preprocess, ReducedImage, ValueScale};
use proptest::prelude::*;

/// Size of the images.
const SIZE: [usize; 2] = [400, 340];

/// Brightness and coverage of a part at a place from its middle, in pixels: a plate with a cut corner,
/// a hole and a stripe.
fn part(x: f32, y: f32) -> (f32, f32) {
    let edge = |distance: f32| (distance + 0.5).clamp(0.0, 1.0);
    let plate = edge((80.0 - x.abs()).min(55.0 - y.abs()).min(100.0 - (x - y)));
    let hole = edge(14.0 - (x + 40.0).hypot(y + 20.0));
    let stripe = edge((30.0 - (x - 20.0).abs()).min(6.0 - (y - 25.0).abs()));
    (0.75 - 0.4 * stripe, plate * (1.0 - hole))
}

/// The part turned by `angle` with its middle at `centre`, on a background that gets brighter to the
/// right, with a little noise.
fn scene(centre: [f32; 2], angle: f32, seed: u32) -> Image {
    let (sin, cos) = angle.sin_cos();
    Image::from_fn(SIZE[0], SIZE[1], |x, y| {
        let (dx, dy) = (x as f32 + 0.5 - centre[0], y as f32 + 0.5 - centre[1]);
        let (value, covered) = part(cos * dx + sin * dy, cos * dy - sin * dx);
        let background = 0.2 + 0.1 * x as f32 / SIZE[0] as f32;
        let mut hash = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77) ^ seed;
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x846c_a68b);
        let noise = ((hash >> 16) as f32 / 65_535.0 - 0.5) * 0.02;
        let value = (background + (value - background) * covered + noise).clamp(0.0, 1.0);
        [value, value, value * 0.9]
    })
}

fn learned() -> Alignment {
    let images = (0..8u16).map(|i| {
        let at = f32::from(i);
        scene([160.0 + 10.0 * at, 190.0 - 5.0 * at], 0.8 * at, u32::from(i))
    });
    let reduced: Vec<ReducedImage> = images.map(|image| ReducedImage::of(&image)).collect();
    let learned = Alignment::learn(&reduced).unwrap();
    assert!(learned.poses.iter().all(Pose::is_found), "{:?}", learned.poses);
    learned.alignment
}

/// The same, learned once.
fn alignment() -> &'static Alignment {
    static ALIGNMENT: OnceLock<Alignment> = OnceLock::new();
    ALIGNMENT.get_or_init(learned)
}

/// A part that was half out of the image once had no warning.
#[test]
fn the_share_of_a_part_beyond_the_border_is_measured() {
    let alignment = alignment();
    let size = [SIZE[0], SIZE[1]];
    let share = |centre: [f32; 2], angle: f32| {
        let pose = alignment.find(&scene(centre, angle, 91));
        assert!(pose.is_found(), "{centre:?}");
        alignment.share_beyond(&pose, size)
    };
    assert_eq!(share([200.0, 170.0], 0.7), 0.0);
    // Half of the part's 160 pixels lie left of its middle; a quarter of them beyond the border.
    let cut = share([60.0, 170.0], 0.0);
    assert!((0.06..0.2).contains(&cut), "{cut}");
}

fn turned(a: f32, b: f32) -> f32 {
    (a - b + PI).rem_euclid(TAU) - PI
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_pose_is_found_again(x in 120.0f32..280.0, y in 120.0f32..220.0, angle in -PI..PI, seed: u32) {
        let alignment = alignment();
        let upright = alignment.find(&scene([200.0, 170.0], 0.0, 1));
        let found = alignment.find(&scene([x, y], angle, seed));
        prop_assert!(found.is_found() && found.quality > 0.95, "{found:?}");
        let error = turned(found.angle, upright.angle + angle).to_degrees();
        prop_assert!(error.abs() < 0.5, "{error} degrees off at {x}, {y}, {angle}");
        // The frame's middle moves with the part.
        let (sin, cos) = angle.sin_cos();
        let offset = [upright.centre[0] - 200.0, upright.centre[1] - 170.0];
        let expected = [x + cos * offset[0] - sin * offset[1], y + sin * offset[0] + cos * offset[1]];
        let off = (found.centre[0] - expected[0]).hypot(found.centre[1] - expected[1]);
        prop_assert!(off < 0.5, "{off} pixels off at {x}, {y}, {angle}");
    }

    #[test]
    fn a_place_comes_back_from_the_frame(x in 150.0f32..250.0, y in 140.0f32..200.0, angle in -PI..PI) {
        let alignment = alignment();
        let image = scene([x, y], angle, 3);
        let pose = alignment.find(&image);
        // The image itself, taken into the frame and back as if it were a map.
        let framed = alignment.framed(&image, &pose);
        let [width, height] = alignment.frame();
        let map = AnomalyMap::from_vec(width, height, framed.plane(0).to_vec());
        let back = alignment.unframed(&map, &pose, SIZE[0], SIZE[1]);
        let (mut sum, mut count) = (0.0f64, 0);
        for (value, own) in back.as_slice().iter().zip(image.plane(0)) {
            if *value > 0.0 {
                sum += f64::from((value - own).abs());
                count += 1;
            }
        }
        prop_assert!(count > 160 * 110, "{count} pixels");
        prop_assert!(sum / f64::from(count) < 0.01, "{} off", sum / f64::from(count));
    }
}

#[test]
fn the_part_lies_in_the_same_place_of_the_frame() {
    let alignment = alignment();
    let framed = |centre, angle, seed| {
        let image = scene(centre, angle, seed);
        alignment.framed(&image, &alignment.find(&image))
    };
    let (a, b) = (framed([150.0, 150.0], 0.3, 1), framed([230.0, 180.0], -2.5, 2));
    let differences = a.plane(0).iter().zip(b.plane(0)).map(|(a, b)| (a - b).abs());
    let mean = differences.sum::<f32>() / a.plane(0).len() as f32;
    assert!(mean < 0.03, "{mean}");
}

#[test]
fn an_image_without_the_part_is_at_rest() {
    let alignment = alignment();
    let empty = Image::from_fn(SIZE[0], SIZE[1], |x, _| [0.2 + 0.1 * x as f32 / SIZE[0] as f32; 3]);
    let disc = Image::from_fn(SIZE[0], SIZE[1], |x, y| {
        [if (x as f32 - 200.0).hypot(y as f32 - 170.0) < 90.0 && (x / 9 + y / 7) % 2 == 0 {
            0.9
        } else {
            0.2
        }; 3]
    });
    let images = [empty, disc, Image::filled(9, 9, [0.5; 3]), Image::filled(1, 700, [0.5; 3])];
    for image in images {
        let pose = alignment.find(&image);
        assert!(!pose.is_found(), "{pose:?}");
        let framed = alignment.framed(&image, &pose);
        assert_eq!([framed.width(), framed.height()], alignment.frame());
        assert!(framed.as_slice().iter().all(|value| value.is_finite()));
        let map = alignment.unframed(&AnomalyMap::filled(8, 8, 1.0), &pose, image.width(), image.height());
        assert_eq!((map.width(), map.height()), (image.width(), image.height()));
    }
}

#[test]
fn poses_do_not_depend_on_the_threads_or_the_value_scale() {
    let alignment = alignment();
    let image = scene([180.0, 160.0], 2.0, 7);
    let poses: Vec<Pose> = [1, 2, 5]
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                assert_eq!(learned(), *alignment);
                alignment.find(&image)
            })
        })
        .to_vec();
    assert!(poses.iter().all(|pose| *pose == poses[0]));
    let mut dark = image.clone();
    dark.as_mut_slice().iter_mut().for_each(|value| *value *= 0.0625);
    let found = alignment.find(&dark);
    assert!(
        (found.angle - poses[0].angle).abs() < 1e-3 && (found.centre[0] - poses[0].centre[0]).abs() < 0.05
    );
}

#[test]
fn an_image_of_twice_the_size_has_the_same_frame() {
    let alignment = alignment();
    let image = scene([180.0, 160.0], 2.0, 7);
    let pose = alignment.find(&image);
    let large = anoseg_image::resample::resize(&image, 2 * SIZE[0], 2 * SIZE[1], Filter::Bilinear);
    let found = alignment.find(&large);
    assert!((found.centre[0] - 2.0 * pose.centre[0]).abs() < 1.0, "{found:?}, {pose:?}");
    let (a, b) = (alignment.framed(&image, &pose), alignment.framed(&large, &found));
    let mean = a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).abs()).sum::<f32>();
    assert!(mean / (a.as_slice().len() as f32) < 0.02);
}

#[test]
fn the_alignment_goes_through_the_model_file() {
    let alignment = alignment();
    let preprocess = Preprocess::square(64, Filter::Bilinear);
    let json = serde_json::to_string(&preprocess).unwrap();
    assert!(!json.contains("alignment"), "{json}");
    let aligned = preprocess.with_alignment(Some(alignment.clone()));
    let json = serde_json::to_string(&aligned).unwrap();
    assert!(json.len() < 60_000, "{}", json.len());
    assert_eq!(serde_json::from_str::<Preprocess>(&json).unwrap(), aligned);
    assert!(aligned.validate(32).is_ok());
    let damaged = |from: &str, to: &str| {
        let document: serde_json::Value = serde_json::from_str(&json).unwrap();
        let mut document = document;
        let (path, key) = from.rsplit_once('/').unwrap();
        document.pointer_mut(path).unwrap()[key] = serde_json::from_str(to).unwrap();
        match serde_json::from_value::<Preprocess>(document) {
            Ok(preprocess) => preprocess.validate(32).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    };
    for (field, value, says) in [
        ("/alignment/frame", "[0, 5]", "alignment.frame"),
        ("/alignment/frame", "[65536, 65536]", "alignment.frame"),
        ("/alignment/image", "[0, 5]", "alignment.image"),
        ("/alignment/area", "0.0", "alignment.area"),
        ("/alignment/area", "1e30", "alignment.area"),
        ("/alignment/least_quality", "0.0", "alignment.least_quality"),
        ("/alignment/centroid", "[1e30, 0]", "alignment.centroid"),
        ("/alignment/rest/scale", "0.0", "alignment.rest"),
        ("/alignment/rest/angle", "1e9", "alignment.rest"),
        ("/alignment/template/size", "[4, 4]", "alignment.template"),
        ("/alignment/template/pixels", "\"00ff\"", "alignment.template"),
        ("/alignment/template/pixels", "\"0\"", "hexadecimal"),
        ("/alignment/template/pixels", "\"zz\"", "hexadecimal"),
        ("/alignment/surplus", "1", "unknown field"),
    ] {
        let error = damaged(field, value);
        assert!(error.contains(says), "{field} = {value}: {error}");
    }
}

#[test]
fn scaling_after_the_warp_gives_the_same_bits() {
    let levels = Levels { black: 0.0, white: 0.25 };
    let scale = ValueScale { u16: levels, ..ValueScale::default() };
    let preprocess = Preprocess::square(64, Filter::Bilinear).with_alignment(Some(alignment().clone()));
    let mut image = scene([180.0, 160.0], 2.0, 7).with_sample_type(anoseg_image::SampleType::U16);
    image.as_mut_slice().iter_mut().for_each(|value| *value *= 0.25);
    let scaled = preprocess.clone().with_scale(scale);
    assert_eq!(scaled.scale_resampled(preprocess.resample(&image)), scaled.apply(&image));
}
