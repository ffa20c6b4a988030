//! The executor that writes a network's forward pass as a graph.

use std::collections::BTreeMap;

use anoseg_infer::Window;
use anoseg_infer::network::{Convolution, ConvolutionKind, Executor, MemoryBank, TrainedExecutor};
use anoseg_infer::parameters::ParameterStore;
use anoseg_kernels::{Activation, EPSILON, Pool};

use crate::coordinates;
use crate::graph::{Graph, Name, float, integer, integers, text};
use crate::proto::AttributeProto;

/// Distances are taken to so many vectors of a memory bank at a time, so that an engine does not hold those
/// to all of them: at stride 4 that would be gigabytes.
const VECTORS: usize = 256;

/// Where a window lies in the whole image: `[n, 4]` or `[1, 4]`, x, y, width and height.
pub(crate) struct WindowInput {
    /// The value.
    pub(crate) name: Name,
    /// Whether it is the same for all images.
    pub(crate) single: bool,
}

/// A value of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) name: Name,
    channels: usize,
    /// Height and width; those of the usual input where sizes are open.
    size: [usize; 2],
    /// Whether one image stands for the whole batch.
    single: bool,
}

/// Writes a graph of the operators that it is asked for.
pub(crate) struct OnnxGraph<'p> {
    pub(crate) graph: Graph,
    parameters: Option<&'p ParameterStore>,
    /// Filters and bias of the present parameters' layers by their filters.
    layers: BTreeMap<usize, [Name; 2]>,
    input: Value,
    window: Option<WindowInput>,
    /// The shape `[n, 1, 1, 1]`, by which a single image is repeated.
    batch: Option<Name>,
}

impl OnnxGraph<'_> {
    /// Writes to `graph`. `input [n, channels, h, w]` is the network's, which has the size `size`. Images are
    /// parts of larger ones where there is a `window`.
    pub(crate) fn new(
        graph: Graph,
        (input, channels, size): (&str, usize, [usize; 2]),
        window: Option<WindowInput>,
    ) -> (Self, Value) {
        let input = Value { name: input.to_owned(), channels, size, single: false };
        let (layers, value) = (BTreeMap::new(), input.clone());
        (Self { graph, parameters: None, layers, input, window, batch: None }, value)
    }

    fn op(&mut self, operator: &str, inputs: &[&Value], attributes: Vec<AttributeProto>) -> Name {
        let names: Vec<&str> = inputs.iter().map(|input| &*input.name).collect();
        self.graph.op(operator, &names, attributes)
    }

    /// An operator whose result has the shape of the first input.
    fn same(&mut self, operator: &str, inputs: &[&Value], attributes: Vec<AttributeProto>) -> Value {
        let single = inputs.iter().all(|input| input.single);
        Value { name: self.op(operator, inputs, attributes), single, ..inputs[0].clone() }
    }

    /// An operator on a value and one constant for each channel.
    fn by_channel(&mut self, operator: &str, x: &Value, values: &[f32]) -> Value {
        let values = self.graph.floats(&[1, values.len(), 1, 1], values);
        Value { name: self.graph.op(operator, &[&x.name, &values], Vec::new()), ..x.clone() }
    }

    /// The value for each image of the batch.
    fn repeated(&mut self, x: &Value) -> Value {
        if !x.single {
            return x.clone();
        }
        let shape = self.batch.clone().unwrap_or_else(|| {
            let (whole, first) = (self.input.name.clone(), self.graph.integers(&[0]));
            let whole = self.graph.op("Shape", &[&whole], Vec::new());
            let batch = self.graph.op("Gather", &[&whole, &first], vec![integer("axis", 0)]);
            let ones = self.graph.integers(&[1, 1, 1]);
            self.graph.op("Concat", &[&batch, &ones], vec![integer("axis", 0)])
        });
        self.batch = Some(shape.clone());
        Value { name: self.graph.op("Expand", &[&x.name, &shape], Vec::new()), single: false, ..x.clone() }
    }

    /// The value of one position at all positions of `other`.
    fn expanded(&mut self, x: &Value, other: &Value) -> Value {
        if x.size == other.size {
            return x.clone();
        }
        let shape = self.graph.op("Shape", &[&other.name], Vec::new());
        let sides = self.graph.integers(&[2, 3]);
        let sides = self.graph.op("Gather", &[&shape, &sides], vec![integer("axis", 0)]);
        let ones = self.graph.integers(&[1, 1]);
        let shape = self.graph.op("Concat", &[&ones, &sides], vec![integer("axis", 0)]);
        Value { name: self.graph.op("Expand", &[&x.name, &shape], Vec::new()), size: other.size, ..x.clone() }
    }

    /// The filters of a layer, and its bias; normalisation is part of them.
    fn folded(&self, layer: &Convolution) -> (Vec<f32>, Vec<f32>) {
        layer.folded(self.parameters.expect("parameters are set before layers are written"))
    }

    fn stored(&mut self, layer: &Convolution) -> [Name; 2] {
        if let Some(known) = self.layers.get(&layer.weight.0) {
            return known.clone();
        }
        let (weight, bias) = self.folded(layer);
        let names = [self.graph.floats(&layer.shape, &weight), self.graph.floats(&[bias.len()], &bias)];
        self.layers.insert(layer.weight.0, names.clone());
        names
    }

    /// As the runtime has it: a layer of 1 x 1 filters over `input` and `uniform`, whose share in the sums
    /// is the same at all positions.
    fn with_uniform_input(&mut self, layer: &Convolution, input: &Value, uniform: &Value) -> Value {
        let (weight, bias) = self.folded(layer);
        let [outputs, channels, ..] = layer.shape;
        let own = channels - uniform.channels;
        let part = |range: std::ops::Range<usize>| -> Vec<f32> {
            weight.chunks_exact(channels).flat_map(|filter| filter[range.clone()].iter().copied()).collect()
        };
        let main = self.graph.floats(&[outputs, own, 1, 1], &part(0..own));
        let side = self.graph.floats(&[outputs, channels - own, 1, 1], &part(own..channels));
        let bias = self.graph.floats(&[outputs], &bias);
        let main = self.graph.op("Conv", &[&input.name, &main], convolution_settings(layer, 1));
        let side = self.graph.op("Conv", &[&uniform.name, &side, &bias], convolution_settings(layer, 1));
        let sum = self.graph.op("Add", &[&main, &side], Vec::new());
        let sum = Value { name: sum, channels: outputs, ..input.clone() };
        self.activated(sum, layer.activation)
    }

    fn activated(&mut self, x: Value, activation: Activation) -> Value {
        match activation {
            Activation::None => x,
            Activation::Relu => self.same("Relu", &[&x], Vec::new()),
            Activation::Relu6 => {
                let bounds = [self.graph.float(0.0), self.graph.float(6.0)];
                let name = self.graph.op("Clip", &[&x.name, &bounds[0], &bounds[1]], Vec::new());
                Value { name, ..x }
            }
        }
    }

    fn pool(&mut self, operator: &str, x: &Value, pool: Pool, further: Vec<AttributeProto>) -> Value {
        let side = |number: usize, count: usize| vec![number as i64; count];
        let attributes = [
            integers("kernel_shape", &side(pool.kernel, 2)),
            integers("strides", &side(pool.stride, 2)),
            integers("pads", &side(pool.padding, 4)),
        ];
        let name = self.op(operator, &[x], attributes.into_iter().chain(further).collect());
        Value { name, size: pool.output_size(x.size), ..x.clone() }
    }

    /// Squares of the distances of `x [n, c, h, w]` to the nearest of some vectors, less the squares of x:
    /// the smallest of `|m|^2 - 2 m x`.
    fn nearest_of(&mut self, x: &Value, vectors: &[f32]) -> Name {
        let (channels, count) = (x.channels, vectors.len() / x.channels);
        let factors: Vec<f32> = vectors.iter().map(|value| -2.0 * value).collect();
        let squares = |vector: &[f32]| vector.iter().map(|value| value * value).sum();
        let squares: Vec<f32> = vectors.chunks_exact(channels).map(squares).collect();
        let factors = self.graph.floats(&[count, channels, 1, 1], &factors);
        let squares = self.graph.floats(&[count], &squares);
        // rten 0.27 does not take the filters' size from their shape.
        let sides = vec![integers("kernel_shape", &[1, 1])];
        let all = self.graph.op("Conv", &[&x.name, &factors, &squares], sides);
        self.graph.reduce("ReduceMin", &all, &[1])
    }
}

/// Settings of a convolution.
fn convolution_settings(layer: &Convolution, groups: usize) -> Vec<AttributeProto> {
    let [_, _, kernel, _] = layer.shape;
    vec![
        integers("kernel_shape", &[kernel as i64; 2]),
        integers("strides", &[layer.stride as i64; 2]),
        integers("pads", &[layer.padding as i64; 4]),
        integer("group", groups as i64),
    ]
}

impl<'p> TrainedExecutor<'p> for OnnxGraph<'p> {
    fn use_parameters(&mut self, parameters: &'p ParameterStore) {
        self.parameters = Some(parameters);
        self.layers.clear();
    }
}

impl Executor for OnnxGraph<'_> {
    type Value = Value;

    fn size(&self, x: &Value) -> [usize; 2] {
        x.size
    }

    fn convolution(&mut self, layer: &Convolution, inputs: &[&Value]) -> Value {
        let size = inputs[0].size;
        if let [others @ .., last] = inputs {
            let uniform = last.size == [1, 1] && size != [1, 1] && !others.is_empty();
            if uniform && layer.shape[2..] == [1, 1] && layer.stride == 1 {
                let input = if let [input] = others { (*input).clone() } else { self.join(others) };
                return self.with_uniform_input(layer, &input, last);
            }
        }
        let expanded: Vec<Value> = inputs.iter().map(|input| self.expanded(input, inputs[0])).collect();
        let joined = match &expanded[..] {
            [input] => input.clone(),
            several => self.join(&several.iter().collect::<Vec<_>>()),
        };
        let [weight, bias] = self.stored(layer);
        let groups = if layer.kind == ConvolutionKind::Depthwise { layer.outputs() } else { 1 };
        let transposed = layer.kind == ConvolutionKind::Transposed;
        let operator = if transposed { "ConvTranspose" } else { "Conv" };
        let inputs = [&*joined.name, &weight, &bias];
        let name = self.graph.op(operator, &inputs, convolution_settings(layer, groups));
        let [_, _, kernel, _] = layer.shape;
        let side = |side: usize| {
            if transposed {
                (side - 1) * layer.stride + kernel - 2 * layer.padding
            } else {
                (side + 2 * layer.padding - kernel) / layer.stride + 1
            }
        };
        let y = Value { name, channels: layer.outputs(), size: size.map(side), single: joined.single };
        self.activated(y, layer.activation)
    }

    fn coordinates(&mut self, [h, w]: [usize; 2]) -> Value {
        let Some(WindowInput { name: window, single }) = &self.window else {
            let values = Window::whole(w, h).coordinates([h, w], 1);
            let name = self.graph.floats(&[1, 2, h, w], &values);
            return Value { name, channels: 2, size: [h, w], single: true };
        };
        let (stride, single) = (self.input.size[0] / h.max(1), *single);
        let name = coordinates::of_window(&mut self.graph, window, &self.input.name, stride);
        Value { name, channels: 2, size: [h, w], single }
    }

    fn add_scalar(&mut self, x: &Value, summand: f32) -> Value {
        Value { name: self.graph.with_float("Add", &x.name, summand), ..x.clone() }
    }

    fn multiply_scalar(&mut self, x: &Value, factor: f32) -> Value {
        Value { name: self.graph.with_float("Mul", &x.name, factor), ..x.clone() }
    }

    fn standardise(&mut self, x: &Value, mean: &[f32], deviation: &[f32]) -> Value {
        let centred = self.by_channel("Sub", x, mean);
        self.by_channel("Div", &centred, deviation)
    }

    fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.same("Add", &[a, b], Vec::new())
    }

    fn multiply(&mut self, a: &Value, b: &Value) -> Value {
        self.same("Mul", &[a, b], Vec::new())
    }

    fn add_relu(&mut self, a: &Value, b: &Value) -> Value {
        let sum = self.add(a, b);
        self.activated(sum, Activation::Relu)
    }

    fn average_pool(&mut self, x: &Value, pool: Pool) -> Value {
        self.pool("AveragePool", x, pool, vec![integer("count_include_pad", 1)])
    }

    fn max_pool(&mut self, x: &Value, pool: Pool) -> Value {
        self.pool("MaxPool", x, pool, Vec::new())
    }

    fn double(&mut self, x: &Value) -> Value {
        let scales = self.graph.floats(&[4], &[1.0, 1.0, 2.0, 2.0]);
        let attributes = vec![text("mode", "linear"), text("coordinate_transformation_mode", "half_pixel")];
        let name = self.graph.op("Resize", &[&x.name, "", &scales], attributes);
        Value { name, size: x.size.map(|side| 2 * side), ..x.clone() }
    }

    fn space_to_depth(&mut self, x: &Value, block: usize) -> Value {
        // `SpaceToDepth` of ONNX has the place in the block before the channel. With a `Gather` that brings
        // them into order OpenVINO 2026.4 gives other values than the operators define; filters of a single
        // 1 are exact in every engine.
        let (channels, places) = (x.channels, block * block);
        let one = |i: usize| f32::from(u8::from(i % places == i / places % places));
        let filters: Vec<f32> = (0..channels * places * places).map(one).collect();
        let filters = self.graph.floats(&[channels * places, 1, block, block], &filters);
        let settings = vec![
            integers("kernel_shape", &[block as i64; 2]),
            integers("strides", &[block as i64; 2]),
            integer("group", channels as i64),
        ];
        let name = self.graph.op("Conv", &[&x.name, &filters], settings);
        Value { name, channels: channels * places, size: x.size.map(|side| side / block), ..x.clone() }
    }

    fn depth_to_space(&mut self, x: &Value, block: usize) -> Value {
        let attributes = vec![integer("blocksize", block as i64), text("mode", "CRD")];
        let name = self.op("DepthToSpace", &[x], attributes);
        let (channels, size) = (x.channels / (block * block), x.size.map(|side| side * block));
        Value { name, channels, size, ..x.clone() }
    }

    fn join(&mut self, values: &[&Value]) -> Value {
        let single = values.iter().all(|value| value.single);
        let values: Vec<Value> = if single {
            values.iter().map(|value| (*value).clone()).collect()
        } else {
            values.iter().map(|value| self.repeated(value)).collect()
        };
        let channels = values.iter().map(|value| value.channels).sum();
        let name = self.op("Concat", &values.iter().collect::<Vec<_>>(), vec![integer("axis", 1)]);
        Value { name, channels, size: values[0].size, single }
    }

    fn moments(&mut self, x: &Value) -> Value {
        let g = &mut self.graph;
        let mean = g.op("GlobalAveragePool", &[&x.name], Vec::new());
        let centred = g.op("Sub", &[&x.name, &mean], Vec::new());
        let squared = g.op("Mul", &[&centred, &centred], Vec::new());
        let variance = g.op("GlobalAveragePool", &[&squared], Vec::new());
        let variance = g.with_float("Add", &variance, EPSILON);
        let deviation = g.op("Sqrt", &[&variance], Vec::new());
        let name = g.op("Concat", &[&mean, &deviation], vec![integer("axis", 1)]);
        Value { name, channels: 2 * x.channels, size: [1, 1], ..x.clone() }
    }

    fn nearest_distance(&mut self, x: &Value, bank: &MemoryBank) -> Value {
        let vectors = bank.vectors().values.chunks(VECTORS * bank.channels());
        let parts: Vec<Name> = vectors.map(|vectors| self.nearest_of(x, vectors)).collect();
        let g = &mut self.graph;
        let nearest = match &parts[..] {
            [part] => part.clone(),
            several => g.op("Min", &several.iter().map(String::as_str).collect::<Vec<_>>(), Vec::new()),
        };
        let squares = g.op("Mul", &[&x.name, &x.name], Vec::new());
        let own = g.reduce("ReduceSum", &squares, &[1]);
        let sum = g.op("Add", &[&own, &nearest], Vec::new());
        let squared = g.op("Relu", &[&sum], Vec::new());
        let name = g.op("Sqrt", &[&squared], Vec::new());
        Value { name, channels: 1, ..x.clone() }
    }

    fn sigmoid(&mut self, x: &Value) -> Value {
        self.same("Sigmoid", &[x], Vec::new())
    }

    fn leaky_relu(&mut self, x: &Value, slope: f32) -> Value {
        self.same("LeakyRelu", &[x], vec![float("alpha", slope)])
    }

    fn zeros_like(&mut self, x: &Value) -> Value {
        self.multiply_scalar(x, 0.0)
    }

    fn mean_squared_difference(&mut self, a: &Value, b: &Value) -> Value {
        let difference = self.same("Sub", &[a, b], Vec::new());
        let squared = self.multiply(&difference, &difference);
        let name = self.graph.reduce("ReduceMean", &squared.name, &[1, 2, 3]);
        Value { name, channels: 1, size: [1, 1], ..squared }
    }
}
