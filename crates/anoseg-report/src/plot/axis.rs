//! Axes: from values to positions, and round tick marks.

use crate::format::{minus_sign, superscript};

/// Values beyond this are treated as this, so that no range overflows.
const LARGEST: f64 = 1e300;

/// Nearest to 0 and to 1 that a stretched axis tells apart.
const NEAREST: f64 = 1e-6;

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Spacing {
    Linear,
    Logarithmic,
    /// By `ln(v / (1 - v))`: both ends of 0..=1 stretched.
    Stretched,
}

impl Spacing {
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic => value.ln(),
            Self::Stretched => {
                let value = value.clamp(NEAREST, 1.0 - NEAREST);
                (value / (1.0 - value)).ln()
            }
        }
    }

    fn value(self, place: f64) -> f64 {
        match self {
            Self::Linear => place,
            Self::Logarithmic => place.exp(),
            Self::Stretched => 1.0 / (1.0 + (-place).exp()),
        }
    }
}

/// The range of one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    spacing: Spacing,
}

/// A tick mark: where, as a part (0..=1) of the axis, and its label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) label: String,
}

impl Axis {
    /// A linear axis from `low` to `high`; widened when the two (nearly) coincide, 0..=1 when they
    /// are no numbers.
    pub(crate) fn linear(low: f64, high: f64) -> Self {
        if low.is_nan() || high.is_nan() {
            return Self { low: 0.0, high: 1.0, spacing: Spacing::Linear };
        }
        let (low, high) = (low.min(high).clamp(-LARGEST, LARGEST), low.max(high).clamp(-LARGEST, LARGEST));
        let size = low.abs().max(high.abs());
        let (low, high) = if size == 0.0 {
            (0.0, 1.0)
        } else if high - low < size * 1e-6 {
            (low - 0.1 * size, high + 0.1 * size)
        } else {
            (low, high)
        };
        Self { low, high, spacing: Spacing::Linear }
    }

    /// A linear axis that holds all finite `values` and ends on round numbers.
    pub(crate) fn covering(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = extent(values);
        let exact = Self::linear(low, high);
        let step = round_step((exact.high - exact.low) / 5.0);
        Self::linear((exact.low / step + 1e-9).floor() * step, (exact.high / step - 1e-9).ceil() * step)
    }

    /// A logarithmic axis from just below the smallest to just above the largest value; needs
    /// positive values.
    pub(crate) fn logarithmic(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = extent(values.into_iter().filter(|&v| v > 0.0));
        if low.is_nan() {
            return Self { low: 0.1, high: 1.0, spacing: Spacing::Logarithmic };
        }
        Self {
            low: low.clamp(1e-300, LARGEST) / 1.1,
            high: high.clamp(1e-300, LARGEST) * 1.1,
            spacing: Spacing::Logarithmic,
        }
    }

    /// An axis for shares (0..=1) from `low` to `high` that stretches both ends of 0..=1, where
    /// single steps could not be told apart otherwise.
    pub(crate) fn spread(low: f64, high: f64) -> Self {
        let inside = |v: f64| v.clamp(NEAREST, 1.0 - NEAREST);
        Self { spacing: Spacing::Stretched, ..Self::linear(inside(low), inside(high)) }
    }

    /// The axis with `room`, a part of its length, added at both ends.
    pub(crate) fn padded(&self, room: f64) -> Self {
        let (low, high) = (self.spacing.place(self.low), self.spacing.place(self.high));
        let room = room * (high - low);
        Self { low: self.spacing.value(low - room), high: self.spacing.value(high + room), ..*self }
    }

    /// Whether both ends are stretched.
    pub(crate) fn is_stretched(&self) -> bool {
        self.spacing == Spacing::Stretched
    }

    /// The value at a part (0..=1) of the axis.
    pub(crate) fn value_at(&self, part: f64) -> f64 {
        let (low, high) = (self.spacing.place(self.low), self.spacing.place(self.high));
        self.spacing.value(low + part * (high - low))
    }

    /// Where `value` lies: 0 = low end, 1 = high end; values outside, and NaN, are put on the ends.
    pub(crate) fn position(&self, value: f64) -> f64 {
        let [value, low, high] = [value, self.low, self.high].map(|v| self.spacing.place(v));
        let part = (value - low) / (high - low);
        if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) }
    }

    /// About `count` round tick marks, lowest first.
    pub(crate) fn ticks(&self, count: usize) -> Vec<Tick> {
        let mut ticks = match self.spacing {
            Spacing::Linear => self.linear_ticks(count.max(1)),
            Spacing::Logarithmic => self.log_ticks(),
            Spacing::Stretched => self.stretched_ticks(count),
        };
        // Steps below the precision of a number give the same label again.
        ticks.dedup_by(|tick, before| tick.label == before.label);
        ticks
    }

    /// Tick marks at whole numbers only, for counts.
    pub(crate) fn whole_ticks(&self, count: usize) -> Vec<Tick> {
        let step = round_step((self.high - self.low) / count.max(1) as f64).max(1.0);
        self.ticks_every(step)
    }

    fn linear_ticks(&self, count: usize) -> Vec<Tick> {
        self.ticks_every(round_step((self.high - self.low) / count as f64))
    }

    fn ticks_every(&self, step: f64) -> Vec<Tick> {
        let first = (self.low / step - 1e-6).ceil();
        let last = (self.high / step + 1e-6).floor();
        (0..=20)
            .map(|i| first + f64::from(i))
            .take_while(|&i| i <= last)
            .map(|i| Tick { at: self.position(i * step), label: tick_label(i * step, step) })
            .collect()
    }

    /// Powers of ten; with fewer than three on the axis also their doubles and fivefolds.
    fn log_ticks(&self) -> Vec<Tick> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let every = ((last - first) / 6).max(1) as usize;
        let inside = |value: &f64| (self.low..=self.high).contains(value);
        let powers: Vec<f64> = (first..=last).step_by(every).map(|e| 10f64.powi(e)).filter(inside).collect();
        let values = if powers.len() >= 3 {
            powers
        } else {
            (first..=last).flat_map(|e| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(e))).filter(inside).collect()
        };
        values.into_iter().map(|v| Tick { at: self.position(v), label: log_label(v) }).collect()
    }

    /// One half, and on both sides powers of ten away from the ends: only every so many, for about
    /// `count` marks, or with their doubles and fivefolds where there are few.
    fn stretched_ticks(&self, count: usize) -> Vec<Tick> {
        let inside = |value: &f64| (self.low..=self.high).contains(value);
        let from_ends = |exponent: i32, mantissa: f64| {
            let away = mantissa * 10f64.powi(-exponent);
            let decimals = exponent as usize;
            [(away, log_label(away)), (1.0 - away, format!("{:.decimals$}", 1.0 - away))]
        };
        let marks = |mantissas: &[f64], every: usize| -> Vec<(f64, String)> {
            let exponents = (1..7).step_by(every);
            let ends = exponents.flat_map(|e| mantissas.iter().flat_map(move |&m| from_ends(e, m)));
            ends.chain([(0.5, "0.5".to_owned())]).filter(|(value, _)| inside(value)).collect()
        };
        let powers = marks(&[1.0], 1);
        let mut chosen = match powers.len() {
            0..4 => marks(&[1.0, 2.0, 5.0], 1),
            few if few <= count + 2 => powers,
            many => marks(&[1.0], many.div_ceil(count.max(1))),
        };
        chosen.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Five tenths from either end are one half.
        chosen.dedup_by_key(|mark| mark.0);
        chosen.into_iter().map(|(value, label)| Tick { at: self.position(value), label }).collect()
    }
}

/// Smallest and largest of the finite values; NaN without any.
fn extent(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|v| v.is_finite());
    finite.fold((f64::NAN, f64::NAN), |(low, high), v| (v.min(low), v.max(high)))
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `step`.
fn round_step(step: f64) -> f64 {
    if !(step > 0.0 && step.is_finite()) {
        return 1.0;
    }
    let power = 10f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|m| m * power).find(|&s| s >= step * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// A tick's value with the decimals its step needs.
fn tick_label(value: f64, step: f64) -> String {
    if value.abs() < step * 1e-6 {
        return "0".to_owned();
    }
    let exponent = (step.log10() + 1e-9).floor();
    let figures = (value.abs().log10().floor() - exponent).clamp(2.0, 17.0) as usize;
    let small = exponent < -4.0 && value.abs() < 1e-3;
    let text = if small || value.abs() >= 1e6 {
        format!("{value:.figures$e}")
    } else if step >= 1000.0 {
        format!("{}k", (value / 1000.0).round())
    } else {
        format!("{value:.*}", (-exponent).max(0.0) as usize)
    };
    minus_sign(text)
}

fn log_label(value: f64) -> String {
    let exponent = value.log10();
    let whole = (exponent - exponent.round()).abs() < 1e-9;
    if (0.0099..1001.0).contains(&value) {
        format!("{}", (value * 1e6).round() / 1e6)
    } else if whole {
        format!("10{}", superscript(exponent.round() as i32))
    } else {
        minus_sign(format!("{value:.0e}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(ticks: Vec<Tick>) -> Vec<String> {
        ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            labels(Axis::linear(0.0, 1.0).ticks(5)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"].map(|l| l.replace("0.0", "0"))
        );
        assert_eq!(labels(Axis::linear(0.0, 0.3).ticks(3)), ["0", "0.1", "0.2", "0.3"]);
        assert_eq!(labels(Axis::linear(-10.0, 12.0).ticks(5)), ["−10", "−5", "0", "5", "10"]);
        assert_eq!(labels(Axis::linear(0.0, 20_000.0).ticks(4)), ["0", "5k", "10k", "15k", "20k"]);
        assert_eq!(labels(Axis::linear(0.0, 3.0).whole_ticks(8)), ["0", "1", "2", "3"]);
    }

    /// Five ticks once all read `1.00e0`.
    #[test]
    fn ticks_near_one_differ() {
        let near_one = labels(Axis::linear(0.999_992, 0.999_996).ticks(4));
        assert_eq!(near_one, ["0.999992", "0.999993", "0.999994", "0.999995", "0.999996"]);
        let large = labels(Axis::linear(1e6, 1e6 + 4.0).ticks(4));
        assert_eq!(large[1], "1.000001e6");
        assert_eq!(labels(Axis::linear(0.0, 4e-6).ticks(2)), ["0", "2.00e−6", "4.00e−6"]);
    }

    #[test]
    fn log_ticks_are_powers_or_their_parts() {
        assert_eq!(labels(Axis::logarithmic([0.001, 10.0]).ticks(5)), ["10⁻³", "0.01", "0.1", "1", "10"]);
        assert_eq!(labels(Axis::logarithmic([0.12, 0.6]).ticks(5)), ["0.2", "0.5"]);
        assert_eq!(Axis::logarithmic([]).position(f64::NAN), 0.0);
    }

    #[test]
    fn a_covering_axis_ends_on_round_numbers() {
        let axis = Axis::covering([0.13, 0.87, f64::NAN, f64::INFINITY]);
        assert!((axis.low - 0.0).abs() < 1e-12 && (axis.high - 1.0).abs() < 1e-12, "{axis:?}");
    }

    #[test]
    fn a_stretched_axis_tells_the_ends_apart() {
        let axis = Axis::spread(0.0004, 0.9996);
        assert_eq!(labels(axis.ticks(7)), ["10⁻³", "0.01", "0.1", "0.5", "0.9", "0.99", "0.999"]);
        assert_eq!(labels(Axis::spread(0.045, 0.65).ticks(7)), ["0.05", "0.1", "0.2", "0.5"]);
        assert_eq!(labels(Axis::spread(0.0, 1.0).ticks(7)).len(), 7);
        assert!((axis.position(0.5) - 0.5).abs() < 1e-12, "it is symmetric");
        assert!(axis.position(0.002) - axis.position(0.001) > 0.03);
        assert!((axis.value_at(axis.position(0.03)) - 0.03).abs() < 1e-12);
        assert_eq!((axis.position(0.0), axis.position(1.0)), (0.0, 1.0));
    }

    #[test]
    fn padding_adds_room_at_both_ends() {
        let axis = Axis::linear(0.0, 1.0).padded(0.02);
        assert!((axis.low + 0.02).abs() < 1e-12 && (axis.high - 1.02).abs() < 1e-12);
        let axis = Axis::spread(0.001, 0.999).padded(0.02);
        assert!(axis.low < 0.001 && axis.low > 0.0 && axis.high > 0.999 && axis.high < 1.0);
    }

    proptest! {
        #[test]
        fn any_range_gives_few_ordered_ticks(low in prop::num::f64::ANY, high in prop::num::f64::ANY, count in 0usize..12) {
            let axes = [
                Axis::linear(low, high),
                Axis::covering([low, high]),
                Axis::logarithmic([low, high]),
                Axis::spread(low, high).padded(0.02),
            ];
            for axis in axes {
                let ticks = axis.ticks(count);
                prop_assert!(ticks.len() <= 21);
                prop_assert!(ticks.iter().all(|t| (0.0..=1.0).contains(&t.at)));
                prop_assert!(ticks.windows(2).all(|pair| pair[0].at <= pair[1].at));
                prop_assert!(ticks.windows(2).all(|pair| pair[0].label != pair[1].label), "{ticks:?}");
                prop_assert!((0.0..=1.0).contains(&axis.position(low)));
            }
        }
    }
}
