//! A network's layers and parameters as data: names, shapes and initial values, no numbers.

use std::fmt::Display;

use anoseg_kernels::Activation;

/// Index of a parameter in its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterId(pub usize);

/// How a parameter's values are drawn before training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Normally distributed with mean 0 and this standard deviation.
    Normal(f32),
    /// The same value everywhere.
    Constant(f32),
}

/// A parameter of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// Dotted path, such as `encoder.stem.weight`; its name in a model file.
    pub name: String,
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Its values before training.
    pub init: Init,
    /// Whether it is trained by gradients; otherwise it is a running average.
    pub trained: bool,
}

impl ParameterSpec {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Collects the parameters of a network while its layers are described. Weights are drawn in the
/// order of the descriptions.
///
/// ```
/// use anoseg_infer::network::{Blueprint, Convolution};
///
/// let mut blueprint = Blueprint::default();
/// let layer = blueprint.at("encoder", |b| Convolution::normalised(b, "stem", [3, 8], 3));
/// assert_eq!(blueprint.parameters()[layer.weight.0].name, "encoder.stem.weight");
/// assert_eq!(blueprint.parameters()[layer.weight.0].shape, [8, 3, 3, 3]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Blueprint {
    path: Vec<String>,
    parameters: Vec<ParameterSpec>,
}

impl Blueprint {
    /// All parameters, in the order of their [`ParameterId`]s.
    pub fn parameters(&self) -> &[ParameterSpec] {
        &self.parameters
    }

    /// The parameters without the blueprint.
    pub fn into_parameters(self) -> Vec<ParameterSpec> {
        self.parameters
    }

    /// Describes a part of the network whose parameters' names begin with `name.`.
    pub fn at<T>(&mut self, name: impl Display, describe: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(name.to_string());
        let described = describe(self);
        self.path.pop();
        described
    }

    /// Adds a trained parameter.
    pub fn trained(&mut self, name: &str, shape: impl Into<Vec<usize>>, init: Init) -> ParameterId {
        self.add(name, shape.into(), init, true)
    }

    /// Adds a running average.
    pub fn average(&mut self, name: &str, shape: impl Into<Vec<usize>>, value: f32) -> ParameterId {
        self.add(name, shape.into(), Init::Constant(value), false)
    }

    fn add(&mut self, name: &str, shape: Vec<usize>, init: Init, trained: bool) -> ParameterId {
        let name = self.path.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(".");
        self.parameters.push(ParameterSpec { name, shape, init, trained });
        ParameterId(self.parameters.len() - 1)
    }
}

/// Which channels a convolution leads from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvolutionKind {
    /// From all inputs to all outputs; filters `[outputs, inputs, k, k]`.
    Plain,
    /// From each channel to itself; filters `[channels, 1, k, k]`.
    Depthwise,
    /// Transposed: filters `[inputs, outputs, k, k]`.
    Transposed,
}

/// The parameters after a convolution, one value per output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// A bias.
    Bias(ParameterId),
    /// Batch normalisation (Ioffe & Szegedy, 2015). While training, every channel is normalised by
    /// the batch. At inference it is normalised by running averages of the batches' moments, which
    /// are then folded into the filters.
    Normalisation {
        /// Factor.
        scale: ParameterId,
        /// Summand.
        shift: ParameterId,
        /// Running mean.
        mean: ParameterId,
        /// Running variance.
        variance: ParameterId,
    },
}

/// A convolution with zero padding, and what follows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// The filters.
    pub weight: ParameterId,
    /// Bias or normalisation.
    pub behind: Behind,
    /// Which channels it leads from and to.
    pub kind: ConvolutionKind,
    /// Shape of the filters.
    pub shape: [usize; 4],
    /// Pixels between two positions of a filter, on both axes.
    pub stride: usize,
    /// Rows and columns of zeros on every side.
    pub padding: usize,
    /// The activation after it.
    pub activation: Activation,
}

impl Convolution {
    /// Stride 1 and padding that keeps the size, `kernel` x `kernel` filters, batch normalisation
    /// and a ReLU.
    pub fn normalised(blueprint: &mut Blueprint, name: &str, channels: [usize; 2], kernel: usize) -> Self {
        Self::strided(blueprint, name, channels, kernel, [1, kernel / 2])
    }

    /// The same with another stride and padding.
    pub fn strided(
        blueprint: &mut Blueprint,
        name: &str,
        [inputs, outputs]: [usize; 2],
        kernel: usize,
        [stride, padding]: [usize; 2],
    ) -> Self {
        blueprint.at(name, |b| {
            let shape = [outputs, inputs, kernel, kernel];
            let weight = b.trained("weight", shape, keeping_variance(inputs * kernel * kernel));
            let behind = normalisation(b, outputs);
            let kind = ConvolutionKind::Plain;
            Self { weight, behind, kind, shape, stride, padding, activation: Activation::Relu }
        })
    }

    /// Transposed convolution with 4 x 4 filters that doubles the size, batch normalisation and a
    /// ReLU. Four taps meet in each result.
    pub fn doubling(blueprint: &mut Blueprint, name: &str, [inputs, outputs]: [usize; 2]) -> Self {
        blueprint.at(name, |b| {
            let shape = [inputs, outputs, 4, 4];
            let weight = b.trained("weight", shape, keeping_variance(inputs * 4));
            let behind = normalisation(b, outputs);
            let kind = ConvolutionKind::Transposed;
            Self { weight, behind, kind, shape, stride: 2, padding: 1, activation: Activation::Relu }
        })
    }

    /// A plain 3 x 3 convolution with a bias that starts at `level`: the last layer of a decoder.
    pub fn head(blueprint: &mut Blueprint, name: &str, [inputs, outputs]: [usize; 2], level: f32) -> Self {
        blueprint.at(name, |b| {
            let shape = [outputs, inputs, 3, 3];
            let weight = b.trained("weight", shape, keeping_variance(inputs * 9));
            let bias = b.trained("bias", [outputs], Init::Constant(level));
            let (kind, activation) = (ConvolutionKind::Plain, Activation::None);
            Self { weight, behind: Behind::Bias(bias), kind, shape, stride: 1, padding: 1, activation }
        })
    }

    /// The same without its activation.
    pub fn linear(self) -> Self {
        Self { activation: Activation::None, ..self }
    }

    /// Channels of the result.
    pub fn outputs(&self) -> usize {
        match self.kind {
            ConvolutionKind::Transposed => self.shape[1],
            _ => self.shape[0],
        }
    }
}

/// Initial weights that keep the signal's variance in sums of this many products.
pub fn keeping_variance(fan_in: usize) -> Init {
    Init::Normal((fan_in as f32).sqrt().recip())
}

fn normalisation(blueprint: &mut Blueprint, outputs: usize) -> Behind {
    Behind::Normalisation {
        scale: blueprint.trained("scale", [outputs], Init::Constant(1.0)),
        shift: blueprint.trained("shift", [outputs], Init::Constant(0.0)),
        mean: blueprint.average("mean", [outputs], 0.0),
        variance: blueprint.average("variance", [outputs], 1.0),
    }
}

/// Residual block: `relu(x + norm(conv(relu(norm(conv(x))))))`.
#[derive(Clone, Debug)]
pub struct Residual {
    first: Convolution,
    second: Convolution,
}

impl Residual {
    /// Two 3 x 3 convolutions on `channels` channels, under the name of the part that is described.
    pub fn new(blueprint: &mut Blueprint, channels: usize) -> Self {
        Self {
            first: Convolution::normalised(blueprint, "first", [channels; 2], 3),
            second: Convolution::normalised(blueprint, "second", [channels; 2], 3).linear(),
        }
    }

    /// Keeps the shape; `x` and the result are at least 0.
    pub fn forward<X: super::Executor>(&self, x: &mut X, input: &X::Value) -> X::Value {
        let y = x.convolution(&self.first, &[input]);
        let y = x.convolution(&self.second, &[&y]);
        x.add_relu(input, &y)
    }
}
