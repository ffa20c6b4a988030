//! A place in memory for every value of a program.

use super::program::{Operand, Place, Program, Step};
use super::recorder::{Entry, Origin, Recorded, Value};

/// Assigns buffers in the order of the entries: a buffer is free again after the last use of the
/// value in it.
pub(super) fn plan(
    input: [usize; 4],
    values: &[Recorded],
    entries: Vec<Entry>,
    constants: Vec<Vec<f32>>,
    outputs: &[Value],
) -> Program {
    let last_use = last_uses(values.len(), &entries, outputs);
    let mut places: Vec<Option<Place>> = values
        .iter()
        .map(|value| match value.origin {
            Origin::Input => Some(Place::Input),
            Origin::Constant(number) => Some(Place::Constant(number)),
            Origin::Entry => None,
        })
        .collect();
    let mut buffers = Buffers::default();
    let mut steps = Vec::with_capacity(entries.len());
    for (i, entry) in entries.into_iter().enumerate() {
        let len = values[entry.output.0].shape.iter().product();
        places[entry.output.0] = Some(Place::Buffer(buffers.take(len)));
        let operand = |value: &Value| Operand {
            place: places[value.0].expect("a value is given before it is used"),
            shape: values[value.0].shape,
        };
        let inputs: Vec<Operand> = entry.inputs.iter().map(operand).collect();
        let output = operand(&entry.output);
        let mut done: Vec<usize> = entry.inputs.iter().map(|value| value.0).collect();
        done.push(entry.output.0);
        done.sort_unstable();
        done.dedup();
        for value in done.into_iter().filter(|&value| last_use[value] <= i) {
            if let Some(Place::Buffer(number)) = places[value] {
                buffers.free.push(number);
            }
        }
        steps.push(Step { operation: entry.operation, inputs, output });
    }
    let outputs = outputs
        .iter()
        .map(|value| Operand {
            place: places[value.0].expect("outputs are values of the program"),
            shape: values[value.0].shape,
        })
        .collect();
    Program { input, steps, constants, buffers: buffers.lens, outputs }
}

/// The number of the last entry that uses each value; of outputs none is the last.
fn last_uses(count: usize, entries: &[Entry], outputs: &[Value]) -> Vec<usize> {
    let mut last = vec![0; count];
    for (i, entry) in entries.iter().enumerate() {
        for value in entry.inputs.iter().chain([&entry.output]) {
            last[value.0] = i;
        }
    }
    outputs.iter().for_each(|output| last[output.0] = usize::MAX);
    last
}

#[derive(Default)]
struct Buffers {
    lens: Vec<usize>,
    free: Vec<usize>,
}

impl Buffers {
    /// A free buffer for `len` values: the smallest that is large enough, else the largest, which
    /// grows, else a new one.
    fn take(&mut self, len: usize) -> usize {
        let lens = &self.lens;
        let large = self.free.iter().enumerate().filter(|(_, number)| lens[**number] >= len);
        let best = large.min_by_key(|(_, number)| lens[**number]).map(|(i, _)| i);
        let best = best.or_else(|| {
            self.free.iter().enumerate().max_by_key(|(_, number)| lens[**number]).map(|(i, _)| i)
        });
        match best {
            Some(i) => {
                let number = self.free.swap_remove(i);
                self.lens[number] = self.lens[number].max(len);
                number
            }
            None => {
                self.lens.push(len);
                self.lens.len() - 1
            }
        }
    }
}
