//! Measuring good images through a frozen encoder: spread of the features, memory bank, spread of
//! the distances.

use std::borrow::Cow;

use anoseg_image::{Image, Mask};
use anoseg_infer::network::pretrained::{Encoder, FineMemory, Spread};
use anoseg_infer::network::{Architecture, Backbone, Blueprint, Executor as _, MemoryBank};
use anoseg_infer::parameters::{ParameterData, ParameterError, ParameterStore};
use anoseg_infer::runtime::{Program, Recorder, Value};
use anoseg_infer::{Extent, Geometry, Window};
use anoseg_kernels::Pool;
use anoseg_synth::{BaseAugmentation, relit};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::{PretrainedEncoder, coreset, in_parts};

/// Most views that means and deviations are computed from; more hardly change them.
const MEASURED: usize = 64;

/// Most views that the memory bank is drawn from.
const MEMORY_VIEWS: usize = 1024;

/// Candidates for each vector of the memory bank.
const CANDIDATES: usize = 4;

/// The fine memory bank has so many times fewer vectors: features of small surroundings vary less, and it
/// is searched at four times as many positions.
const FINE_SHARE: usize = 2;

/// The parts of good images that a backbone is measured on, all of one size.
pub(crate) struct Views<'a> {
    images: &'a [Image],
    /// Each is a window of the image of this number; the numbers ascend.
    windows: Vec<(usize, Window)>,
    /// Every part is there as it is and under another light, which these settings and this seed draw.
    light: Option<(BaseAugmentation, u64)>,
    /// Width and height.
    size: (usize, usize),
    /// Whether the memory bank is made at half of the resolution.
    coarse: bool,
    /// Where on the images defects count; everywhere if None.
    inside: Option<Mask>,
}

impl<'a> Views<'a> {
    /// The views of `images` that the network takes of them in training: parts where it works on tiles.
    pub(crate) fn of(images: &'a [Image], geometry: &Geometry) -> Self {
        let part = in_parts::part_size(geometry, images);
        let of_image = |(i, image): (usize, &Image)| {
            in_parts::views(geometry, part, Extent::of(image)).into_iter().map(move |window| (i, window))
        };
        let windows = images.iter().enumerate().flat_map(of_image).collect();
        let [height, width] = part;
        let size = (width, height);
        Self { images, windows, light: None, size, coarse: geometry.is_tiled(), inside: None }
    }

    /// The same with each part under another light in addition, where the training images are lit anew.
    pub(crate) fn lit(mut self, augmentation: &BaseAugmentation, seed: u64) -> Self {
        if augmentation.varies_light() {
            self.windows = self.windows.into_iter().flat_map(|window| [window; 2]).collect();
            self.light = Some((augmentation.clone(), seed));
        }
        self
    }

    /// The same with features inside this region of the images only, if it is given. Views without such
    /// are left out.
    pub(crate) fn within(mut self, inside: Option<&Mask>) -> Self {
        let Some(inside) = inside else { return self };
        let (size, side) = (self.size, self.size.0.max(self.size.1));
        // Images of one size have the same windows.
        self.windows.retain(|(_, window)| !cells_inside(inside, *window, size, side).is_empty());
        Self { inside: Some(inside.clone()), ..self }
    }

    /// Which of the `count` positions of view `i` have a pixel inside.
    fn positions(&self, i: usize, count: usize) -> Vec<usize> {
        let Some(inside) = &self.inside else { return (0..count).collect() };
        let (width, height) = self.size;
        let stride = ((width * height) as f64 / count as f64).sqrt().round() as usize;
        cells_inside(inside, self.windows[i].1, self.size, stride.max(1))
    }

    pub(crate) fn len(&self) -> usize {
        self.windows.len()
    }

    /// The number of the image that view `i` is of.
    fn owner(&self, i: usize) -> usize {
        self.windows[i].0
    }

    fn values(&self, i: usize) -> Cow<'a, [f32]> {
        let (owner, Window { x, y, .. }) = self.windows[i];
        let (image, (width, height)) = (&self.images[owner], self.size);
        let is_whole = (x, y) == (0, 0) && (image.width(), image.height()) == (width, height);
        // Of the two views of a part the second is lit anew.
        let lit = self.light.as_ref().filter(|_| i % 2 == 1);
        match lit {
            Some((augmentation, seed)) => {
                let part = image.cut((x, y), width, height);
                Cow::Owned(relit(&part, augmentation, *seed, i as u64).into_vec())
            }
            None if is_whole => Cow::Borrowed(image.as_slice()),
            None => Cow::Owned(image.cut((x, y), width, height).into_vec()),
        }
    }
}

/// The cells of `side` x `side` pixels of a window of this size that have a pixel inside, by number, row
/// by row.
fn cells_inside(inside: &Mask, window: Window, (width, height): (usize, usize), side: usize) -> Vec<usize> {
    let (columns, rows) = (width.div_ceil(side), height.div_ceil(side));
    let counts = |x: usize, y: usize| {
        let (x, y) = (window.x + x as isize, window.y + y as isize);
        let on_image = x >= 0 && y >= 0 && (x as usize) < inside.width() && (y as usize) < inside.height();
        on_image && inside.get(x as usize, y as usize)
    };
    let has_pixel = |cell: usize| {
        let (left, top) = (cell % columns * side, cell / columns * side);
        (top..(top + side).min(height)).any(|y| (left..(left + side).min(width)).any(|x| counts(x, y)))
    };
    (0..columns * rows).filter(|&cell| has_pixel(cell)).collect()
}

/// The backbone of good images. `seed` is that of the selection of the memory bank.
///
/// # Errors
/// The encoder's parameters are not those of the network.
pub(crate) fn measure(
    pretrained: &PretrainedEncoder,
    views: &Views<'_>,
    architecture: &Architecture,
    seed: u64,
) -> Result<Backbone, ParameterError> {
    let (averaging, vectors) = (architecture.averaging, architecture.memory);
    let mut blueprint = Blueprint::default();
    let encoder = Encoder::new(&mut blueprint, pretrained.architecture());
    let encoder_parameters = ParameterStore::import(pretrained.parameters(), blueprint.parameters())?;
    let shape = [1, 3, views.size.1, views.size.0];
    let measured = evenly(views.len(), MEASURED);
    let record = |halved, outputs: &dyn Fn(&mut Recorder<'_>, &Value) -> Vec<Value>| {
        record((&encoder_parameters, shape), halved, outputs)
    };
    let raw = record(false, &|x, image| encoder.features(x, image).to_vec());
    let spread_of = |run: &(dyn Fn(usize) -> Vec<Vec<f32>> + Sync), channels: &[usize]| {
        let sums: Vec<Sums> = measured.par_iter().map(|&i| Sums::of(&run(i), channels)).collect();
        // Added in the order of the images, so that the sums do not depend on the threads' order.
        sums.into_iter().fold(Sums::default(), Sums::add).spread()
    };
    let kind = encoder.kind();
    let channels = kind.channels();
    let features = spread_of(&|i| raw.run(&views.values(i), &[]), &channels);
    debug_assert_eq!(features.mean.len(), kind.all_channels());
    let coarse = views.coarse.then(|| {
        let raw = record(true, &|x, image| encoder.features(x, image).to_vec());
        spread_of(&|i| raw.run(&views.values(i), &[]), &channels)
    });
    let spread = coarse.as_ref().unwrap_or(&features);
    // A memory bank of descriptors that a program of `halved` images gives, and the spread of the distances.
    let remember = |halved: bool,
                    (channels, vectors): (usize, usize),
                    descriptors: &dyn Fn(&mut Recorder<'_>, &Value) -> Value| {
        let described = record(halved, &|x, image| vec![descriptors(x, image)]);
        let describe = |i: usize| described.run(&views.values(i), &[]).swap_remove(0);
        let memory = memory_bank(views, describe, (channels, vectors, seed));
        let distances = record(halved, &|x, image| {
            let descriptors = descriptors(x, image);
            vec![x.nearest_distance(&descriptors, &memory)]
        });
        let distances = |i: usize| {
            let all = distances.run(&views.values(i), &[Some(views.owner(i))]).swap_remove(0);
            vec![views.positions(i, all.len()).into_iter().map(|position| all[position]).collect()]
        };
        let distances = spread_of(&distances, &[1]);
        (memory, distances)
    };
    let (memory, distances) = remember(views.coarse, (kind.descriptor(), vectors), &|x, image| {
        Backbone::descriptors(x, &encoder, (spread, averaging), image)
    });
    let fine = views.coarse.then(|| {
        let vectors = (vectors / FINE_SHARE).max(1);
        let (memory, distances) = remember(false, (kind.fine_descriptor(), vectors), &|x, image| {
            FineMemory::descriptors(x, &encoder, &features, image)
        });
        FineMemory { memory, distances }
    });
    Ok(Backbone { encoder, encoder_parameters, features, memory, distances, coarse, fine, averaging })
}

/// A program that gives `outputs` of an image, or if `halved` of the image at half of its resolution.
fn record(
    (parameters, shape): (&ParameterStore, [usize; 4]),
    halved: bool,
    outputs: &dyn Fn(&mut Recorder<'_>, &Value) -> Vec<Value>,
) -> Program {
    let (mut x, image) = Recorder::new(shape);
    x.use_parameters(parameters);
    let image = if halved { x.average_pool(&image, Pool::blocks(2)) } else { image };
    let outputs = outputs(&mut x, &image);
    x.finish(&outputs)
}

/// A coreset of the descriptors that `describe` gives for all positions of the images.
fn memory_bank(
    views: &Views<'_>,
    describe: impl Fn(usize) -> Vec<f32> + Sync,
    (channels, vectors, seed): (usize, usize, u64),
) -> MemoryBank {
    let sampled = evenly(views.len(), MEMORY_VIEWS);
    let share = (CANDIDATES * vectors).div_ceil(sampled.len().max(1));
    let drawn: Vec<Vec<f32>> = sampled
        .par_iter()
        .map(|&i| {
            let descriptors = describe(i);
            let positions = views.positions(i, descriptors.len() / channels);
            let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_add(i as u64));
            draw((&descriptors, channels), positions, share, &mut rng)
        })
        .collect();
    let owners: Vec<usize> = sampled
        .iter()
        .zip(&drawn)
        .flat_map(|(&i, vectors)| std::iter::repeat_n(views.owner(i), vectors.len() / channels))
        .collect();
    let candidates = drawn.concat();
    let chosen = coreset::choose(&candidates, channels, vectors, seed);
    let values = chosen.iter().flat_map(|&i| &candidates[i * channels..(i + 1) * channels]);
    let vectors = ParameterData { shape: vec![chosen.len(), channels], values: values.copied().collect() };
    MemoryBank::new(vectors, chosen.into_iter().map(|i| owners[i]).collect())
}

/// `count` of these positions of the descriptors `[channels, all positions]`, drawn without replacement, as
/// vectors `[count, channels]`; all if there are fewer.
fn draw(
    (descriptors, channels): (&[f32], usize),
    mut positions: Vec<usize>,
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<f32> {
    let (len, all) = (descriptors.len() / channels, positions.len());
    for i in 0..count.min(all) {
        positions.swap(i, rng.random_range(i..all));
    }
    let chosen = &positions[..count.min(all)];
    let vector = |&position: &usize| descriptors.chunks_exact(len).map(move |plane| plane[position]);
    chosen.iter().flat_map(vector).collect()
}

/// `count` evenly spaced numbers below `len`; all of them if there are fewer.
fn evenly(len: usize, count: usize) -> Vec<usize> {
    let count = count.min(len);
    (0..count).map(|i| i * len / count).collect()
}

/// Number, sum and sum of squares of every channel's values.
#[derive(Clone, Default)]
struct Sums(Vec<[f64; 3]>);

impl Sums {
    /// The sums for several values `[channels, positions]`, their channels one after the other.
    fn of(values: &[Vec<f32>], channels: &[usize]) -> Self {
        let of_level = |(values, &channels): (&Vec<f32>, &usize)| {
            let positions = (values.len() / channels).max(1);
            let of_plane = |plane: &[f32]| {
                let sum = |f: fn(f64) -> f64| plane.iter().map(|&value| f(f64::from(value))).sum();
                [plane.len() as f64, sum(|value| value), sum(|value| value * value)]
            };
            values.chunks_exact(positions).map(of_plane).collect::<Vec<_>>()
        };
        Self(values.iter().zip(channels).flat_map(of_level).collect())
    }

    /// Adds the sums of another image.
    fn add(mut self, other: Self) -> Self {
        self.0.resize(other.0.len(), [0.0; 3]);
        self.0.iter_mut().flatten().zip(other.0.into_iter().flatten()).for_each(|(sum, value)| *sum += value);
        self
    }

    /// A channel that never changes gets the deviation 1, so that it stays finite on any image.
    fn spread(&self) -> Spread {
        let deviation = |[count, sum, squares]: [f64; 3]| {
            let variance = squares / count - (sum / count).powi(2);
            if variance > 1e-12 { variance.sqrt() as f32 } else { 1.0 }
        };
        Spread {
            mean: self.0.iter().map(|[count, sum, _]| (sum / count) as f32).collect(),
            deviation: self.0.iter().copied().map(deviation).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_of_all_levels_follow_each_other() {
        let first = vec![vec![1.0, 3.0], vec![5.0, 5.0, 0.0, 8.0]];
        let second = vec![vec![2.0, 2.0], vec![5.0, 5.0, 4.0, 4.0]];
        let sums = Sums::default().add(Sums::of(&first, &[1, 2])).add(Sums::of(&second, &[1, 2]));
        let spread = sums.spread();
        assert_eq!(spread.mean, [2.0, 5.0, 4.0]);
        assert_eq!(spread.deviation, [0.5_f32.sqrt(), 1.0, 8.0_f32.sqrt()]);
        assert_eq!(Spread::import(&spread.export(), 3).unwrap(), spread);
        assert!(Spread::import(&spread.export(), 4).is_err());
    }

    #[test]
    fn cells_of_a_window_are_those_with_a_pixel_inside() {
        let inside = Mask::from_fn(40, 32, |x, y| x == 17 && (8..10).contains(&y));
        let plane = Extent { width: 40, height: 32 };
        let cells = |x, y| cells_inside(&inside, Window { x, y, plane }, (32, 16), 8);
        assert_eq!(cells(0, 0), [4 + 2]);
        assert_eq!(cells(8, 9), [1]);
        assert_eq!(cells(18, 0), [0; 0]);
        // A window may begin outside the image: rows 15 and 16, column 32 of the window.
        assert_eq!(cells(-14, -7), [4 + 3]);
    }
}
