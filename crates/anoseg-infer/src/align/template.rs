//! The reference of a part, and how well an image agrees with it.

use serde::{Deserialize, Serialize};

use super::Pose;
use super::reduced::ReducedImage;
use super::solve::System;

/// Longest side of a template.
pub(super) const LONGEST: usize = 256;

/// Fewest pixels of a template that show the part.
const FEWEST: usize = 64;

/// A pose is measured at about so many places at most: more take time and tell no more.
const MOST: usize = 3000;

/// Width of the rings around the centroid, in pixels of a level.
const RING: f32 = 1.5;

/// A pose is not measured where less of the template lies within the image.
const WITHIN: f32 = 0.6;

/// A refinement moves by at most so many pixels of its level in a step, and turns by at most so many
/// radians.
const LARGEST_STEP: [f32; 2] = [3.0, 0.15];

/// The reference image of a part in its frame: its detail, rounded to 8 bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    /// Width and height.
    pub(super) size: [usize; 2],
    /// A byte per pixel, row by row: 0 = not of the part or the edge around it, 1 = darkest. Written
    /// as hexadecimal digits.
    #[serde(with = "hexadecimal")]
    pub(super) pixels: Vec<u8>,
}

impl Template {
    /// From brightness at each pixel, `None` where it does not show the part. The values are spread
    /// over the bytes.
    pub(super) fn of(size: [usize; 2], values: &[Option<f32>]) -> Self {
        let known = || values.iter().flatten().copied();
        let least = known().fold(f32::INFINITY, f32::min);
        let span = (known().fold(f32::NEG_INFINITY, f32::max) - least).max(f32::MIN_POSITIVE);
        let byte = |value: f32| 1 + ((value - least) / span * 254.0).round() as u8;
        Self { size, pixels: values.iter().map(|value| value.map_or(0, byte)).collect() }
    }

    /// Whether it has as many pixels as its size says, and enough of them with unequal values show
    /// the part.
    pub(super) fn is_sound(&self) -> bool {
        let [width, height] = self.size;
        let fits = width.min(height) > 0 && width.max(height) <= LONGEST;
        let known = || self.pixels.iter().filter(|&&pixel| pixel > 0);
        fits && self.pixels.len() == width * height
            && known().count() >= FEWEST
            && known().min() != known().max()
    }

    /// The template at half of its resolution `halvings` times, for a frame of this size and a part with
    /// this centroid.
    pub(super) fn points(&self, frame: [usize; 2], centroid: [f32; 2], halvings: u32) -> Points {
        let ([width, height], block) = (self.size, 1usize << halvings);
        let step = [frame[0] as f32 / width as f32, frame[1] as f32 / height as f32];
        let mut points = Points::default();
        for top in (0..height).step_by(block) {
            for left in (0..width).step_by(block) {
                let (mut count, mut sums) = (0, [0.0f32; 3]);
                for (y, x) in (top..(top + block).min(height))
                    .flat_map(|y| (left..(left + block).min(width)).map(move |x| (y, x)))
                {
                    let pixel = self.pixels[y * width + x];
                    if pixel > 0 {
                        count += 1;
                        let at = [x as f32 + 0.5, y as f32 + 0.5, f32::from(pixel)];
                        sums.iter_mut().zip(at).for_each(|(sum, value)| *sum += value);
                    }
                }
                // A block that shows less of the part is unlike the same block of an image.
                if 4 * count >= 3 * block * block {
                    let [x, y, value] = sums.map(|sum| sum / count as f32);
                    points
                        .at
                        .push([x * step[0] - frame[0] as f32 / 2.0, y * step[1] - frame[1] as f32 / 2.0]);
                    points.values.push(value);
                }
            }
        }
        points = points.thinned();
        points.divide_into_rings(centroid, RING * block as f32 * (step[0] + step[1]) / 2.0);
        points
    }
}

/// Places of the part and the brightness there.
#[derive(Clone, Debug, Default)]
pub(super) struct Points {
    /// From the middle of the frame, in its pixels.
    pub(super) at: Vec<[f32; 2]>,
    pub(super) values: Vec<f32>,
    /// The ring around the centroid that each lies in, and there the values of three functions that are
    /// orthonormal along the ring: the constant, and the two of one period around.
    rings: Vec<(usize, [f32; 3])>,
    /// The values without their part in those functions.
    turning: Vec<f32>,
}

/// The detail of a reduced image, halved several times.
pub(super) struct Level {
    width: usize,
    height: usize,
    grey: Vec<f32>,
    /// Pixels of this for each of the image.
    scale: [f32; 2],
}

impl Level {
    pub(super) fn of(image: &ReducedImage) -> Self {
        Self { width: image.width, height: image.height, grey: image.detail.clone(), scale: image.scale() }
    }

    /// The mean of each block of 2 x 2.
    pub(super) fn halved(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut grey = Vec::with_capacity(width * height);
        for y in 0..height {
            let row = |y: usize| &self.grey[y.min(self.height - 1) * self.width..][..self.width];
            let (upper, lower) = (row(2 * y), row(2 * y + 1));
            grey.extend((0..width).map(|x| {
                let (left, right) = (2 * x, (2 * x + 1).min(self.width - 1));
                0.25 * (upper[left] + upper[right] + lower[left] + lower[right])
            }));
        }
        Self { width, height, grey, scale: self.scale.map(|scale| scale / 2.0) }
    }

    /// Pixels of this for each of the image.
    pub(super) fn scale(&self) -> f32 {
        (self.scale[0] * self.scale[1]).sqrt()
    }

    /// Value at a place of the image; None outside.
    pub(super) fn value(&self, x: f32, y: f32) -> Option<f32> {
        self.at(x, y).map(|[value, ..]| value)
    }

    /// Value and gradient (per pixel of the image) at a place of the image; None outside.
    #[inline]
    fn at(&self, x: f32, y: f32) -> Option<[f32; 3]> {
        let (x, y) = (x * self.scale[0], y * self.scale[1]);
        let inside = x >= 0.0 && y >= 0.0 && x <= self.width as f32 && y <= self.height as f32;
        if !inside {
            return None;
        }
        let (x, y) = ((x - 0.5).max(0.0), (y - 0.5).max(0.0));
        let (left, upper) = ((x as usize).min(self.width - 1), (y as usize).min(self.height - 1));
        let (right, lower) = ((left + 1).min(self.width - 1), (upper + 1).min(self.height - 1));
        let (tx, ty) = ((x - left as f32).min(1.0), (y - upper as f32).min(1.0));
        let (first, second) = (upper * self.width, lower * self.width);
        let [a, b] = [self.grey[first + left], self.grey[first + right]];
        let [c, d] = [self.grey[second + left], self.grey[second + right]];
        let (top, bottom) = (a + (b - a) * tx, c + (d - c) * tx);
        let across = (b - a) + ((d - c) - (b - a)) * ty;
        Some([top + (bottom - top) * ty, across * self.scale[0], (bottom - top) * self.scale[1]])
    }
}

impl Points {
    /// Evenly spread ones of them, where they are too many.
    fn thinned(self) -> Self {
        let step = (self.at.len() / MOST).max(1);
        let (at, values) = (self.at.into_iter().step_by(step), self.values.into_iter().step_by(step));
        Self { at: at.collect(), values: values.collect(), ..Self::default() }
    }

    /// Correlation with the image in this pose, -1 to 1 (Pearson's, so that neither brightness nor
    /// contrast has an effect), over every `step`-th point; -1 where too little lies within the image.
    pub(super) fn correlation(&self, level: &Level, pose: &Pose, step: usize) -> f32 {
        let turn = pose.turn();
        let (mut n, mut all) = (0u32, 0u32);
        let [mut t, mut i, mut tt, mut ti, mut ii] = [0.0f64; 5];
        for (at, value) in self.at.iter().zip(&self.values).step_by(step) {
            all += 1;
            let [x, y] = pose.place(turn, *at);
            let Some([found, ..]) = level.at(x, y) else { continue };
            let (value, found) = (f64::from(*value), f64::from(found));
            n += 1;
            t += value;
            i += found;
            tt += value * value;
            ti += value * found;
            ii += found * found;
        }
        let n = f64::from(n);
        let variances = (tt - t * t / n) * (ii - i * i / n);
        if n < f64::from(WITHIN) * f64::from(all) || variances <= 1e-12 * tt * ii {
            return -1.0;
        }
        ((ti - t * i / n) / variances.sqrt()) as f32
    }

    /// Prepares [`Points::turn_correlation`], with rings of this width.
    fn divide_into_rings(&mut self, centroid: [f32; 2], width: f32) {
        let polar = |[x, y]: &[f32; 2]| {
            let (dx, dy) = (x - centroid[0], y - centroid[1]);
            let radius = dx.hypot(dy);
            let (cos, sin) = if radius > 0.0 { (dx / radius, dy / radius) } else { (1.0, 0.0) };
            ((radius / width) as usize, [1.0, cos, sin])
        };
        self.rings = self.at.iter().map(polar).collect();
        let count = 1 + self.rings.iter().map(|(ring, _)| *ring).max().unwrap_or(0);
        // Gram and Schmidt, for all rings at once.
        for k in 0..3 {
            for j in 0..k {
                let products = ring_sums(count, self.rings.iter().map(|(ring, f)| (*ring, f[k] * f[j])));
                self.rings.iter_mut().for_each(|(ring, f)| f[k] -= products[*ring] * f[j]);
            }
            let squares = ring_sums(count, self.rings.iter().map(|(ring, f)| (*ring, f[k] * f[k])));
            for (ring, f) in &mut self.rings {
                let norm = squares[*ring].sqrt();
                f[k] = if norm > 1e-3 { f[k] / norm } else { 0.0 };
            }
        }
        self.turning = self.values.clone();
        for k in 0..3 {
            let terms = self.rings.iter().zip(&self.turning).map(|((ring, f), value)| (*ring, f[k] * value));
            let products = ring_sums(count, terms);
            let parts = self.turning.iter_mut().zip(&self.rings);
            parts.for_each(|(value, (ring, f))| *value -= products[*ring] * f[k]);
        }
    }

    /// Correlation with the image in this pose of what differs along rings around the centroid, without
    /// what has one period around, -1 to 1. It tells how the part is turned: what is the same all around,
    /// such as a round outline, has no effect, however large its contrast, nor has light from one side.
    pub(super) fn turn_correlation(&self, level: &Level, pose: &Pose) -> f32 {
        let turn = pose.turn();
        let count = 1 + self.rings.iter().map(|(ring, _)| *ring).max().unwrap_or(0);
        let mut parts = vec![[0.0f64; 3]; count];
        let [mut tt, mut ti, mut ii] = [0.0f64; 3];
        for ((at, value), (ring, functions)) in self.at.iter().zip(&self.turning).zip(&self.rings) {
            let [x, y] = pose.place(turn, *at);
            let Some([found, ..]) = level.at(x, y) else { continue };
            let (value, found) = (f64::from(*value), f64::from(found));
            let products = functions.map(|function| f64::from(function) * found);
            parts[*ring].iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
            tt += value * value;
            ti += value * found;
            ii += found * found;
        }
        // The template has no part in the functions, so that the products need no correction.
        let rest = ii - parts.iter().flatten().map(|part| part * part).sum::<f64>();
        if tt > 0.0 && rest > 1e-9 * ii { (ti / (tt * rest).sqrt()).clamp(-1.0, 1.0) as f32 } else { 0.0 }
    }

    /// The pose nearby in which the image agrees best, by Gauss-Newton steps on position, angle,
    /// brightness and contrast at once. Its quality is the correlation there. Places that differ far
    /// more than the others, as defects do, count less. The angle stays unless it `turns`.
    pub(super) fn refined(&self, level: &Level, mut pose: Pose, steps: usize, turns: bool) -> Pose {
        let reach = self.at.iter().map(|[x, y]| x.abs().max(y.abs())).fold(1.0, f32::max);
        let pixel = 1.0 / level.scale();
        let (mut weights, mut spread) = (vec![1.0f32; self.at.len()], 0.0);
        let mut seen: Vec<Option<[f32; 4]>> = Vec::with_capacity(self.at.len());
        for _ in 0..steps {
            let turn = pose.turn();
            seen.clear();
            seen.extend(self.at.iter().map(|at| {
                let [x, y] = pose.place(turn, *at);
                let [value, gx, gy] = level.at(x, y)?;
                let [dx, dy] = [x - pose.centre[0], y - pose.centre[1]];
                let around = if turns { (gy * dx - gx * dy) / reach } else { 0.0 };
                Some([value, gx, gy, around])
            }));
            let mut system = System::<5>::default();
            if !turns {
                system.add([0.0, 0.0, 1.0, 0.0, 0.0], 0.0, 1.0);
            }
            for ((point, value), weight) in seen.iter().zip(&self.values).zip(&weights) {
                let Some([found, gx, gy, around]) = *point else { continue };
                let terms = [gx, gy, around, -value / 256.0, -1.0].map(f64::from);
                system.add(terms, -f64::from(found), f64::from(*weight));
            }
            let Some(solved) = system.solve(1e-9) else { break };
            let [dx, dy, around, contrast, brightness] = solved.map(|value| value as f32);
            let (mut sum, mut count) = (0.0f64, 0u32);
            for ((point, value), weight) in seen.iter().zip(&self.values).zip(&mut weights) {
                let Some([found, gx, gy, turning]) = *point else { continue };
                let there = found + gx * dx + gy * dy + turning * around;
                let difference = (there - contrast * value / 256.0 - brightness).abs();
                sum += f64::from(difference);
                count += 1;
                let far = if spread > 0.0 { difference / spread } else { 0.0 };
                *weight = 1.0 / (1.0 + far * far);
            }
            spread = 2.0 * (sum / f64::from(count.max(1))) as f32;
            let (most, length) = (LARGEST_STEP[0] * pixel, dx.hypot(dy));
            let shortened = if length > most { most / length } else { 1.0 };
            let turned = (around / reach).clamp(-LARGEST_STEP[1], LARGEST_STEP[1]);
            pose.centre = [pose.centre[0] + shortened * dx, pose.centre[1] + shortened * dy];
            pose.angle += turned;
            if length < 0.004 * pixel && (turned * reach).abs() < 0.004 * pixel {
                break;
            }
        }
        Pose { quality: self.correlation(level, &pose, 1), ..pose.normalized() }
    }
}

/// The sum of the values of each ring.
fn ring_sums(count: usize, values: impl Iterator<Item = (usize, f32)>) -> Vec<f32> {
    let mut sums = vec![0.0f64; count];
    values.for_each(|(ring, value)| sums[ring] += f64::from(value));
    sums.into_iter().map(|sum| sum as f32).collect()
}

/// Bytes as hexadecimal digits.
mod hexadecimal {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
        let digits: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        serializer.serialize_str(&digits)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let bytes = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?));
        let bytes: Option<Vec<u8>> = bytes.collect();
        bytes.filter(|_| rest.is_empty()).ok_or_else(|| D::Error::custom("not pairs of hexadecimal digits"))
    }
}
