//! The distance to a memory bank.

use anoseg_infer::network::MemoryBank;
use anoseg_infer::runtime::ByteScale;

use crate::graph::{Graph, Name, integers};
use crate::quantisation::ByteFilters;

/// Distances are taken to so many vectors of a memory bank at a time, so that an engine does not hold those
/// to all of them: at stride 4 that would be gigabytes.
const VECTORS: usize = 256;

/// The distances `[n, 1, h, w]` of the positions of `x [n, c, h, w]` to the nearest vector. With `bytes`, the
/// positions' scale, they and the vectors are rounded to bytes.
///
/// As products of matrices with the channels last: as 1 x 1 filters they take twice the time in ONNX Runtime,
/// and its sums over 8-bit integers would be rounded to bytes again.
pub(crate) fn nearest(g: &mut Graph, x: &str, bank: &MemoryBank, bytes: Option<ByteScale>) -> Name {
    let x = g.op("Transpose", &[x], vec![integers("perm", &[0, 2, 3, 1])]);
    let x = bytes.map_or(x.clone(), |scale| g.rounded(&x, scale));
    let channels = bank.channels();
    let vectors = bank.vectors().values.chunks(VECTORS * channels);
    let parts: Vec<Name> =
        vectors.map(|vectors| nearest_of(g, &x, (vectors, channels), bytes.is_some())).collect();
    let nearest = match &parts[..] {
        [part] => part.clone(),
        several => g.op("Min", &several.iter().map(String::as_str).collect::<Vec<_>>(), Vec::new()),
    };
    let squares = g.op("Mul", &[&x, &x], Vec::new());
    let own = g.reduce("ReduceSum", &squares, &[3]);
    let sum = g.op("Add", &[&own, &nearest], Vec::new());
    let squared = g.op("Relu", &[&sum], Vec::new());
    let distance = g.op("Sqrt", &[&squared], Vec::new());
    g.op("Transpose", &[&distance], vec![integers("perm", &[0, 3, 1, 2])])
}

/// Squares of the distances of `x [n, h, w, c]` to the nearest of some vectors, less the squares of x: the
/// smallest of `|m|^2 - 2 m x`.
fn nearest_of(g: &mut Graph, x: &str, (vectors, channels): (&[f32], usize), bytes: bool) -> Name {
    let count = vectors.len() / channels;
    let square = |vector: &[f32]| -> f32 { vector.iter().map(|value| value * value).sum() };
    let (factors, squares): (Name, Vec<f32>) = if bytes {
        let filters = ByteFilters::of_vectors(vectors, channels);
        let factors: Vec<i8> = transposed(&filters.bytes, channels).map(|byte| -byte).collect();
        let scales: Vec<f32> = filters.scales.iter().map(|scale| 2.0 * scale).collect();
        let factors = g.dequantised(&[channels, count], &factors, (&scales, 1));
        (factors, filters.values().chunks_exact(channels).map(square).collect())
    } else {
        let factors: Vec<f32> = transposed(vectors, channels).map(|value| -2.0 * value).collect();
        (g.floats(&[channels, count], &factors), vectors.chunks_exact(channels).map(square).collect())
    };
    let squares = g.floats(&[count], &squares);
    let products = g.op("MatMul", &[x, &factors], Vec::new());
    let all = g.op("Add", &[&products, &squares], Vec::new());
    g.reduce("ReduceMin", &all, &[3])
}

/// The numbers of rows of `columns`, column by column.
fn transposed<T: Copy>(rows: &[T], columns: usize) -> impl Iterator<Item = T> + '_ {
    (0..columns).flat_map(move |column| rows.iter().skip(column).step_by(columns).copied())
}
