//! A graph under construction.

use anoseg_infer::runtime::ByteScale;

use crate::proto::{AttributeProto, DataType, GraphProto, NodeProto, TensorProto, ValueInfoProto};

/// The name of a value of the graph.
pub(crate) type Name = String;

/// Operators and constants so far.
#[derive(Default)]
pub(crate) struct Graph {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    /// Whether large constants are stored as 16-bit floats.
    half: bool,
}

/// Constants of fewer numbers are never stored as 16-bit floats.
const FEWEST_HALF: usize = 1024;

impl Graph {
    /// An empty graph; `half` stores large constants as 16-bit floats.
    pub(crate) fn new(half: bool) -> Self {
        Self { half, ..Self::default() }
    }

    /// Adds an operator of one result.
    pub(crate) fn op(&mut self, operator: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> Name {
        let [output] = self.op_of(operator, inputs, attributes, [""]);
        output
    }

    /// Adds an operator with a result for each of `suffixes`, which the names end with.
    pub(crate) fn op_of<const N: usize>(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
        suffixes: [&str; N],
    ) -> [Name; N] {
        let name = format!("{operator}_{}", self.nodes.len());
        let outputs = suffixes.map(|suffix| format!("{name}{suffix}"));
        self.add(operator, name, inputs, attributes, outputs.to_vec());
        outputs
    }

    /// Gives a value another name, such as that of an output.
    pub(crate) fn rename(&mut self, value: &str, name: &str) {
        self.add("Identity", format!("Identity_{name}"), &[value], Vec::new(), vec![name.to_owned()]);
    }

    fn add(
        &mut self,
        operator: &str,
        name: Name,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
        output: Vec<Name>,
    ) {
        let input = inputs.iter().map(|&input| input.to_owned()).collect();
        let (name, op_type) = (Some(name), Some(operator.to_owned()));
        self.nodes.push(NodeProto { input, output, name, op_type, attribute });
    }

    /// A constant of floats.
    ///
    /// # Panics
    /// If the shape has another number of values.
    pub(crate) fn floats(&mut self, shape: &[usize], values: &[f32]) -> Name {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "a constant of shape {shape:?}");
        if self.half && values.len() >= FEWEST_HALF && values.iter().all(|&value| half::holds(value)) {
            let bytes = values.iter().flat_map(|&value| half::bits(value).to_le_bytes()).collect();
            let stored = self.constant(shape, DataType::Float16, bytes);
            return self.cast(&stored, DataType::Float);
        }
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(shape, DataType::Float, bytes)
    }

    /// A constant of one float, without sizes.
    pub(crate) fn float(&mut self, value: f32) -> Name {
        self.floats(&[], &[value])
    }

    /// A constant list of integers.
    pub(crate) fn integers(&mut self, values: &[i64]) -> Name {
        self.whole(&[values.len()], values)
    }

    /// A constant of one integer, without sizes.
    pub(crate) fn integer(&mut self, value: i64) -> Name {
        self.whole(&[], &[value])
    }

    fn whole(&mut self, shape: &[usize], values: &[i64]) -> Name {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(shape, DataType::Int64, bytes)
    }

    /// A constant of signed bytes.
    fn bytes(&mut self, shape: &[usize], values: &[i8]) -> Name {
        self.constant(shape, DataType::Int8, values.iter().map(|&byte| byte as u8).collect())
    }

    /// A constant of floats that is stored as signed bytes, each on the scale of its place along `axis`.
    ///
    /// # Panics
    /// If the shape has another number of values or scales.
    pub(crate) fn dequantised(
        &mut self,
        shape: &[usize],
        values: &[i8],
        (scales, axis): (&[f32], usize),
    ) -> Name {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "a constant of shape {shape:?}");
        assert_eq!(shape[axis], scales.len(), "scales of shape {shape:?} along {axis}");
        let zeros = vec![0; scales.len()];
        let inputs = [
            self.bytes(shape, values),
            self.floats(&[scales.len()], scales),
            self.bytes(&[scales.len()], &zeros),
        ];
        let inputs = inputs.each_ref().map(String::as_str);
        self.op("DequantizeLinear", &inputs, vec![integer("axis", axis as i64)])
    }

    /// A constant list of floats that is stored as whole numbers, each on its own scale.
    pub(crate) fn dequantised_list(&mut self, values: &[i32], scales: &[f32]) -> Name {
        assert_eq!(values.len(), scales.len(), "a scale for each value");
        let bytes = |values: &[i32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let zeros = vec![0; values.len()];
        let inputs = [
            self.constant(&[values.len()], DataType::Int32, bytes(values)),
            self.floats(&[values.len()], scales),
            self.constant(&[values.len()], DataType::Int32, bytes(&zeros)),
        ];
        let inputs = inputs.each_ref().map(String::as_str);
        self.op("DequantizeLinear", &inputs, vec![integer("axis", 0)])
    }

    /// The value as bytes on a scale, and back.
    pub(crate) fn rounded(&mut self, value: &str, scale: ByteScale) -> Name {
        let zero_point = self.constant(&[], DataType::Uint8, vec![scale.zero_point]);
        let scale = self.float(scale.scale);
        let bytes = self.op("QuantizeLinear", &[value, &scale, &zero_point], Vec::new());
        self.op("DequantizeLinear", &[&bytes, &scale, &zero_point], Vec::new())
    }

    fn constant(&mut self, shape: &[usize], kind: DataType, bytes: Vec<u8>) -> Name {
        let name = format!("constant_{}", self.constants.len());
        self.constants.push(TensorProto {
            dims: shape.iter().map(|&size| size as i64).collect(),
            data_type: Some(kind as i32),
            name: Some(name.clone()),
            raw_data: Some(bytes),
        });
        name
    }

    /// The value with numbers of another type.
    pub(crate) fn cast(&mut self, value: &str, to: DataType) -> Name {
        self.op("Cast", &[value], vec![integer("to", i64::from(to as i32))])
    }

    /// An operator on a value and a float.
    pub(crate) fn with_float(&mut self, operator: &str, value: &str, float: f32) -> Name {
        let float = self.float(float);
        self.op(operator, &[value, &float], Vec::new())
    }

    /// The size of a value along one axis: an integer without sizes.
    pub(crate) fn size(&mut self, value: &str, axis: i64) -> Name {
        let shape = self.op("Shape", &[value], Vec::new());
        let axis = self.integer(axis);
        self.op("Gather", &[&shape, &axis], vec![integer("axis", 0)])
    }

    /// The sum, mean or smallest value (`ReduceSum`, `ReduceMean`, `ReduceMin`) over axes, which stay with a
    /// size of 1.
    pub(crate) fn reduce(&mut self, operator: &str, value: &str, axes: &[i64]) -> Name {
        let axes = self.integers(axes);
        self.op(operator, &[value, &axes], vec![integer("keepdims", 1)])
    }

    /// The graph with these inputs and outputs.
    pub(crate) fn finish(
        self,
        name: &str,
        input: Vec<ValueInfoProto>,
        output: Vec<ValueInfoProto>,
    ) -> GraphProto {
        GraphProto {
            node: self.nodes,
            name: Some(name.to_owned()),
            initializer: self.constants,
            input,
            output,
        }
    }
}

/// A whole number among an operator's settings.
pub(crate) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), i: Some(value), kind: Some(2), ..Default::default() }
}

/// Whole numbers among an operator's settings.
pub(crate) fn integers(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), ints: values.to_vec(), kind: Some(7), ..Default::default() }
}

/// A number among an operator's settings.
pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), f: Some(value), kind: Some(1), ..Default::default() }
}

/// A text among an operator's settings.
pub(crate) fn text(name: &str, value: &str) -> AttributeProto {
    let value = Some(value.as_bytes().to_vec());
    AttributeProto { name: Some(name.to_owned()), s: value, kind: Some(3), ..Default::default() }
}

/// 16-bit floats.
mod half {
    /// Whether a value is in the range of 16-bit floats.
    pub(super) fn holds(value: f32) -> bool {
        value.abs() < 65_504.0
    }

    /// The bits of the 16-bit float that is nearest; of two as near, the even one.
    pub(super) fn bits(value: f32) -> u16 {
        let sign = ((value.to_bits() >> 16) & 0x8000) as u16;
        // 2^-24 is the smallest step; below 2^-14 the steps no longer shrink.
        let size = f64::from(value.abs());
        let exponent = (size.log2().floor() as i32).clamp(-14, 15);
        let step = f64::from(exponent - 10).exp2();
        let steps = (size / step).round_ties_even() as u16;
        // From 1024 steps on the first bit is in the exponent.
        sign | ((((exponent + 14) as u16) << 10) + steps)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn known_values_have_their_bits() {
            let known = [
                (0.0, 0x0000),
                (-0.0, 0x8000),
                (1.0, 0x3c00),
                (-2.0, 0xc000),
                (0.333_251_95, 0x3555),
                (65_503.0, 0x7bff),
                (6.103_515_6e-5, 0x0400),
                (6.097_555e-5, 0x03ff),
                (5.960_464_5e-8, 0x0001),
                (2e-8, 0x0000),
                (1.000_488_3, 0x3c00),
                (1.001_464_8, 0x3c02),
            ];
            for (value, expected) in known {
                assert_eq!(bits(value), expected, "{value}");
            }
        }
    }
}
