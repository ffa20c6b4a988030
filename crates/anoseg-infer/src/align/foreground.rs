//! The part told from its background: what differs from the border of the image.

use anoseg_image::Mask;
use anoseg_image::regions::label_components;

use super::reduced::ReducedImage;

/// Pixels of the border that the background is measured on.
const BORDER: usize = 2;

/// A part takes at least this share of the image, and at most the other.
const SHARES: [f32; 2] = [0.004, 0.9];

/// A pixel of the part differs from the background by more than this share of Otsu's threshold. Otsu's
/// own cuts off what differs less than the rest of the part.
const OF_OTSU: f32 = 0.6;

/// And by more than this many times what half of the border's pixels differ by.
const OF_NOISE: f32 = 4.0;

/// Bins of the histogram that the threshold comes from.
const BINS: usize = 128;

/// The part in a reduced image.
#[derive(Clone, Debug)]
pub(super) struct Foreground {
    pub(super) mask: Mask,
    /// Centroid, in pixels of the reduced image; pixel centres lie at half-integers.
    pub(super) centre: [f32; 2],
    /// Pixels.
    pub(super) area: usize,
    /// Direction of the longest axis, in radians from the x axis to the y axis.
    pub(super) axis: f32,
    /// Whether it touches the border, so that a part of it may be missing.
    pub(super) touches: bool,
    /// Its share of all pixels that stand out, 0..=1.
    pub(super) of_all: f32,
}

/// The largest connected region that stands out from the background, without holes; None if none does.
pub(super) fn foreground(image: &ReducedImage) -> Option<Foreground> {
    let (width, height) = (image.width, image.height);
    if width.min(height) < 4 * BORDER {
        return None;
    }
    let distance = distance_to_background(image);
    let on_border = |i: &usize| is_border(i % width, i / width, width, height);
    let mut noise: Vec<f32> = (0..distance.len()).filter(on_border).map(|i| distance[i]).collect();
    noise.sort_unstable_by(f32::total_cmp);
    let threshold = (OF_OTSU * otsu(&distance)).max(OF_NOISE * noise[noise.len() / 2]);
    let above = Mask::from_vec(width, height, distance.iter().map(|&d| d > threshold).collect());
    let mask = filled(&largest(&above)?);
    let standing_out = above.as_slice().iter().zip(mask.as_slice()).filter(|(above, _)| **above);
    let of_all = standing_out.filter(|(_, part)| **part).count() as f32 / above.count().max(1) as f32;
    let found = Foreground { of_all, ..measured(mask) };
    let share = found.area as f32 / (width * height) as f32;
    (SHARES[0]..=SHARES[1]).contains(&share).then_some(found)
}

fn is_border(x: usize, y: usize, width: usize, height: usize) -> bool {
    x.min(y) < BORDER || x + BORDER >= width || y + BORDER >= height
}

/// How far each pixel's colour is from that of the background at its place.
fn distance_to_background(image: &ReducedImage) -> Vec<f32> {
    let (width, height) = (image.width, image.height);
    let mut squares = vec![0.0f32; width * height];
    for plane in &image.planes {
        let background = Gradient::of_border(plane, width, height);
        for (y, (row, sums)) in plane.chunks_exact(width).zip(squares.chunks_exact_mut(width)).enumerate() {
            for (x, (value, sum)) in row.iter().zip(sums).enumerate() {
                *sum += (value - background.at(x, y)).powi(2);
            }
        }
    }
    squares.iter().map(|square| square.sqrt()).collect()
}

/// Values that change linearly over the image, as a lamp at the side gives them.
struct Gradient {
    /// Value in the middle, and its change from there to the right and the lower border.
    parameters: [f64; 3],
    size: [f64; 2],
}

impl Gradient {
    /// That of the border, without the pixels of parts that reach it.
    fn of_border(plane: &[f32], width: usize, height: usize) -> Self {
        let places: Vec<(usize, usize)> = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .filter(|&(x, y)| is_border(x, y, width, height))
            .collect();
        let mut values: Vec<f32> = places.iter().map(|&(x, y)| plane[y * width + x]).collect();
        values.sort_unstable_by(f32::total_cmp);
        let median = f64::from(values[values.len() / 2]);
        let mut fit = Self { parameters: [median, 0.0, 0.0], size: [width as f64, height as f64] };
        for _ in 0..4 {
            let residual = |&(x, y): &(usize, usize)| f64::from(plane[y * width + x] - fit.at(x, y));
            let mut sizes: Vec<f64> = places.iter().map(|place| residual(place).abs()).collect();
            sizes.sort_unstable_by(f64::total_cmp);
            let spread = 2.0 * sizes[sizes.len() / 2] + 1e-9;
            let mut system = super::solve::System::<3>::default();
            for place in &places {
                let weight = 1.0 / (1.0 + (residual(place) / spread).powi(2));
                // Squared, so that a part which covers a quarter of the border has no say.
                system.add(fit.terms(place.0, place.1), residual(place), weight * weight);
            }
            let Some(change) = system.solve(1e-6) else { break };
            fit.parameters.iter_mut().zip(change).for_each(|(parameter, change)| *parameter += change);
        }
        fit
    }

    fn terms(&self, x: usize, y: usize) -> [f64; 3] {
        let [width, height] = self.size;
        [1.0, (2 * x + 1) as f64 / width - 1.0, (2 * y + 1) as f64 / height - 1.0]
    }

    fn at(&self, x: usize, y: usize) -> f32 {
        self.terms(x, y).iter().zip(self.parameters).map(|(term, parameter)| term * parameter).sum::<f64>()
            as f32
    }
}

/// The threshold that divides the values into the two classes of least variance (Otsu, "A threshold
/// selection method from gray-level histograms", 1979).
fn otsu(values: &[f32]) -> f32 {
    let most = values.iter().copied().fold(0.0, f32::max);
    if !(most > 0.0 && most.is_finite()) {
        return 0.0;
    }
    let mut counts = [0u64; BINS];
    for value in values {
        counts[((value / most * BINS as f32) as usize).min(BINS - 1)] += 1;
    }
    let total: u64 = values.len() as u64;
    let weighted: u64 = counts.iter().enumerate().map(|(i, count)| i as u64 * count).sum();
    let (mut below, mut below_weighted, mut best) = (0u64, 0u64, (-1.0, 0));
    for (i, count) in counts.iter().enumerate().take(BINS - 1) {
        below += count;
        below_weighted += i as u64 * count;
        let above = total - below;
        if below == 0 || above == 0 {
            continue;
        }
        let means = [below_weighted as f64 / below as f64, (weighted - below_weighted) as f64 / above as f64];
        let between = below as f64 * above as f64 * (means[0] - means[1]).powi(2);
        if between > best.0 {
            best = (between, i + 1);
        }
    }
    best.1 as f32 / BINS as f32 * most
}

/// The largest connected region.
fn largest(mask: &Mask) -> Option<Mask> {
    let labels = label_components(mask).labels;
    let mut counts: Vec<usize> = Vec::new();
    for &label in labels.as_slice() {
        let label = label as usize;
        counts.resize(counts.len().max(label + 1), 0);
        counts[label] += 1;
    }
    let label = (1..counts.len()).max_by_key(|&label| (counts[label], usize::MAX - label))?;
    Some(labels.map(|&other| other as usize == label))
}

/// The mask without its holes: the background that the border cannot reach.
fn filled(mask: &Mask) -> Mask {
    let (width, height) = (mask.width(), mask.height());
    let mut outside = vec![false; width * height];
    let on_edge = |i: usize| {
        let (x, y) = (i % width, i / width);
        x == 0 || y == 0 || x + 1 == width || y + 1 == height
    };
    let is_open = |&i: &usize| on_edge(i) && !mask.as_slice()[i];
    let mut open: Vec<usize> = (0..width * height).filter(is_open).collect();
    open.iter().for_each(|&i| outside[i] = true);
    while let Some(i) = open.pop() {
        let (x, y) = (i % width, i / width);
        let beside = [
            (x > 0).then(|| i - 1),
            (x + 1 < width).then(|| i + 1),
            (y > 0).then(|| i - width),
            (y + 1 < height).then(|| i + width),
        ];
        for next in beside.into_iter().flatten() {
            if !outside[next] && !mask.as_slice()[next] {
                outside[next] = true;
                open.push(next);
            }
        }
    }
    Mask::from_vec(width, height, outside.into_iter().map(|outside| !outside).collect())
}

/// Centroid, area and longest axis, by the moments up to the second order.
fn measured(mask: Mask) -> Foreground {
    let (width, height) = (mask.width(), mask.height());
    let (mut count, mut sums, mut squares, mut touches) = (0usize, [0.0f64; 2], [0.0f64; 3], false);
    for y in 0..height {
        for x in (0..width).filter(|&x| mask.get(x, y)) {
            let (px, py) = (x as f64 + 0.5, y as f64 + 0.5);
            count += 1;
            sums = [sums[0] + px, sums[1] + py];
            squares = [squares[0] + px * px, squares[1] + px * py, squares[2] + py * py];
            touches |= x == 0 || y == 0 || x + 1 == width || y + 1 == height;
        }
    }
    let n = count.max(1) as f64;
    let centre = sums.map(|sum| sum / n);
    let xx = squares[0] / n - centre[0] * centre[0];
    let xy = squares[1] / n - centre[0] * centre[1];
    let yy = squares[2] / n - centre[1] * centre[1];
    let axis = (0.5 * (2.0 * xy).atan2(xx - yy)) as f32;
    Foreground { mask, centre: centre.map(|c| c as f32), area: count, axis, touches, of_all: 1.0 }
}
