//! The value scale of a training set: which sample values are black and white.
//!
//! **Integers of more than 8 bits.** The brightest value of all training images decides: white is
//! the largest value of the smallest of 8, 10, 12, 14 and 16 bits that holds it, black is 0. Values that
//! are all far from 0 get black and white as floats do.
//!
//! **Floats.** Values in 0..=1 stay as they are. Otherwise white is the smallest round number that
//! holds the brightest value: 1, 2 or 5 times a power of ten, or 255, 1023, 4095, 16383, 65535. A
//! negative value moves black to the negative round number that holds it. Values that are all far
//! from 0, such as temperatures in kelvin, get black and white at multiples of the round number
//! that holds their range.
//!
//! **Hot pixels.** A few pixels far above all others (at most two in 1000 of the set, and at least 16
//! times as bright as the next) do not count.
//!
//! **Missing values.** One float that stands for places without a measurement, such as -9999, does not
//! count: the same number wherever it occurs, at least 16 times as far from 0 as all others of its sign or,
//! where it is the only one of its sign, as those of the other, and in at most half of the places.

use anoseg_image::{Image, SampleType};
use anoseg_infer::{Levels, ValueScale};

/// Full scale of 16-bit integers.
const FULL: f32 = 65_535.0;

/// Widths that cameras have.
const BITS: [u32; 4] = [8, 10, 12, 14];

/// White levels of floats that were integers.
const INTEGER_LEVELS: [f32; 5] = [255.0, 1023.0, 4095.0, 16_383.0, 65_535.0];

/// Floats this far beyond a level, as a share of it, are rounding or the overshoot of a resampling.
const FLOAT_MARGIN: f32 = 0.01;

/// Floats of which the brightest is below this are on another scale than 0..=1.
const DIM_FLOATS: f32 = 0.1;

/// Most hot pixels, as a share of all.
const HOT_SHARE: f64 = 2e-3;

/// Largest share of places without a measurement.
const MISSING_SHARE: f64 = 0.5;

/// Among fewer values none is far.
const FEWEST: u64 = 1000;

/// Powers of two between hot pixels and all others.
const HOT_GAP: usize = 4;

/// Sign and exponent of a float.
const BINS: usize = 1 << 9;

/// The bin of 0; the bins of negative values begin at half.
const NEGATIVE: usize = BINS / 2;

/// The values of one sample type, as far as its scale depends on them: how many there are of each
/// sign and power of two, and the extremes among them.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    bins: Vec<Bin>,
    /// Only floats have numbers that stand for a missing value.
    are_floats: bool,
}

#[derive(Clone, Copy, Debug)]
struct Bin {
    count: u64,
    least: f32,
    most: f32,
}

const EMPTY: Bin = Bin { count: 0, least: f32::INFINITY, most: f32::NEG_INFINITY };

impl Values {
    fn empty(samples: SampleType) -> Self {
        Self { bins: vec![EMPTY; BINS], are_floats: samples == SampleType::F32 }
    }

    /// The values of an image.
    pub(crate) fn of(image: &Image) -> Self {
        let mut values = Self::empty(image.sample_type());
        for row in image.rows() {
            for &value in row.iter() {
                let bin = &mut values.bins[(value.to_bits() >> 23) as usize];
                *bin = Bin { count: bin.count + 1, least: bin.least.min(value), most: bin.most.max(value) };
            }
        }
        values
    }

    /// Adds the values of another image.
    fn add(&mut self, other: &Self) {
        for (bin, other) in self.bins.iter_mut().zip(&other.bins) {
            bin.count += other.count;
            bin.least = bin.least.min(other.least);
            bin.most = bin.most.max(other.most);
        }
    }

    /// Smallest and largest value, hot pixels included. None where there is no value.
    pub(crate) fn extremes(&self) -> Option<[f32; 2]> {
        let filled = || self.bins.iter().filter(|bin| bin.count > 0);
        filled().next()?;
        let least = filled().map(|bin| bin.least).fold(f32::INFINITY, f32::min);
        let most = filled().map(|bin| bin.most).fold(f32::NEG_INFINITY, f32::max);
        Some([least, most])
    }

    /// Smallest and largest value without hot pixels and missing values. None where there is no value.
    fn range(&self) -> Option<[f32; 2]> {
        self.without_far().extremes()
    }

    /// The same without hot pixels and missing values.
    fn without_far(&self) -> Self {
        let mut kept = self.clone();
        // What is far on one side may hide what is far on the other.
        while let Some(far) = kept.far() {
            far.for_each(|bin| kept.bins[bin] = EMPTY);
        }
        kept
    }

    /// The bins of the values farthest from 0, of either sign, that are hot pixels or missing values.
    fn far(&self) -> Option<std::vec::IntoIter<usize>> {
        let total: u64 = self.bins.iter().map(|bin| bin.count).sum();
        if total < FEWEST {
            return None;
        }
        let filled = |bin: &usize| self.bins[*bin].count > 0;
        // By the power of two, whatever the sign.
        let mut magnitudes: Vec<usize> = (0..BINS).filter(filled).map(|bin| bin % NEGATIVE).collect();
        magnitudes.sort_unstable();
        magnitudes.dedup();
        let mut far = Vec::new();
        let mut count = 0;
        for pair in magnitudes.windows(2).rev() {
            let here = [pair[1], pair[1] + NEGATIVE].into_iter().filter(filled);
            count += here.clone().map(|bin| self.bins[bin].count).sum::<u64>();
            far.extend(here);
            // 0 is at no distance from anything.
            if pair[0] != 0 && pair[1] - pair[0] > HOT_GAP {
                let hot = count as f64 <= total as f64 * HOT_SHARE;
                let one = far.len() == 1 && self.bins[far[0]].least == self.bins[far[0]].most;
                let missing = self.are_floats && one && count as f64 <= total as f64 * MISSING_SHARE;
                return (hot || missing).then(|| far.into_iter());
            }
        }
        None
    }

    /// How many values do not count, and one of them.
    fn left_out(&self) -> Option<(u64, f32)> {
        let kept = self.without_far();
        let left = self.bins.iter().zip(&kept.bins).filter(|(all, kept)| all.count > kept.count);
        let count = left.clone().map(|(all, _)| all.count).sum();
        left.map(|(all, _)| all.most).next_back().map(|example| (count, example))
    }
}

/// The scale of a set of images.
pub(crate) struct Found {
    pub(crate) scale: ValueScale,
    /// Hot pixels and missing values, for each sample type that has some.
    pub(crate) far: Vec<FarValues>,
}

/// Values that lie far beyond all others and do not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FarValues {
    /// How many there are, counted in each plane.
    pub count: u64,
    /// One of them: in the unit of the file.
    pub example: f32,
}

/// The scale of images with these sample types and values; 8-bit ones have none.
pub(crate) fn find<'a>(images: impl Iterator<Item = (SampleType, &'a Values)>) -> Found {
    let (mut integers, mut floats) = (Values::empty(SampleType::U16), Values::empty(SampleType::F32));
    for (samples, values) in images {
        match samples {
            SampleType::U16 => integers.add(values),
            SampleType::F32 => floats.add(values),
            _ => {}
        }
    }
    let far = |values: &Values, unit: f32| {
        let (count, example) = values.left_out()?;
        Some(FarValues { count, example: example * unit })
    };
    let far = [far(&integers, FULL), far(&floats, 1.0)].into_iter().flatten().collect();
    let scale = ValueScale {
        u16: integers.range().map_or_else(Levels::default, integer_levels),
        f32: floats.range().map_or_else(Levels::default, |[least, most]| float_levels(least, most)),
    };
    Found { scale, far }
}

/// Levels of integers in this range, in shares of full scale.
fn integer_levels(range: [f32; 2]) -> Levels {
    let [least, value] = range.map(|share| (share * FULL).round());
    if let Some(Levels { black, white }) = far_from_zero(least, value) {
        return checked(Levels { black: black / FULL, white: (white / FULL).min(1.0) });
    }
    let white = |bits: &u32| ((1u32 << bits) - 1) as f32;
    let white = BITS.iter().map(white).find(|&white| value <= white);
    Levels { black: 0.0, white: white.map_or(1.0, |white| white / FULL) }
}

/// Levels of floats in this range.
fn float_levels(least: f32, most: f32) -> Levels {
    let margin = FLOAT_MARGIN * most.max(-least);
    let negative = least < -margin;
    if !negative && (DIM_FLOATS..=1.0 + FLOAT_MARGIN).contains(&most) || least == 0.0 && most == 0.0 {
        return Levels::default();
    }
    if let Some(levels) = far_from_zero(least, most) {
        return checked(levels);
    }
    let white = if most > margin { level_above(most) } else { 0.0 };
    let black = if negative { -level_above(-least) } else { 0.0 };
    checked(Levels { black, white })
}

/// Levels around values that are all far from 0; None if they are not, or if they are all equal.
fn far_from_zero(least: f32, most: f32) -> Option<Levels> {
    let far = if least < most { round_above(most - least) } else { f32::INFINITY };
    (least > 2.0 * far || -most > 2.0 * far).then(|| {
        let black = far * (least / far).floor();
        Levels { black, white: black + far * ((most - black) / far).ceil().max(1.0) }
    })
}

/// Full scale where the levels cannot be told apart, or are no numbers.
fn checked(levels: Levels) -> Levels {
    let span = levels.white - levels.black;
    if span.is_normal() && span > 0.0 { levels } else { Levels::default() }
}

/// The smallest level that holds a positive value.
fn level_above(value: f32) -> f32 {
    let integers = INTEGER_LEVELS.into_iter().filter(|level| value <= *level && *level < 4.0 * value);
    integers.fold(round_above(value), f32::min)
}

/// The smallest of 1, 2 and 5 times a power of ten that holds a positive value, give or take the
/// margin.
fn round_above(value: f32) -> f32 {
    let value = f64::from(value);
    let power = 10f64.powi(value.log10().floor() as i32);
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let held = steps.into_iter().find(|step| value <= step * (1.0 + f64::from(FLOAT_MARGIN)));
    held.unwrap_or(10.0 * power) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn image(samples: SampleType, values: &[f32]) -> Image {
        Image::from_fn(values.len(), 1, |x, _| [values[x]; 3]).with_sample_type(samples)
    }

    fn found(samples: SampleType, values: &[f32]) -> Levels {
        let image = image(samples, values);
        find([(samples, &Values::of(&image))].into_iter()).scale.levels(samples)
    }

    #[test]
    fn the_brightest_value_decides_the_bits() {
        for (brightest, white) in [
            (200, 255),
            (256, 1023),
            (900, 1023),
            (1023, 1023),
            (1024, 4095),
            (4095, 4095),
            (9000, 16_383),
            (16_384, 65_535),
            (65_535, 65_535),
        ] {
            let levels = found(SampleType::U16, &[0.0, 100.0 / FULL, brightest as f32 / FULL]);
            assert_eq!(levels, Levels { black: 0.0, white: white as f32 / FULL }, "{brightest}");
        }
    }

    #[test]
    fn the_range_of_floats_decides_their_levels() {
        for ((least, most), (black, white)) in [
            ((0.0, 1.0), (0.0, 1.0)),
            ((0.2, 0.6), (0.0, 1.0)),
            ((-0.002, 1.008), (0.0, 1.0)),
            ((0.0, 1.8), (0.0, 2.0)),
            ((0.0, 2.7), (0.0, 5.0)),
            ((0.0, 254.0), (0.0, 255.0)),
            ((0.0, 900.0), (0.0, 1000.0)),
            ((0.0, 1020.0), (0.0, 1023.0)),
            ((0.0, 3000.0), (0.0, 4095.0)),
            ((0.0, 0.0156), (0.0, 0.02)),
            ((-1.0, 1.0), (-1.0, 1.0)),
            ((-30.0, 120.0), (-50.0, 200.0)),
            ((283.0, 307.0), (250.0, 350.0)),
            ((-5.0, 0.0), (-5.0, 0.0)),
            ((0.0, 0.0), (0.0, 1.0)),
            ((7.0, 7.0), (0.0, 10.0)),
            ((-7.0, -7.0), (-10.0, 0.0)),
        ] {
            let levels = found(SampleType::F32, &[least, 0.5 * (least + most), most]);
            assert_eq!(levels, Levels { black, white }, "{least} to {most}");
        }
    }

    #[test]
    fn a_hot_pixel_does_not_count_and_a_highlight_does() {
        let ten_bits = |brightest: f32| {
            let mut values: Vec<f32> = (0..20_000).map(|i| (i % 1000) as f32 / FULL).collect();
            values[7] = brightest / FULL;
            found(SampleType::U16, &values).white * FULL
        };
        assert_eq!(ten_bits(65_535.0), 1023.0);
        assert_eq!(ten_bits(4095.0), 4095.0, "12 bits with a small highlight");
        // A dark field in which a few pixels are bright.
        let mut dark = vec![0.0; 20_000];
        dark[7] = 60_000.0 / FULL;
        assert_eq!(found(SampleType::U16, &dark).white, 1.0);
    }

    /// Training images of 64 x 64 with one such value each once lost their contrast.
    #[test]
    fn a_far_value_in_each_small_image_does_not_count() {
        let set = |samples: SampleType, far: f32, usual: &dyn Fn(usize) -> f32| {
            let images: Vec<Image> = (0..14)
                .map(|n| {
                    let mut values: Vec<f32> = (0..4096).map(|i| usual(i + n)).collect();
                    values[100 * n] = far;
                    image(samples, &values)
                })
                .collect();
            let values: Vec<Values> = images.iter().map(Values::of).collect();
            find(values.iter().map(|values| (samples, values)))
        };
        let tenths = |i: usize| (i % 10) as f32 / 10.0;
        for far in [-9999.0, 1e30, -3.4e38, 65_535.0] {
            let found = set(SampleType::F32, far, &tenths);
            assert_eq!(found.scale.f32, Levels::default(), "{far}");
            assert_eq!(found.far, [FarValues { count: 14 * 3, example: far }]);
        }
        let found = set(SampleType::U16, 1.0, &|i| (i % 1000) as f32 / FULL);
        assert_eq!(found.scale.u16.white * FULL, 1023.0);
        let found = set(SampleType::F32, 1e30, &|_| 0.5);
        assert_eq!(found.scale.f32, Levels::default());
        // A number that stands for a missing value may fill much of each image.
        let found = set(SampleType::F32, 0.5, &|i| if i % 3 == 0 { -9999.0 } else { tenths(i) });
        assert_eq!(found.scale.f32, Levels::default());
        assert_eq!(found.far[0].example, -9999.0);
        // A bright part does not.
        let found =
            set(SampleType::F32, 0.5, &|i| if i % 3 == 0 { 100.0 + (i % 7) as f32 } else { tenths(i) });
        assert_eq!((found.scale.f32.white, found.far.len()), (200.0, 0));
    }

    /// Integers in a narrow range far from 0 once kept the full scale, unlike floats.
    #[test]
    fn integers_far_from_zero_are_scaled_as_floats_are() {
        let levels = found(SampleType::U16, &[30_000.0 / FULL, 30_700.0 / FULL, 31_500.0 / FULL]);
        assert_eq!([levels.black, levels.white].map(|level| (level * FULL).round()), [30_000.0, 32_000.0]);
    }

    #[test]
    fn each_type_has_its_own_scale() {
        let (camera, depth) = (image(SampleType::U16, &[0.01]), image(SampleType::F32, &[0.0, 180.0]));
        let values = [&camera, &depth].map(|image| (image.sample_type(), Values::of(image)));
        let scale = find(values.iter().map(|(samples, values)| (*samples, values))).scale;
        assert_eq!((scale.u16.white * FULL, scale.f32.white), (1023.0, 200.0));
    }

    proptest! {
        /// Whatever the values, the levels are usable and hold all of them but hot pixels.
        #[test]
        fn levels_are_usable(values in prop::collection::vec(-1e30f32..1e30, 1..40)) {
            let Levels { black, white } = found(SampleType::F32, &values);
            prop_assert!((white - black).is_normal() && black < white);
            let margin = 2.0 * FLOAT_MARGIN * white.abs().max(black.abs());
            for value in values {
                prop_assert!((black - margin..=white + margin).contains(&value), "{value} {black} {white}");
            }
        }

        #[test]
        fn levels_hold_values_of_usual_size(values in prop::collection::vec(-1e3f32..1e4, 1..40)) {
            let Levels { black, white } = found(SampleType::F32, &values);
            let margin = 2.0 * FLOAT_MARGIN * white.abs().max(black.abs());
            for value in values {
                prop_assert!((black - margin..=white + margin).contains(&value), "{value} {black} {white}");
            }
        }

        #[test]
        fn integers_are_held(values in prop::collection::vec(any::<u16>(), 1..40)) {
            let shares: Vec<f32> = values.iter().map(|&value| f32::from(value) / FULL).collect();
            let levels = found(SampleType::U16, &shares);
            prop_assert!(shares.iter().all(|&share| levels.holds(share)));
            let brightest = f32::from(*values.iter().max().unwrap_or(&0));
            let white = levels.white * FULL;
            prop_assert!(white <= 255.5 || white < 4.01 * brightest, "{white} {brightest}");
        }
    }
}
