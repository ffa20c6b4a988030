//! From 8-bit images of any size to the network's input, inside the graph.
//!
//! The antialiased resampling of `anoseg_image::resample` is a product with a matrix on each side. The
//! matrices follow from the sizes. `Resize` of ONNX has `antialias` too, but without Lanczos' filter, and
//! engines differ in it.

use anoseg_image::Filter;
use anoseg_infer::Geometry;

use crate::graph::{Graph, Name, integer, integers};
use crate::proto::DataType;

/// The network's input of an image.
pub(crate) struct Prepared {
    /// `[n, 3, height, width]`, 0..=1
    pub(crate) image: Name,
    /// `[1, 4]`: the whole image as a window, where sizes are open.
    pub(crate) window: Option<Name>,
}

/// `images [n, height, width, 3]` of bytes, resampled.
pub(crate) fn prepared(g: &mut Graph, images: &str, geometry: &Geometry, filter: Filter) -> Prepared {
    let values = g.cast(images, DataType::Float);
    let planes = g.op("Transpose", &[&values], vec![integers("perm", &[0, 3, 1, 2])]);
    let planes = g.with_float("Div", &planes, 255.0);
    let sources = [g.size(images, 1), g.size(images, 2)];
    let targets = match *geometry {
        Geometry::Tiles { scale, step, .. } => {
            [&sources[0], &sources[1]].map(|source| stepped(g, source, scale, step))
        }
        _ => geometry.size().map(|side| g.integer(side as i64)),
    };
    let columns = weights(g, &sources[1], &targets[1], filter);
    let columns = g.op("Transpose", &[&columns], vec![integers("perm", &[1, 0])]);
    let rows = weights(g, &sources[0], &targets[0], filter);
    let along = g.op("MatMul", &[&planes, &columns], Vec::new());
    let resampled = g.op("MatMul", &[&rows, &along], Vec::new());
    // A filter may overshoot.
    let bounds = [g.float(0.0), g.float(1.0)];
    let image = g.op("Clip", &[&resampled, &bounds[0], &bounds[1]], Vec::new());
    let window = geometry.is_tiled().then(|| whole(g, &targets));
    Prepared { image, window }
}

/// The side of the plane of an image, as [`Geometry::plane`] gives it.
fn stepped(g: &mut Graph, side: &str, scale: f32, step: usize) -> Name {
    let side = g.cast(side, DataType::Float);
    let scaled = g.with_float("Mul", &side, scale);
    let steps = g.with_float("Div", &scaled, step as f32);
    // Halves are rounded up; `Round` rounds them to even numbers.
    let above = g.with_float("Add", &steps, 0.5);
    let steps = g.op("Floor", &[&above], Vec::new());
    let steps = g.with_float("Max", &steps, 1.0);
    let side = g.with_float("Mul", &steps, step as f32);
    g.cast(&side, DataType::Int64)
}

/// The window that is a whole plane.
fn whole(g: &mut Graph, [height, width]: &[Name; 2]) -> Name {
    let one = g.integers(&[1]);
    let [height, width] = [height, width].map(|side| g.op("Reshape", &[side, &one], Vec::new()));
    let start = g.integers(&[0, 0]);
    let window = g.op("Concat", &[&start, &width, &height], vec![integer("axis", 0)]);
    let window = g.cast(&window, DataType::Float);
    let shape = g.integers(&[1, 4]);
    g.op("Reshape", &[&window, &shape], Vec::new())
}

/// `[to, from]`: the weights of the source's pixels in each of the result's, which add up to 1.
///
/// With the centres of pixels at half-integers, and a filter that is wider by the factor when shrinking, the
/// distance of pixel j of the source from pixel i of the result is, in units of the filter,
/// `((2 i + 1) from - (2 j + 1) to) / (2 max(from, to))`. Its numerator is computed in whole numbers.
fn weights(g: &mut Graph, from: &str, to: &str, filter: Filter) -> Name {
    let numbers = |g: &mut Graph, count: &str, other: &str, shape: [i64; 2]| {
        let (zero, one, two) = (g.integer(0), g.integer(1), g.integer(2));
        let numbers = g.op("Range", &[&zero, count, &one], Vec::new());
        let odd = g.op("Mul", &[&numbers, &two], Vec::new());
        let odd = g.op("Add", &[&odd, &one], Vec::new());
        let scaled = g.op("Mul", &[&odd, other], Vec::new());
        let shape = g.integers(&shape);
        g.op("Reshape", &[&scaled, &shape], Vec::new())
    };
    let targets = numbers(g, to, from, [-1, 1]);
    let sources = numbers(g, from, to, [1, -1]);
    let distance = g.op("Sub", &[&targets, &sources], Vec::new());
    let distance = g.cast(&distance, DataType::Float);
    let [from, to] = [from, to].map(|side| g.cast(side, DataType::Float));
    let longer = g.op("Max", &[&from, &to], Vec::new());
    let unit = g.with_float("Mul", &longer, 2.0);
    let distance = g.op("Div", &[&distance, &unit], Vec::new());
    let distance = g.op("Abs", &[&distance], Vec::new());
    let weights = kernel(g, &distance, filter);
    let sums = g.reduce("ReduceSum", &weights, &[1]);
    g.op("Div", &[&weights, &sums], Vec::new())
}

/// The filter's values at distances of at least 0.
fn kernel(g: &mut Graph, distance: &str, filter: Filter) -> Name {
    match filter {
        Filter::Bilinear => {
            let one = g.float(1.0);
            let below = g.op("Sub", &[&one, distance], Vec::new());
            g.op("Relu", &[&below], Vec::new())
        }
        Filter::CatmullRom => {
            let inner = polynomial(g, distance, &[1.5, -2.5, 0.0, 1.0]);
            let outer = polynomial(g, distance, &[-0.5, 2.5, -4.0, 2.0]);
            let outer = within(g, distance, 2.0, &outer);
            let (one, is) = (g.float(1.0), "Less");
            let is_inner = g.op(is, &[distance, &one], Vec::new());
            g.op("Where", &[&is_inner, &inner, &outer], Vec::new())
        }
        _ => {
            let waves = [1.0, 1.0 / 3.0].map(|by| sinc(g, distance, by));
            let product = g.op("Mul", &[&waves[0], &waves[1]], Vec::new());
            within(g, distance, 3.0, &product)
        }
    }
}

/// The polynomial of these coefficients, the highest power first.
fn polynomial(g: &mut Graph, x: &str, coefficients: &[f32]) -> Name {
    let sum = g.float(coefficients[0]);
    coefficients[1..].iter().fold(sum, |sum, &coefficient| {
        let product = g.op("Mul", &[&sum, x], Vec::new());
        g.with_float("Add", &product, coefficient)
    })
}

/// `values` where the distance is below `limit`, else 0.
fn within(g: &mut Graph, distance: &str, limit: f32, values: &str) -> Name {
    let (limit, zero) = (g.float(limit), g.float(0.0));
    let inside = g.op("Less", &[distance, &limit], Vec::new());
    g.op("Where", &[&inside, values, &zero], Vec::new())
}

/// `sin(pi f x) / (pi f x)`, 1 at 0.
fn sinc(g: &mut Graph, x: &str, factor: f32) -> Name {
    // At this distance the quotient is 1 in f32.
    let least = g.with_float("Max", x, 1e-4);
    let angle = g.with_float("Mul", &least, std::f32::consts::PI * factor);
    let sine = g.op("Sin", &[&angle], Vec::new());
    g.op("Div", &[&sine, &angle], Vec::new())
}
