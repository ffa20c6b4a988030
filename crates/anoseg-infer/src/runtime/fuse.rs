//! Fusing neighbouring operators, so that values are not written and read again. The results are
//! the same with and without fusion.

use super::program::{Operation, ResidualPlace};
use super::recorder::{Entry, Value};

/// Fuses what can be fused; `outputs` are needed after the last entry.
pub(super) fn fuse(entries: &mut Vec<Entry>, outputs: &[Value]) {
    let mut i = 0;
    while i < entries.len() {
        if !(scalars(entries, i, outputs) || residual(entries, i, outputs)) {
            i += 1;
        }
    }
}

/// How often a value is used.
fn uses(entries: &[Entry], value: Value, outputs: &[Value]) -> usize {
    let inside = entries.iter().flat_map(|entry| &entry.inputs).filter(|&&input| input == value).count();
    inside + outputs.iter().filter(|&&output| output == value).count()
}

/// Joins the scalar operations of entry `i` to those of the one that gives its input.
fn scalars(entries: &mut Vec<Entry>, i: usize, outputs: &[Value]) -> bool {
    let Operation::Scalars(_) = entries[i].operation else { return false };
    let input = entries[i].inputs[0];
    let Some(before) = entries[..i].iter().position(|entry| entry.output == input) else { return false };
    if uses(entries, input, outputs) > 1 || !matches!(entries[before].operation, Operation::Scalars(_)) {
        return false;
    }
    let later = entries.remove(i);
    let Operation::Scalars(more) = later.operation else { return false };
    if let Operation::Scalars(scalars) = &mut entries[before].operation {
        scalars.extend(more);
    }
    entries[before].output = later.output;
    true
}

/// Makes the sum of entry `i` part of the convolution that gives one of its summands.
fn residual(entries: &mut Vec<Entry>, i: usize, outputs: &[Value]) -> bool {
    let relu = match entries[i].operation {
        Operation::Add => false,
        Operation::AddRelu => true,
        _ => return false,
    };
    let [a, b] = [entries[i].inputs[0], entries[i].inputs[1]];
    for (summand, other) in [(b, a), (a, b)] {
        let Some(giver) = entries[..i].iter().position(|entry| entry.output == summand) else { continue };
        // The other summand must be computed before the convolution runs.
        let known = entries[giver..i].iter().all(|entry| entry.output != other);
        if summand == other || !known || uses(entries, summand, outputs) > 1 {
            continue;
        }
        let Some(fused) = with_residual(&entries[giver].operation, relu) else { continue };
        let sum = entries.remove(i);
        entries[giver].operation = fused;
        entries[giver].inputs.push(other);
        entries[giver].output = sum.output;
        return true;
    }
    false
}

/// The convolution with a residual; with `relu` the sum goes through a ReLU.
fn with_residual(operation: &Operation, relu: bool) -> Option<Operation> {
    let Operation::Convolution { layer, dynamic_bias, residual: None } = operation else { return None };
    if !layer.takes_residual() {
        return None;
    }
    if !relu {
        let residual = Some(ResidualPlace::BehindActivation);
        return Some(Operation::Convolution { layer: layer.clone(), dynamic_bias: *dynamic_bias, residual });
    }
    let layer = layer.with_relu()?;
    let residual = Some(ResidualPlace::BeforeActivation);
    Some(Operation::Convolution { layer: layer.into(), dynamic_bias: *dynamic_bias, residual })
}
