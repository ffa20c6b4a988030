//! Inference with another engine in the place of the network.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use anoseg_image::{AnomalyMap, Image};
use anoseg_infer::runtime::Recorder;
use anoseg_infer::{Drawing, Error, Geometry, Model, RegionOfInterest, WindowOutputs};

fn model(geometry: Geometry) -> Model {
    common::model(geometry, [0.5; 3], |name, values| {
        if name.ends_with("scale") || name.ends_with("variance") {
            values.fill(1.0);
        } else {
            values
                .iter_mut()
                .enumerate()
                .for_each(|(i, value)| *value = ((i * 37 % 101) as f32 - 50.0) / 600.0);
        }
    })
}

#[test]
fn the_networks_own_values_give_its_own_analysis() {
    let tiles = Geometry::Tiles { width: 128, height: 96, scale: 0.5, overlap: 32, part: 64, step: 32 };
    let fitted = Geometry::Fitted { width: 128, height: 64 };
    for geometry in [Geometry::Whole { width: 64, height: 64 }, fitted, tiles] {
        let whole = model(geometry);
        let area = Drawing::rectangle("40,30,200,150").unwrap().on((420, 330));
        let narrow = whole.clone().narrowed(RegionOfInterest::inside(area)).unwrap();
        for (model, width) in [(&whole, 420), (&narrow, 420), (&whole, 60)] {
            let value = |x: usize, y: usize| (x * y % 97) as f32 / 96.0;
            let image = Image::from_fn(width, 330, |x, y| [value(x, y), value(x + 5, y), value(x, y + 9)]);
            let mut windows = 0;
            let found = model.analyse_by(&image, |pixels, window| {
                windows += 1;
                let (width, height) = (pixels.width(), pixels.height());
                let shape = [1, 3, height, width];
                let (mut recorder, input) =
                    if geometry.is_tiled() { Recorder::windowed(shape) } else { Recorder::new(shape) };
                let logits = model.forward(&mut recorder, &input)?.logits;
                let program = recorder.finish(&[logits]);
                let logits = program.run_windows(pixels.as_slice(), &[None], &[window]).remove(0);
                let logits = AnomalyMap::from_vec(width, height, logits);
                Ok::<_, Error>(WindowOutputs { logits, distance: None })
            });
            assert_eq!(found.unwrap(), model.analyse(&image).unwrap(), "{geometry}, {width}");
            assert_eq!(windows > 1, geometry.is_tiled());
        }
    }
}

#[test]
fn values_that_are_not_finite_are_refused() {
    let model = model(Geometry::Whole { width: 64, height: 64 });
    let logits = AnomalyMap::filled(64, 64, f32::NAN);
    let refused = model.analyse_by(&Image::filled(9, 9, [0.5; 3]), |_, _| {
        Ok::<_, Error>(WindowOutputs { logits: logits.clone(), distance: None })
    });
    assert!(refused.unwrap_err().to_string().contains("finite"));
}

#[test]
fn a_map_of_the_networks_size_is_restored_as_in_an_analysis() {
    let model = model(Geometry::Whole { width: 64, height: 64 });
    let area = Drawing::rectangle("40,30,90,50").unwrap().on((150, 110));
    let model = model.narrowed(RegionOfInterest::inside(area)).unwrap();
    let image = Image::from_fn(150, 110, |x, y| [(x * y % 97) as f32 / 96.0; 3]);
    let map = model.analyse_inside(&model.prepare(&image), None, None).unwrap().map;
    assert_eq!(model.restored(map, &image), model.analyse(&image).unwrap().map);
}
