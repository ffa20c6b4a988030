//! Images in tiles: what a model finds does not depend on where the tiles lie.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use anoseg_image::{Image, Mask};
use anoseg_infer::{Decision, Geometry, Model};

const SIDE: usize = 256;

fn tiles(side: usize, scale: f32) -> Geometry {
    Geometry::Tiles { width: side, height: side, scale, overlap: 64, part: 64, step: 32 }
}

/// A network whose map is the red channel: probability 0.5 at red = 0.5.
fn red_detector(geometry: Geometry) -> Model {
    common::model(geometry, [0.01, 0.005, 0.5], |name, values| match name {
        // Each output of the first layer is one of the 4 x 4 red pixels of a position.
        "encoder.stem.weight" => (0..16).for_each(|i| values[(i * 48 + i) * 9 + 4] = 1.0),
        "encoder.stem.shift" => values.fill(2.0),
        "map.head.weight" => (0..16).for_each(|i| values[(i * 16 + i) * 9 + 4] = 10.0),
        "map.head.bias" => values.fill(-20.0),
        name if name.ends_with("scale") || name.ends_with("variance") => values.fill(1.0),
        _ => {}
    })
}

/// A dark image with a red rectangle at (x, y, width, height).
fn dot(width: usize, height: usize, [left, top, across, down]: [usize; 4]) -> Image {
    let inside = |x: usize, y: usize| (left..left + across).contains(&x) && (top..top + down).contains(&y);
    Image::from_fn(width, height, |x, y| if inside(x, y) { [1.0, 0.0, 0.0] } else { [0.1; 3] })
}

/// Box of the anomalous pixels: left, top, right, bottom, the last two included.
fn bounds(mask: &Mask) -> [usize; 4] {
    let (width, height) = (mask.width(), mask.height());
    let columns: Vec<_> = (0..width).filter(|&x| (0..height).any(|y| mask.get(x, y))).collect();
    let rows: Vec<_> = (0..height).filter(|&y| mask.row(y).contains(&true)).collect();
    [columns[0], rows[0], columns[columns.len() - 1], rows[rows.len() - 1]]
}

/// A dot of 20 pixels in an image of 875 x 1600 was once boxed with 157 x 319.
#[test]
fn a_dot_is_found_at_its_place() {
    let (width, height) = (875, 1600);
    let model = red_detector(tiles(SIDE, 1.0));
    for (left, top) in [(0, 0), (870, 0), (0, 1596), (870, 1596), (437, 800), (250, 190), (191, 1000)] {
        let found = model.inspect(&dot(width, height, [left, top, 5, 4])).unwrap();
        assert_eq!((found.decision, found.regions.len()), (Decision::Reject, 1), "{left}, {top}");
        let (region, expected) = (&found.regions[0], [left, top, left + 4, top + 3]);
        let boxed = [region.x, region.y, region.x + region.width - 1, region.y + region.height - 1];
        let marked = bounds(&found.mask);
        let above = bounds(&found.map.map(|value| *value > 0.5));
        for found in [boxed, marked, above] {
            let off = found.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max();
            assert!(off <= Some(1), "{found:?}, expected {expected:?}");
        }
    }
}

#[test]
fn a_defect_at_the_outermost_pixels_is_found() {
    let (width, height) = (700, 300);
    for scale in [1.0, 0.5] {
        let model = red_detector(tiles(SIDE, scale));
        for place in [[0, 0, width, 2], [0, 298, width, 2], [0, 0, 2, height], [698, 0, 2, height]] {
            let found = model.inspect(&dot(width, height, place)).unwrap();
            let share = found.mask.count() as f32 / (place[2] * place[3]) as f32;
            assert!((0.9..=1.6).contains(&share), "{place:?} at {scale}: {share}");
            assert_eq!(found.decision, Decision::Reject);
        }
    }
}

/// Neither a constant image nor one with structure shows where the tiles lie.
#[test]
fn tiles_leave_no_seams() {
    let (one, many) = (red_detector(tiles(1024, 1.0)), red_detector(tiles(128, 1.0)));
    let constant = many.analyse(&Image::filled(900, 500, [0.45; 3])).unwrap().map;
    let first = constant.get(0, 0);
    assert!(constant.as_slice().iter().all(|value| (value - first).abs() < 1e-5));
    let structured = |x: usize, y: usize| 0.5 + 0.1 * ((x as f32 / 23.0).sin() + (y as f32 / 31.0).cos());
    let image = Image::from_fn(900, 500, |x, y| [structured(x, y); 3]);
    let (expected, found) = (one.analyse(&image).unwrap(), many.analyse(&image).unwrap());
    let far = expected.map.as_slice().iter().zip(found.map.as_slice()).map(|(a, b)| (a - b).abs());
    assert!(far.fold(0.0, f32::max) < 1e-5);
    assert!((expected.score - found.score).abs() < 1e-5);
}

/// The mean of the highest values was once taken over a share of the image, in which a small defect of
/// a large image vanished.
#[test]
fn a_defect_scores_the_same_on_a_part_of_any_size() {
    let model = red_detector(tiles(SIDE, 1.0));
    let score = |width, height| model.analyse(&dot(width, height, [40, 50, 3, 3])).unwrap().score;
    let small = score(256, 256);
    for (width, height) in [(512, 256), (800, 608), (1600, 1280)] {
        assert!((score(width, height) - small).abs() < 1e-4, "{width} x {height}");
    }
}

/// Images that are shorter than a tile were once continued by their border, which a trained network
/// takes for a defect.
#[test]
fn an_image_shorter_than_a_tile_is_taken_as_it_is() {
    let model = red_detector(tiles(SIDE, 1.0));
    let found = model.inspect(&dot(96, 300, [90, 290, 5, 4])).unwrap();
    assert_eq!(
        model.description().preprocess.geometry.window_size(anoseg_infer::Extent { width: 96, height: 288 }),
        [256, 96]
    );
    assert_eq!(found.regions.len(), 1);
    assert!(found.regions[0].x.abs_diff(90) <= 1 && found.regions[0].y.abs_diff(290) <= 7);
}

/// The stated tolerance: smaller tiles change a score by at most 0.02 and the map by 0.002 on average,
/// as far as tiles are large beside the network's field of view.
#[test]
fn where_tiles_lie_hardly_matters() {
    let folder = tempfile::tempdir().unwrap();
    let with_tiles = |side: usize| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format1/compact.anoseg");
        let mut file = Model::load(&path).unwrap().to_file();
        let geometry =
            Geometry::Tiles { width: side, height: side, scale: 1.0, overlap: 96, part: 64, step: 32 };
        file.description.preprocess = file.description.preprocess.with_geometry(geometry);
        file.description.architecture.context = false;
        file.tensors.retain(|name, _| !name.contains(".context."));
        let path = folder.path().join(format!("{side}.anoseg"));
        file.write(&path).unwrap();
        Model::load(&path).unwrap()
    };
    let value =
        |x: usize, y: usize| 0.5 + 0.2 * ((x * x + 3 * y) as f32 / 97.0).sin() * (y as f32 / 19.0).cos();
    let image = Image::from_fn(800, 608, |x, y| [value(x, y), value(y, x), value(x, x + y)]);
    let one = with_tiles(1024).analyse(&image).unwrap();
    for side in [256, 384, 512] {
        let many = with_tiles(side).analyse(&image).unwrap();
        let far = one.map.as_slice().iter().zip(many.map.as_slice()).map(|(a, b)| (a - b).abs());
        let mean = far.sum::<f32>() / (800.0 * 608.0);
        assert!((one.score - many.score).abs() < 0.02 && mean < 0.002, "{side}: {mean}");
    }
}
