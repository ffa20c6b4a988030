//! Which sample values are black and white.

use std::borrow::Cow;
use std::fmt;

use anoseg_image::{Image, SampleType};
use serde::{Deserialize, Serialize};

use crate::SettingError;
use crate::settings::require;

/// Full scale of 16-bit integers.
const FULL: f32 = 65_535.0;

/// Floats this share of the scale beyond it are rounding, such as the overshoot of a resampling.
const FLOAT_MARGIN: f32 = 0.01;

/// The sample values that are black and white. Values beyond are clipped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// The value of black, which becomes 0.
    pub black: f32,
    /// The value of white, which becomes 1.
    pub white: f32,
}

impl Default for Levels {
    /// 0 and 1.
    fn default() -> Self {
        Self { black: 0.0, white: 1.0 }
    }
}

impl Levels {
    /// The value on a scale of 0..=1.
    pub fn scaled(&self, value: f32) -> f32 {
        ((value - self.black) / (self.white - self.black)).clamp(0.0, 1.0)
    }

    /// Whether the value is neither darker than black nor brighter than white.
    pub fn holds(&self, value: f32) -> bool {
        self.black <= value && value <= self.white
    }
}

/// The value scale of a model: black and white of each sample type. The training finds it on its
/// images.
///
/// 8-bit integers have black at 0 and white at 255. Cameras of 10 or 12 bits often write 16-bit
/// files of which they use the lower end only, and floats have no natural scale at all.
///
/// ```
/// use anoseg_image::{Image, SampleType};
/// use anoseg_infer::{Levels, ValueScale};
///
/// // A camera of 12 bits in files of 16 bits.
/// let scale = ValueScale { u16: Levels { black: 0.0, white: 4095.0 / 65_535.0 }, ..Default::default() };
/// let image = Image::filled(4, 4, [4095.0 / 65_535.0; 3]).with_sample_type(SampleType::U16);
/// assert_eq!(scale.apply(&image).get(0, 0), [1.0; 3]);
/// assert_eq!(scale.to_string(), "12 of 16 bits (white = 4095)");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValueScale {
    /// Levels of integers of more than 8 bits, as shares of the full scale that the file declares.
    #[serde(skip_serializing_if = "is_default")]
    pub u16: Levels,
    /// Levels of floats, in the file's own unit.
    #[serde(skip_serializing_if = "is_default")]
    pub f32: Levels,
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl ValueScale {
    /// Black and white of samples of this type.
    pub fn levels(&self, samples: SampleType) -> Levels {
        match samples {
            SampleType::U16 => self.u16,
            SampleType::F32 => self.f32,
            _ => Levels::default(),
        }
    }

    /// The image with values in 0..=1. No copy is made where they are already.
    pub fn apply<'a>(&self, image: &'a Image) -> Cow<'a, Image> {
        if self.is_applied(image) { Cow::Borrowed(image) } else { Cow::Owned(self.apply_to(image.clone())) }
    }

    /// As [`ValueScale::apply`], of an image that is not needed as it was.
    pub fn apply_to(&self, image: Image) -> Image {
        if self.is_applied(&image) {
            return image;
        }
        let levels = self.levels(image.sample_type());
        let samples = if levels == Levels::default() { image.sample_type() } else { SampleType::U8 };
        image.scaled(levels.black, levels.white).with_sample_type(samples)
    }

    /// Whether the values are in 0..=1 on this scale already.
    fn is_applied(&self, image: &Image) -> bool {
        let levels = self.levels(image.sample_type());
        let holds = || image.rows().all(|row| row.iter().all(|&value| levels.holds(value)));
        image.sample_type() == SampleType::U8 || (levels == Levels::default() && holds())
    }

    /// What sets values of such samples beyond the scale to black or white, and does not scale them. It is
    /// done before an image is resampled, so that one hot pixel has no effect beyond its place.
    pub(crate) fn clip(&self, samples: SampleType) -> impl Fn(&mut [f32]) + Sync + use<> {
        let levels = self.levels(samples);
        move |values| {
            if samples != SampleType::U8 {
                values.iter_mut().for_each(|value| *value = value.clamp(levels.black, levels.white));
            }
        }
    }

    /// The share of pixels beyond the scale, 0..=1. Floats count from a hundredth of the scale on.
    pub fn beyond(&self, image: &Image) -> f32 {
        let margin = match image.sample_type() {
            SampleType::U16 => 0.0,
            SampleType::F32 => FLOAT_MARGIN,
            _ => return 0.0,
        };
        let Levels { black, white } = self.levels(image.sample_type());
        let margin = margin * (white - black);
        let wide = Levels { black: black - margin, white: white + margin };
        let in_row = |y: usize| {
            let [red, green, blue] = [0, 1, 2].map(|c| image.row(c, y));
            let pixels = red.iter().zip(green.iter()).zip(blue.iter());
            pixels.filter(|((r, g), b)| ![**r, **g, **b].iter().all(|&value| wide.holds(value))).count()
        };
        let beyond: usize = (0..image.height()).map(in_row).sum();
        beyond as f32 / (image.width() * image.height()).max(1) as f32
    }

    /// Checks that black is below white and that both are values which samples can have.
    pub(crate) fn validate(&self) -> Result<(), SettingError> {
        let Levels { black, white } = self.u16;
        let shares = 0.0 <= black && black < white && white <= 1.0;
        require(shares, "preprocess.scale.u16", self.u16, "black must be below white, and both in 0..=1")?;
        let Levels { black, white } = self.f32;
        let span = white - black;
        let finite = black.is_finite() && white.is_finite() && span.is_normal() && span > 0.0;
        require(finite, "preprocess.scale.f32", self.f32, "black must be below white, and both finite")
    }
}

impl fmt::Display for ValueScale {
    /// The scales that are not the full one, or `full scale`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let integers = (!is_default(&self.u16)).then(|| integer_scale(self.u16));
        let floats = (!is_default(&self.f32)).then(|| {
            format!("floats from {} (black) to {} (white)", short(self.f32.black), short(self.f32.white))
        });
        let parts: Vec<String> = integers.into_iter().chain(floats).collect();
        f.write_str(if parts.is_empty() { "full scale" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

/// A number without rows of zeros: `0.000001` as `1e-6`.
fn short(value: f32) -> String {
    let is_plain = value == 0.0 || (1e-3..1e6).contains(&value.abs());
    if is_plain { value.to_string() } else { format!("{value:e}") }
}

/// 16-bit levels in the unit of the samples.
fn integer_scale(levels: Levels) -> String {
    let [black, white] = [levels.black, levels.white].map(|share| (share * FULL).round() as u32);
    if black == 0 && (white + 1).is_power_of_two() {
        return format!("{} of 16 bits (white = {white})", (white + 1).ilog2());
    }
    format!("16 bits from {black} (black) to {white} (white)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twelve_bits() -> ValueScale {
        ValueScale { u16: Levels { black: 0.0, white: 4095.0 / FULL }, ..ValueScale::default() }
    }

    fn of(samples: SampleType, values: &[f32]) -> Image {
        Image::from_fn(values.len(), 1, |x, _| [values[x]; 3]).with_sample_type(samples)
    }

    #[test]
    fn values_on_the_scale_are_not_copied() {
        let image = of(SampleType::U8, &[0.0, 0.5, 1.0]);
        assert!(matches!(twelve_bits().apply(&image), Cow::Borrowed(_)));
        let image = of(SampleType::F32, &[0.0, 0.5, 1.0]);
        assert!(matches!(ValueScale::default().apply(&image), Cow::Borrowed(_)));
    }

    #[test]
    fn scaling_twice_is_scaling_once() {
        let image = of(SampleType::U16, &[0.0, 2000.0 / FULL, 4095.0 / FULL, 0.5]);
        let once = twelve_bits().apply(&image).into_owned();
        assert_eq!(once.get(3, 0), [1.0; 3], "clipped");
        assert_eq!(twelve_bits().apply(&once).as_ref(), &once);
    }

    #[test]
    fn pixels_beyond_the_scale_are_counted() {
        let image = of(SampleType::U16, &[0.0, 4095.0 / FULL, 4096.0 / FULL, 1.0]);
        assert_eq!(twelve_bits().beyond(&image), 0.5);
        assert_eq!(ValueScale::default().beyond(&image), 0.0);
        let floats = of(SampleType::F32, &[-0.005, 1.005, 1.8, -2.0]);
        assert_eq!(ValueScale::default().beyond(&floats), 0.5);
        assert_eq!(ValueScale::default().beyond(&of(SampleType::U8, &[7.0])), 0.0, "fixed");
    }

    #[test]
    fn levels_out_of_range_are_refused() {
        let bad = |black, white| Levels { black, white };
        for levels in [bad(0.0, 0.0), bad(0.5, 0.2), bad(0.0, 1.5), bad(-0.1, 1.0), bad(f32::NAN, 1.0)] {
            let error = ValueScale { u16: levels, ..ValueScale::default() }.validate().unwrap_err();
            assert_eq!(error.name, "preprocess.scale.u16");
        }
        for levels in [bad(1.0, 1.0), bad(0.0, f32::INFINITY), bad(f32::MIN, f32::MAX), bad(0.0, 1e-40)] {
            let error = ValueScale { f32: levels, ..ValueScale::default() }.validate().unwrap_err();
            assert_eq!(error.name, "preprocess.scale.f32");
        }
        assert!(ValueScale { f32: bad(-40.0, 120.0), ..twelve_bits() }.validate().is_ok());
    }

    #[test]
    fn the_scale_is_told_in_the_samples_own_unit() {
        assert_eq!(ValueScale::default().to_string(), "full scale");
        let floats = ValueScale { f32: Levels { black: -1.0, white: 2.0 }, ..twelve_bits() };
        assert_eq!(floats.to_string(), "12 of 16 bits (white = 4095), floats from -1 (black) to 2 (white)");
        let told =
            |black, white| ValueScale { f32: Levels { black, white }, ..ValueScale::default() }.to_string();
        assert_eq!(told(0.0, 1e-6), "floats from 0 (black) to 1e-6 (white)");
        assert_eq!(told(-0.25, 3.0e9), "floats from -0.25 (black) to 3e9 (white)");
        assert_eq!(told(0.001, 999_999.0), "floats from 0.001 (black) to 999999 (white)");
        let part = ValueScale { u16: Levels { black: 0.25, white: 0.75 }, ..Default::default() };
        assert_eq!(part.to_string(), "16 bits from 16384 (black) to 49151 (white)");
    }
}
