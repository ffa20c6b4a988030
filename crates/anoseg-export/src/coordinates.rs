//! Coordinates of a window whose place is known when the graph runs.

use crate::graph::{Graph, Name, integer};
use crate::proto::DataType;

/// Row and column of each position of a window, scaled as `anoseg_infer::Window::coordinates` does:
/// `[n, 2, h, w]`. `window [n, 4]` has x, y, width and height, and a position has `stride` x `stride` pixels
/// of the `input`.
pub(crate) fn of_window(g: &mut Graph, window: &str, input: &str, stride: usize) -> Name {
    let [rows, columns] = [2, 3].map(|axis| scaled(g, (window, input), axis, stride));
    // A sum with zeros of the other one's shape is the same value along the other axis.
    let [no_rows, no_columns] = [&rows, &columns].map(|values| g.with_float("Mul", values, 0.0));
    let rows = g.op("Add", &[&rows, &no_columns], Vec::new());
    let columns = g.op("Add", &[&columns, &no_rows], Vec::new());
    g.op("Concat", &[&rows, &columns], vec![integer("axis", 1)])
}

/// Rows or columns (axis 2 or 3 of the input): `[n, 1, h, 1]` or `[n, 1, 1, w]`.
fn scaled(g: &mut Graph, (window, input): (&str, &str), axis: i64, stride: usize) -> Name {
    let pick = |g: &mut Graph, number: i64| {
        let number = g.integers(&[number]);
        let picked = g.op("Gather", &[window, &number], vec![integer("axis", 1)]);
        let shape = g.integers(&[-1, 1, 1, 1]);
        g.op("Reshape", &[&picked, &shape], Vec::new())
    };
    // Of x, y, width and height.
    let (start, length) = (pick(g, 3 - axis), pick(g, 5 - axis));
    let pixels = g.size(input, axis);
    let by = g.integer(stride as i64);
    let count = g.op("Div", &[&pixels, &by], Vec::new());
    let (zero, one) = (g.integer(0), g.integer(1));
    let numbers = g.op("Range", &[&zero, &count, &one], Vec::new());
    let numbers = g.cast(&numbers, DataType::Float);
    let shape = g.integers(if axis == 2 { &[1, 1, -1, 1] } else { &[1, 1, 1, -1] });
    let numbers = g.op("Reshape", &[&numbers, &shape], Vec::new());
    let within = g.with_float("Mul", &numbers, stride as f32);
    let middle = g.with_float("Add", &start, (stride as f32 - 1.0) / 2.0);
    let at = g.op("Add", &[&within, &middle], Vec::new());
    let twice = g.with_float("Mul", &at, 2.0);
    let last = g.with_float("Sub", &length, 1.0);
    let share = g.op("Div", &[&twice, &last], Vec::new());
    g.with_float("Sub", &share, 1.0)
}
