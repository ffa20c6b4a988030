//! The executor that records a forward pass whose layers round their values to bytes.

use anoseg_infer::network::{Convolution, Executor, MemoryBank, TrainedExecutor};
use anoseg_infer::parameters::ParameterStore;
use anoseg_infer::runtime::{Recorder, Value};
use anoseg_kernels::Pool;

use super::filters::rounded_bank;
use super::{ByteFilters, LayerScales, Layers, takes_bytes};

/// A layer that can compute on bytes, as it was recorded.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) inputs: Vec<Value>,
    /// None for the distances to a memory bank.
    pub(super) output: Option<Value>,
    /// Products that it computes.
    pub(super) products: usize,
}

/// Records as [`Recorder`] does; `layers` round their inputs, filters and outputs.
pub(super) struct Rounded<'p> {
    pub(super) recorder: Recorder<'p>,
    parameters: Option<&'p ParameterStore>,
    layers: &'p Layers,
    /// Layers so far.
    count: usize,
    pub(super) seen: Vec<Seen>,
}

impl<'p> Rounded<'p> {
    pub(super) fn new(recorder: Recorder<'p>, layers: &'p Layers) -> Self {
        Self { recorder, parameters: None, layers, count: 0, seen: Vec::new() }
    }

    fn next(&mut self) -> (usize, Option<LayerScales>) {
        self.count += 1;
        (self.count - 1, self.layers.get(&(self.count - 1)).copied())
    }
}

impl<'p> TrainedExecutor<'p> for Rounded<'p> {
    fn use_parameters(&mut self, parameters: &'p ParameterStore) {
        self.parameters = Some(parameters);
        self.recorder.use_parameters(parameters);
    }
}

/// Operators that are those of the recorder.
macro_rules! as_recorded {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {$(
        fn $name(&mut self, $($argument: $kind),*) -> Value {
            self.recorder.$name($($argument),*)
        }
    )*};
}

impl Executor for Rounded<'_> {
    type Value = Value;

    fn size(&self, x: &Value) -> [usize; 2] {
        self.recorder.size(x)
    }

    fn convolution(&mut self, layer: &Convolution, inputs: &[&Value]) -> Value {
        let (number, scales) = self.next();
        let sizes: Vec<[usize; 2]> = inputs.iter().map(|input| self.size(input)).collect();
        if !takes_bytes(layer, &sizes) {
            return self.recorder.convolution(layer, inputs);
        }
        let parameters = self.parameters.expect("parameters are set before layers are recorded");
        let output = match scales {
            Some(LayerScales { input, output }) => {
                let inputs: Vec<Value> = inputs.iter().map(|x| self.recorder.rounded(x, input)).collect();
                let (filters, bias) = layer.folded(parameters);
                let filters = ByteFilters::of_layer(&filters, &bias, input.scale);
                let numbers = (filters.values(), filters.bias_values(input.scale));
                let y = self.recorder.convolution_of(layer, numbers, &inputs);
                output.map_or(y, |output| self.recorder.rounded(&y, output))
            }
            None => self.recorder.convolution(layer, inputs),
        };
        let [h, w] = self.size(&output);
        let products = layer.shape.iter().product::<usize>() * h * w;
        let inputs = inputs.iter().map(|input| **input).collect();
        let name = parameters.name(layer.weight).trim_end_matches(".weight").to_owned();
        self.seen.push(Seen { number, name, inputs, output: Some(output), products });
        output
    }

    fn nearest_distance(&mut self, x: &Value, bank: &MemoryBank) -> Value {
        let (number, scales) = self.next();
        let [h, w] = self.size(x);
        let (name, products) = ("distance".to_owned(), bank.vectors().values.len() * h * w);
        self.seen.push(Seen { number, name, inputs: vec![*x], output: None, products });
        match scales {
            Some(LayerScales { input, .. }) => {
                let x = self.recorder.rounded(x, input);
                self.recorder.nearest_distance(&x, &rounded_bank(bank))
            }
            None => self.recorder.nearest_distance(x, bank),
        }
    }

    as_recorded! {
        coordinates(size: [usize; 2]);
        add_scalar(x: &Value, summand: f32);
        multiply_scalar(x: &Value, factor: f32);
        standardise(x: &Value, mean: &[f32], deviation: &[f32]);
        add(a: &Value, b: &Value);
        multiply(a: &Value, b: &Value);
        add_relu(a: &Value, b: &Value);
        average_pool(x: &Value, pool: Pool);
        max_pool(x: &Value, pool: Pool);
        double(x: &Value);
        space_to_depth(x: &Value, block: usize);
        depth_to_space(x: &Value, block: usize);
        join(values: &[&Value]);
        moments(x: &Value);
        sigmoid(x: &Value);
        leaky_relu(x: &Value, slope: f32);
        zeros_like(x: &Value);
        mean_squared_difference(a: &Value, b: &Value);
    }
}
