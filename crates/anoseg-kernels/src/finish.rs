//! What is done to the sums of a convolution before they are stored.

use std::mem::MaybeUninit;

/// The function behind a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// The identity.
    #[default]
    None,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
}

impl Activation {
    /// Written so that what is not a number stays so.
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        match self {
            Self::None => x,
            Self::Relu => relu(x),
            Self::Relu6 => relu6(x),
        }
    }
}

#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn relu6(x: f32) -> f32 {
    let x = relu(x);
    if x > 6.0 { 6.0 } else { x }
}

/// Numbers of the output's shape that are added to it: where a skip connection ends.
#[derive(Clone, Copy, Debug)]
pub struct Residual<'a> {
    /// `[n, channels, h, w]`
    pub values: &'a [f32],
    /// Whether they are added before the activation; else behind it.
    pub before_activation: bool,
}

/// Bias, activation and residual of one call.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a> {
    /// Added, one number per channel.
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) activation: Activation,
    pub(crate) residual: Option<Residual<'a>>,
}

impl<'a> Finish<'a> {
    /// Bias and, with `relu`, a ReLU.
    #[cfg(feature = "burn")]
    pub(crate) fn new(bias: Option<&'a [f32]>, relu: bool) -> Self {
        let activation = if relu { Activation::Relu } else { Activation::None };
        Self { bias, activation, residual: None }
    }

    /// The residual of `count` outputs from number `first` on.
    pub(crate) fn residual_at(&self, first: usize, count: usize) -> Option<&'a [f32]> {
        self.residual.map(|residual| &residual.values[first..][..count])
    }

    /// `source`, finished, to `target`; `residual` has as many numbers as `target`.
    #[inline(always)]
    pub(crate) fn write(
        &self,
        channel: usize,
        source: &[f32],
        residual: Option<&[f32]>,
        target: &mut [MaybeUninit<f32>],
    ) {
        let bias = self.bias.map_or(0.0, |bias| bias[channel]);
        let before = self.residual.is_some_and(|residual| residual.before_activation);
        // One loop for each activation: the compiler does not take the choice out of the loop reliably.
        match (residual, self.activation) {
            (None, Activation::None) => {
                for (to, from) in target.iter_mut().zip(source) {
                    to.write(from + bias);
                }
            }
            (None, Activation::Relu) => {
                for (to, from) in target.iter_mut().zip(source) {
                    to.write(relu(from + bias));
                }
            }
            (None, Activation::Relu6) => {
                for (to, from) in target.iter_mut().zip(source) {
                    to.write(relu6(from + bias));
                }
            }
            (Some(residual), Activation::Relu) if before => {
                for ((to, from), add) in target.iter_mut().zip(source).zip(residual) {
                    to.write(relu(from + bias + add));
                }
            }
            (Some(residual), activation) => {
                for ((to, from), add) in target.iter_mut().zip(source).zip(residual) {
                    let sum = from + bias;
                    to.write(if before { activation.of(sum + add) } else { activation.of(sum) + add });
                }
            }
        }
    }

    /// The same in place, without a residual.
    pub(crate) fn apply(&self, channel: usize, plane: &mut [f32]) {
        let bias = self.bias.map_or(0.0, |bias| bias[channel]);
        if self.bias.is_some() || self.activation != Activation::None {
            plane.iter_mut().for_each(|value| *value = self.activation.of(*value + bias));
        }
    }
}
