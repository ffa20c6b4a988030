//! A convolution of a trained network: its filters stay the same for many inputs.

use std::sync::Arc;

use crate::depthwise;
use crate::filters::{Filters, Roles};
use crate::finish::{Activation, Finish, Residual};
use crate::geometry::Geometry;
use crate::output::initialised;
use crate::passes::{Part, forward_into, transposed_into};
use crate::simd::Level;

/// How a convolution moves over its input, and the function behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerOptions {
    /// Pixels between two positions of a filter, on both axes; at least 1.
    pub stride: usize,
    /// Rows and columns of zeros on every side.
    pub padding: usize,
    /// The function behind the layer.
    pub activation: Activation,
}

/// One input of a layer: planes `[n, channels, h, w]`. An input of one image is joined to every image of the others.
#[derive(Clone, Copy, Debug)]
pub struct Planes<'a> {
    /// The values in row-major order.
    pub values: &'a [f32],
    /// Number of channels.
    pub channels: usize,
}

/// A layer whose filters are laid out for the inner loops once.
///
/// ```
/// use anoseg_kernels::{Activation, LayerOptions, Planes, PreparedConvolution};
///
/// // One 1 x 1 filter over two channels: a + 2 b + 0.5.
/// let options = LayerOptions { stride: 1, padding: 0, activation: Activation::Relu };
/// let layer = PreparedConvolution::new([1, 2, 1, 1], vec![1.0, 2.0], vec![0.5], options);
/// let mut y = [0.0; 2];
/// layer.forward(&[Planes { values: &[1.0, -9.0, 1.0, 1.0], channels: 2 }], [1, 2], None, &mut y);
/// assert_eq!(y, [3.5, 0.0]);
/// ```
#[derive(Clone, Debug)]
pub struct PreparedConvolution {
    kind: Kind,
    bias: Vec<f32>,
    options: LayerOptions,
}

#[derive(Clone, Debug)]
enum Kind {
    Plain(Arc<Filters<'static>>),
    Depthwise { weight: Arc<[f32]>, kernel: usize },
    Transposed { weight: Arc<[f32]>, shape: [usize; 3] },
}

impl PreparedConvolution {
    /// A convolution: filters `[outputs, inputs, kernel, kernel]` and a bias for each output.
    ///
    /// # Panics
    /// If the sizes do not fit each other or filters are not square.
    pub fn new(shape: [usize; 4], weight: Vec<f32>, bias: Vec<f32>, options: LayerOptions) -> Self {
        let [outputs, inputs, kernel, _] = checked(shape, &weight, options);
        assert_eq!(bias.len(), outputs, "one bias for each of {outputs} filters");
        let kind = Kind::Plain(Arc::new(Filters::kept(Level::current(), [outputs, inputs, kernel], weight)));
        Self { kind, bias, options }
    }

    /// A convolution in which every channel has one filter of its own: `[channels, 1, kernel, kernel]`.
    ///
    /// # Panics
    /// As [`PreparedConvolution::new`].
    pub fn depthwise(shape: [usize; 4], weight: Vec<f32>, bias: Vec<f32>, options: LayerOptions) -> Self {
        let [channels, one, kernel, _] = checked(shape, &weight, options);
        assert_eq!((bias.len(), one), (channels, 1), "one filter and one bias for each channel");
        Self { kind: Kind::Depthwise { weight: weight.into(), kernel }, bias, options }
    }

    /// A transposed convolution: filters `[inputs, outputs, kernel, kernel]` and a bias for each output.
    ///
    /// # Panics
    /// As [`PreparedConvolution::new`].
    pub fn transposed(shape: [usize; 4], weight: Vec<f32>, bias: Vec<f32>, options: LayerOptions) -> Self {
        let [inputs, outputs, kernel, _] = checked(shape, &weight, options);
        assert_eq!(bias.len(), outputs, "one bias for each of {outputs} filters");
        Self {
            kind: Kind::Transposed { weight: weight.into(), shape: [inputs, outputs, kernel] },
            bias,
            options,
        }
    }

    /// The same layer with a ReLU; None if it has an activation already. Both share their filters.
    pub fn with_relu(&self) -> Option<Self> {
        let options = LayerOptions { activation: Activation::Relu, ..self.options };
        (self.options.activation == Activation::None).then(|| Self { options, ..self.clone() })
    }

    /// Whether [`PreparedConvolution::forward`] takes a residual.
    pub fn takes_residual(&self) -> bool {
        matches!(self.kind, Kind::Plain(_))
    }

    /// Channels of the result.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Height and width of the result for an input of `size`; None where the filters do not fit into the padded input.
    pub fn output_size(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        self.geometry(size).map(|geometry| match self.kind {
            Kind::Transposed { .. } => geometry.size,
            _ => geometry.output_size(),
        })
    }

    /// The layer for `inputs` of height and width `size`, joined along the channels, into `y [n, outputs, h', w']`. A
    /// `residual` has the shape of `y`.
    ///
    /// # Panics
    /// If the sizes do not fit each other, or a transposed or depthwise layer is given several inputs or a residual.
    pub fn forward(
        &self,
        inputs: &[Planes<'_>],
        size: [usize; 2],
        residual: Option<Residual<'_>>,
        y: &mut [f32],
    ) {
        self.forward_with(inputs, size, None, residual, y);
    }

    /// [`PreparedConvolution::forward`] with another `bias [outputs]` than the layer's own.
    ///
    /// # Panics
    /// As [`PreparedConvolution::forward`].
    pub fn forward_with(
        &self,
        inputs: &[Planes<'_>],
        size: [usize; 2],
        bias: Option<&[f32]>,
        residual: Option<Residual<'_>>,
        y: &mut [f32],
    ) {
        let bias = bias.unwrap_or(&self.bias);
        assert_eq!(bias.len(), self.bias.len(), "one bias for each output");
        let geometry = self.geometry(size).expect("filters that fit into the padded input");
        let channels: usize = inputs.iter().map(|input| input.channels).sum();
        let finish = Finish { bias: Some(bias), activation: self.options.activation, residual };
        assert!(
            residual.is_none_or(|residual| residual.values.len() == y.len()),
            "a residual of the output's shape"
        );
        match &self.kind {
            Kind::Plain(filters) => {
                assert_eq!(channels, geometry.inputs, "as many channels as the filters have");
                let parts: Vec<Part<'_>> = inputs.iter().map(part).collect();
                forward_into(&geometry, &parts, filters, finish, initialised(y));
            }
            Kind::Depthwise { weight, .. } => {
                let [input] = inputs else { panic!("a depthwise layer has one input") };
                assert!(channels == geometry.inputs && residual.is_none(), "one filter for each channel");
                let level = Level::current();
                depthwise::forward_into(level, &geometry, input.values, weight, finish, initialised(y));
            }
            Kind::Transposed { weight, .. } => {
                let [input] = inputs else { panic!("a transposed layer has one input") };
                assert!(channels == geometry.outputs && residual.is_none(), "as many channels as filters");
                let filters = Filters::new(Level::current(), &geometry, weight, Roles::Exchanged);
                transposed_into(&geometry, input.values, &filters, finish, y);
            }
        }
    }

    /// Sizes for an input of `size`. Those of a transposed layer are of the convolution that leads from its outputs to
    /// its inputs.
    fn geometry(&self, size: [usize; 2]) -> Option<Geometry> {
        let LayerOptions { stride, padding, .. } = self.options;
        let fits = |kernel: usize| size.iter().all(|&size| size > 0 && size + 2 * padding >= kernel);
        let forward = |inputs, outputs, kernel| {
            fits(kernel).then_some(Geometry { inputs, outputs, size, kernel, stride, padding })
        };
        match self.kind {
            Kind::Plain(ref filters) => forward(filters.channels, filters.results, filters.kernel()),
            Kind::Depthwise { kernel, .. } => forward(self.bias.len(), self.bias.len(), kernel),
            Kind::Transposed { shape: [inputs, outputs, kernel], .. } => {
                let size = size.map(|size| (size.max(1) - 1) * stride + kernel);
                let inside = size.iter().all(|&size| size > 2 * padding);
                let size = size.map(|size| size.saturating_sub(2 * padding));
                inside.then_some(Geometry { inputs: outputs, outputs: inputs, size, kernel, stride, padding })
            }
        }
    }
}

fn part<'a>(planes: &Planes<'a>) -> Part<'a> {
    Part { values: planes.values, channels: planes.channels }
}

fn checked(shape: [usize; 4], weight: &[f32], options: LayerOptions) -> [usize; 4] {
    let [_, _, kernel, k2] = shape;
    assert!(kernel == k2 && kernel > 0 && options.stride > 0, "square filters and a stride of at least 1");
    assert_eq!(weight.len(), shape.iter().product::<usize>(), "as many values as {shape:?} has");
    shape
}
