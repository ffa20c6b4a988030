//! Scores as integers.

/// A score that is not NaN as an integer whose *ascending* order is the scores' *descending* order.
///
/// Equal scores have equal ranks: -0 and +0 share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(pub(crate) u32);

const SIGN: u32 = 1 << 31;

impl Rank {
    pub(crate) fn of(score: f32) -> Self {
        // IEEE 754 floats of one sign order as their bits do; negative ones the other way round.
        let bits = (score + 0.0).to_bits();
        Self(if bits & SIGN == 0 { !(bits | SIGN) } else { bits })
    }

    pub(crate) fn score(self) -> f32 {
        f32::from_bits(if self.0 & SIGN == 0 { !self.0 & !SIGN } else { self.0 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_zeros_share_a_rank() {
        assert_eq!(Rank::of(-0.0), Rank::of(0.0));
    }

    proptest! {
        #[test]
        fn ranks_descend_with_scores(a in not_nan(), b in not_nan()) {
            prop_assert_eq!(Rank::of(a).cmp(&Rank::of(b)), b.partial_cmp(&a).unwrap());
            prop_assert_eq!(Rank::of(a).score(), a);
        }
    }

    fn not_nan() -> impl Strategy<Value = f32> {
        any::<f32>().prop_filter("not NaN", |value| !value.is_nan())
    }
}
