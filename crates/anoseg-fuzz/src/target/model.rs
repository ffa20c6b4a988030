//! Model files.

use std::collections::BTreeMap;

use anoseg_image::Image;
use anoseg_infer::parameters::ParameterData;
use anoseg_infer::{Model, archive};
use serde_json::Value;

use super::scratch;
use crate::Mutator;

/// Largest input of a model that an image is inspected with.
const MOST_PIXELS: usize = 512 * 512;

pub(super) fn read(bytes: &[u8]) -> bool {
    Model::from_bytes(bytes).is_ok()
}

pub(super) fn inspect(bytes: &[u8]) -> bool {
    let Ok(model) = Model::from_bytes(bytes) else { return false };
    // A model may ask for a large input; what that may take is checked when it is read.
    if model.description().preprocess.size().iter().product::<usize>() > MOST_PIXELS {
        return false;
    }
    let image = Image::from_fn(24, 16, |x, y| [x as f32 / 24.0, y as f32 / 16.0, 0.5]);
    let inspection = model.inspect(&image);
    if let Ok(inspection) = &inspection {
        assert!(inspection.score.is_finite(), "the score is not finite");
        assert!(inspection.map.as_slice().iter().all(|value| value.is_finite()), "the map is not finite");
    }
    inspection.is_ok()
}

/// The file with its description or its tensors changed, and signed again. `None` when it is none
/// of this kind.
pub(super) fn changed(mutator: &mut Mutator, bytes: &[u8], kind: &str, format: u32) -> Option<Vec<u8>> {
    let archive::Archive { mut body, format: written, mut tensors } =
        archive::parse::<Value>(bytes, kind, format).ok()?;
    for _ in 0..=mutator.below(3) {
        if mutator.below(2) == 0 {
            change_value(mutator, &mut body);
        } else {
            change_tensor(mutator, &mut tensors);
        }
    }
    let path = scratch("signed", &[]);
    archive::save(&path, kind, written, &body, &tensors).ok()?;
    std::fs::read(path).ok()
}

/// Changes one value anywhere in a document.
fn change_value(mutator: &mut Mutator, value: &mut Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let at = mutator.below(fields.len());
            if mutator.below(12) == 0 {
                let key = fields.keys().nth(at).cloned().unwrap_or_default();
                fields.remove(&key);
            } else if let Some(field) = fields.values_mut().nth(at) {
                change_value(mutator, field);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = mutator.below(items.len());
            match mutator.below(8) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => change_value(mutator, &mut items[at]),
            }
        }
        other => *other = strange_value(mutator),
    }
}

fn strange_value(mutator: &mut Mutator) -> Value {
    const NUMBERS: [f64; 16] =
        [0.0, 1.0, -1.0, 2.0, 3.0, 16.0, 64.0, 256.0, 4096.0, 65_536.0, 1e9, 1e19, 1e38, -1e38, 1e-38, 0.5];
    match mutator.below(8) {
        0 => Value::Null,
        1 => Value::Bool(mutator.below(2) == 0),
        2 => Value::String("\u{1b}[31mstrange\n".into()),
        3 => Value::Array(Vec::new()),
        4 => Value::from(mutator.below(5000)),
        _ => Value::from(NUMBERS[mutator.below(NUMBERS.len())]),
    }
}

/// Changes the values, the shape or the name of one tensor.
fn change_tensor(mutator: &mut Mutator, tensors: &mut BTreeMap<String, ParameterData>) {
    const VALUES: [f32; 8] = [0.0, -0.0, 1.0, -1.0, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e30];
    if tensors.is_empty() {
        return;
    }
    let at = mutator.below(tensors.len());
    let name = tensors.keys().nth(at).cloned().unwrap_or_default();
    let Some(mut data) = tensors.remove(&name) else { return };
    let value = VALUES[mutator.below(VALUES.len())];
    match mutator.below(6) {
        0 => return,
        1 => data.values.fill(value),
        2 => {
            let rows = data.shape.first().copied().unwrap_or(1).max(1);
            data = ParameterData { shape: vec![rows, data.values.len() / rows], values: data.values };
            data.values.truncate(data.shape.iter().product());
        }
        3 => drop(tensors.insert(format!("{name}.surplus"), data.clone())),
        _ => {
            let length = data.values.len();
            if length > 0 {
                data.values[mutator.below(length)] = value;
            }
        }
    }
    tensors.insert(name, data);
}
