//! Recording of a forward pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use anoseg_kernels::{LayerOptions, Pool, PreparedConvolution};

use super::byte_scale::ByteScale;
use super::execute::compute;
use super::program::{Context, Operand, Operation, Place, Program, Scalar, Step};
use super::{fuse, plan};
use crate::network::{Convolution, ConvolutionKind, Executor, MemoryBank, TrainedExecutor};
use crate::parameters::ParameterStore;

/// A value of the pass that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value(pub(super) usize);

/// A value's origin and shape.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) shape: [usize; 4],
    pub(super) origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Input,
    Constant(usize),
    /// The result of an entry.
    Entry,
}

/// An operator with the values that it takes and gives.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) operation: Operation,
    pub(super) inputs: Vec<Value>,
    pub(super) output: Value,
}

/// Records the forward pass of a network for one input shape.
///
/// ```
/// use std::collections::BTreeMap;
/// use anoseg_infer::network::{Blueprint, Convolution, Executor};
/// use anoseg_infer::parameters::{ParameterData, ParameterStore};
/// use anoseg_infer::runtime::Recorder;
///
/// let mut blueprint = Blueprint::default();
/// let layer = Convolution::head(&mut blueprint, "head", [1, 1], 0.0);
/// let weight = ParameterData { shape: vec![1, 1, 3, 3], values: vec![1.0; 9] };
/// let bias = ParameterData { shape: vec![1], values: vec![0.5] };
/// let tensors = BTreeMap::from([("head.weight".into(), weight), ("head.bias".into(), bias)]);
/// let parameters = ParameterStore::import(&tensors, blueprint.parameters()).unwrap();
///
/// let (mut recorder, image) = Recorder::new([1, 1, 2, 2]);
/// recorder.use_parameters(&parameters);
/// let y = recorder.convolution(&layer, &[&image]);
/// let program = recorder.finish(&[y]);
/// assert_eq!(program.run(&[1.0, 2.0, 3.0, 4.0], &[])[0], [10.5; 4]);
/// ```
pub struct Recorder<'p> {
    parameters: Option<&'p ParameterStore>,
    /// Prepared layers of the present parameters by their filters, so that a layer that is used
    /// twice is prepared once.
    layers: BTreeMap<usize, Arc<PreparedConvolution>>,
    input: [usize; 4],
    /// Whether the images are windows, whose coordinates are known when the program runs.
    windowed: bool,
    values: Vec<Recorded>,
    entries: Vec<Entry>,
    constants: Vec<Vec<f32>>,
}

impl<'p> Recorder<'p> {
    /// A recorder for inputs of `shape [n, channels, h, w]`, and the input.
    pub fn new(shape: [usize; 4]) -> (Self, Value) {
        let values = vec![Recorded { shape, origin: Origin::Input }];
        let (layers, entries, constants) = (BTreeMap::new(), Vec::new(), Vec::new());
        (
            Self { parameters: None, layers, input: shape, windowed: false, values, entries, constants },
            Value(0),
        )
    }

    /// As [`Recorder::new`] for images that are windows of larger ones
    /// ([`Program::run_windows`]): coordinates are those in the larger image.
    pub fn windowed(shape: [usize; 4]) -> (Self, Value) {
        let (recorder, input) = Self::new(shape);
        (Self { windowed: true, ..recorder }, input)
    }

    /// The layers that follow have their parameters in this store.
    pub fn use_parameters(&mut self, parameters: &'p ParameterStore) {
        self.parameters = Some(parameters);
        self.layers.clear();
    }

    /// The program that computes `outputs`.
    pub fn finish(mut self, outputs: &[Value]) -> Program {
        fuse::fuse(&mut self.entries, outputs);
        plan::plan(self.input, &self.values, self.entries, self.constants, outputs)
    }

    fn shape(&self, value: &Value) -> [usize; 4] {
        self.values[value.0].shape
    }

    /// Adds an operator; one on constants is computed at once.
    fn push(&mut self, operation: Operation, inputs: &[Value], shape: [usize; 4]) -> Value {
        let constants: Option<Vec<usize>> = inputs
            .iter()
            .map(|input| match self.values[input.0].origin {
                Origin::Constant(number) => Some(number),
                _ => None,
            })
            .collect();
        let output = Value(self.values.len());
        let varies = matches!(operation, Operation::Coordinates(_));
        if let Some(constants) = constants.filter(|_| !varies) {
            let operand = |shape, number| Operand { place: Place::Constant(number), shape };
            let inputs =
                inputs.iter().zip(&constants).map(|(input, &number)| operand(self.shape(input), number));
            let step = Step { operation, inputs: inputs.collect(), output: operand(shape, 0) };
            let mut y = vec![0.0; shape.iter().product()];
            let x: Vec<&[f32]> = constants.iter().map(|&number| &self.constants[number][..]).collect();
            compute(&step, &x, Context::default(), &mut y);
            return self.constant(y, shape);
        }
        self.values.push(Recorded { shape, origin: Origin::Entry });
        self.entries.push(Entry { operation, inputs: inputs.to_vec(), output });
        output
    }

    fn constant(&mut self, values: Vec<f32>, shape: [usize; 4]) -> Value {
        self.constants.push(values);
        self.values.push(Recorded { shape, origin: Origin::Constant(self.constants.len() - 1) });
        Value(self.values.len() - 1)
    }

    /// The value at all positions of `size`.
    fn expanded(&mut self, x: Value, size: [usize; 2]) -> Value {
        let [n, channels, ..] = self.shape(&x);
        if self.size(&x) == size {
            x
        } else {
            self.push(Operation::Expand, &[x], [n, channels, size[0], size[1]])
        }
    }

    /// The layer of these parameters, laid out.
    fn prepared(&mut self, layer: &Convolution) -> Arc<PreparedConvolution> {
        if let Some(known) = self.layers.get(&layer.weight.0) {
            return known.clone();
        }
        let prepared = Arc::new(laid_out(layer, self.folded(layer)));
        self.layers.insert(layer.weight.0, prepared.clone());
        prepared
    }

    /// As [`Executor::convolution`], with these filters of the layer's shape and this bias in place of those
    /// of the parameters.
    ///
    /// # Panics
    /// If filters or bias have another number of values.
    pub fn convolution_of(
        &mut self,
        layer: &Convolution,
        (filters, bias): (Vec<f32>, Vec<f32>),
        inputs: &[Value],
    ) -> Value {
        self.convolve(layer.kind, Arc::new(laid_out(layer, (filters, bias))), inputs.to_vec())
    }

    /// Each value rounded to the nearest that a byte stands for.
    pub fn rounded(&mut self, x: &Value, scale: ByteScale) -> Value {
        self.elementwise(Operation::Round(scale), &[x])
    }

    fn convolve(
        &mut self,
        kind: ConvolutionKind,
        layer: Arc<PreparedConvolution>,
        inputs: Vec<Value>,
    ) -> Value {
        let size = self.size(&inputs[0]);
        let images = inputs.iter().map(|input| self.shape(input)[0]).max().unwrap_or(1);
        let inputs: Vec<Value> = inputs.into_iter().map(|input| self.expanded(input, size)).collect();
        let [h, w] = layer.output_size(size).expect("a size that the network takes");
        let shape = [images, layer.outputs(), h, w];
        let several = kind != ConvolutionKind::Plain && inputs.len() > 1;
        let inputs = if several { vec![self.join(&inputs.iter().collect::<Vec<_>>())] } else { inputs };
        let operation = Operation::Convolution { layer, dynamic_bias: false, residual: None };
        self.push(operation, &inputs, shape)
    }

    /// Filters and bias; normalisation by the running averages is part of them.
    fn folded(&self, layer: &Convolution) -> (Vec<f32>, Vec<f32>) {
        layer.folded(self.parameters.expect("parameters are set before layers are recorded"))
    }

    /// A layer of 1 x 1 filters over `inputs` and `uniform`, whose share in the sums is the same at
    /// all positions: a bias for this image.
    fn with_uniform_input(&mut self, layer: &Convolution, inputs: &[Value], uniform: Value) -> Value {
        let (weight, bias) = self.folded(layer);
        let [outputs, channels, ..] = layer.shape;
        let own = channels - self.shape(&uniform)[1];
        let part = |range: std::ops::Range<usize>| -> Vec<f32> {
            weight.chunks_exact(channels).flat_map(|filter| filter[range.clone()].iter().copied()).collect()
        };
        let linear = LayerOptions { stride: 1, padding: 0, activation: anoseg_kernels::Activation::None };
        let side =
            PreparedConvolution::new([outputs, channels - own, 1, 1], part(own..channels), bias, linear);
        let operation = Operation::Convolution { layer: Arc::new(side), dynamic_bias: false, residual: None };
        let bias = self.push(operation, &[uniform], [1, outputs, 1, 1]);
        let options = LayerOptions { activation: layer.activation, ..linear };
        let main = PreparedConvolution::new([outputs, own, 1, 1], part(0..own), vec![0.0; outputs], options);
        let operation = Operation::Convolution { layer: Arc::new(main), dynamic_bias: true, residual: None };
        let [h, w] = self.size(&inputs[0]);
        let operands: Vec<Value> = inputs.iter().copied().chain([bias]).collect();
        self.push(operation, &operands, [1, outputs, h, w])
    }

    fn elementwise(&mut self, operation: Operation, inputs: &[&Value]) -> Value {
        let shape = self.shape(inputs[0]);
        let inputs: Vec<Value> = inputs.iter().map(|input| **input).collect();
        self.push(operation, &inputs, shape)
    }
}

/// The layer with these filters and this bias, laid out.
fn laid_out(layer: &Convolution, (filters, bias): (Vec<f32>, Vec<f32>)) -> PreparedConvolution {
    let options = LayerOptions { stride: layer.stride, padding: layer.padding, activation: layer.activation };
    let prepare = match layer.kind {
        ConvolutionKind::Plain => PreparedConvolution::new,
        ConvolutionKind::Depthwise => PreparedConvolution::depthwise,
        ConvolutionKind::Transposed => PreparedConvolution::transposed,
    };
    prepare(layer.shape, filters, bias, options)
}

impl<'p> TrainedExecutor<'p> for Recorder<'p> {
    fn use_parameters(&mut self, parameters: &'p ParameterStore) {
        Recorder::use_parameters(self, parameters);
    }
}

impl Executor for Recorder<'_> {
    type Value = Value;

    fn size(&self, x: &Value) -> [usize; 2] {
        let [_, _, h, w] = self.shape(x);
        [h, w]
    }

    fn convolution(&mut self, layer: &Convolution, inputs: &[&Value]) -> Value {
        let inputs: Vec<Value> = inputs.iter().map(|input| **input).collect();
        let size = self.size(&inputs[0]);
        let images = inputs.iter().map(|input| self.shape(input)[0]).max().unwrap_or(1);
        if let [others @ .., last] = &inputs[..] {
            let uniform = self.size(last) == [1, 1] && size != [1, 1] && !others.is_empty();
            if uniform && images == 1 && layer.shape[2..] == [1, 1] && layer.stride == 1 {
                return self.with_uniform_input(layer, others, *last);
            }
        }
        let prepared = self.prepared(layer);
        self.convolve(layer.kind, prepared, inputs)
    }

    fn coordinates(&mut self, [h, w]: [usize; 2]) -> Value {
        if self.windowed {
            let [n, _, height, _] = self.input;
            return self.push(Operation::Coordinates(height / h.max(1)), &[], [n, 2, h, w]);
        }
        let scaled =
            |i: usize, len: usize| if len > 1 { 2.0 * i as f32 / (len - 1) as f32 - 1.0 } else { 0.0 };
        let rows = (0..h).flat_map(|i| std::iter::repeat_n(scaled(i, h), w));
        let columns = (0..h).flat_map(|_| (0..w).map(|i| scaled(i, w)));
        self.constant(rows.chain(columns).collect(), [1, 2, h, w])
    }

    fn add_scalar(&mut self, x: &Value, summand: f32) -> Value {
        self.elementwise(Operation::Scalars(vec![Scalar::Add(summand)]), &[x])
    }

    fn multiply_scalar(&mut self, x: &Value, factor: f32) -> Value {
        self.elementwise(Operation::Scalars(vec![Scalar::Multiply(factor)]), &[x])
    }

    fn standardise(&mut self, x: &Value, mean: &[f32], deviation: &[f32]) -> Value {
        let (mean, deviation) = (mean.to_vec(), deviation.to_vec());
        self.elementwise(Operation::Standardise { mean, deviation }, &[x])
    }

    fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.elementwise(Operation::Add, &[a, b])
    }

    fn multiply(&mut self, a: &Value, b: &Value) -> Value {
        self.elementwise(Operation::Multiply, &[a, b])
    }

    fn add_relu(&mut self, a: &Value, b: &Value) -> Value {
        self.elementwise(Operation::AddRelu, &[a, b])
    }

    fn average_pool(&mut self, x: &Value, pool: Pool) -> Value {
        let ([n, channels, ..], [h, w]) = (self.shape(x), pool.output_size(self.size(x)));
        self.push(Operation::AveragePool(pool), &[*x], [n, channels, h, w])
    }

    fn max_pool(&mut self, x: &Value, pool: Pool) -> Value {
        let ([n, channels, ..], [h, w]) = (self.shape(x), pool.output_size(self.size(x)));
        self.push(Operation::MaxPool(pool), &[*x], [n, channels, h, w])
    }

    fn double(&mut self, x: &Value) -> Value {
        let [n, channels, h, w] = self.shape(x);
        self.push(Operation::Double, &[*x], [n, channels, 2 * h, 2 * w])
    }

    fn space_to_depth(&mut self, x: &Value, block: usize) -> Value {
        let [n, channels, h, w] = self.shape(x);
        let shape = [n, channels * block * block, h / block, w / block];
        self.push(Operation::SpaceToDepth(block), &[*x], shape)
    }

    fn depth_to_space(&mut self, x: &Value, block: usize) -> Value {
        let [n, channels, h, w] = self.shape(x);
        let shape = [n, channels / (block * block), h * block, w * block];
        self.push(Operation::DepthToSpace(block), &[*x], shape)
    }

    fn join(&mut self, values: &[&Value]) -> Value {
        let shapes: Vec<[usize; 4]> = values.iter().map(|value| self.shape(value)).collect();
        let images = shapes.iter().map(|shape| shape[0]).max().unwrap_or(1);
        let channels = shapes.iter().map(|shape| shape[1]).sum();
        let [_, _, h, w] = shapes[0];
        let values: Vec<Value> = values.iter().map(|value| **value).collect();
        self.push(Operation::Join, &values, [images, channels, h, w])
    }

    fn moments(&mut self, x: &Value) -> Value {
        let [n, channels, ..] = self.shape(x);
        self.push(Operation::Moments, &[*x], [n, 2 * channels, 1, 1])
    }

    fn nearest_distance(&mut self, x: &Value, bank: &MemoryBank) -> Value {
        let [n, _, h, w] = self.shape(x);
        self.push(Operation::Nearest(bank.clone()), &[*x], [n, 1, h, w])
    }

    fn sigmoid(&mut self, x: &Value) -> Value {
        self.elementwise(Operation::Sigmoid, &[x])
    }

    fn leaky_relu(&mut self, x: &Value, slope: f32) -> Value {
        self.elementwise(Operation::LeakyRelu(slope), &[x])
    }

    fn zeros_like(&mut self, x: &Value) -> Value {
        let shape = self.shape(x);
        self.constant(vec![0.0; shape.iter().product()], shape)
    }

    fn mean_squared_difference(&mut self, a: &Value, b: &Value) -> Value {
        let [n, ..] = self.shape(a);
        self.push(Operation::MeanSquaredDifference, &[*a, *b], [n, 1, 1, 1])
    }
}
