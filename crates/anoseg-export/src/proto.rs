//! The messages of an ONNX file that an export needs, and a reader of one.
//!
//! Field numbers and names are those of `onnx/onnx.proto3` of the ONNX project
//! (<https://github.com/onnx/onnx>, Copyright (c) ONNX Project Contributors, Apache-2.0). Fields that are
//! not written here are left out. Single values are optional, so that a zero is written too: readers
//! that were generated from the older `onnx.proto` tell it from a missing one.

use prost::Message;

/// A file.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelProto {
    /// Version of the file format.
    #[prost(int64, optional, tag = "1")]
    pub(crate) ir_version: Option<i64>,
    /// The program that wrote it.
    #[prost(string, optional, tag = "2")]
    pub(crate) producer_name: Option<String>,
    /// Its version.
    #[prost(string, optional, tag = "3")]
    pub(crate) producer_version: Option<String>,
    /// What people read.
    #[prost(string, optional, tag = "6")]
    pub(crate) doc_string: Option<String>,
    /// The graph.
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<GraphProto>,
    /// The sets of operators.
    #[prost(message, repeated, tag = "8")]
    pub(crate) opset_import: Vec<OperatorSetIdProto>,
    /// Further texts by key.
    #[prost(message, repeated, tag = "14")]
    pub(crate) metadata_props: Vec<StringStringEntryProto>,
}

/// A set of operators.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSetIdProto {
    /// Its name; empty for that of ONNX itself.
    #[prost(string, optional, tag = "1")]
    pub(crate) domain: Option<String>,
    /// Its version.
    #[prost(int64, optional, tag = "2")]
    pub(crate) version: Option<i64>,
}

/// A text by key.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StringStringEntryProto {
    /// The key.
    #[prost(string, optional, tag = "1")]
    pub(crate) key: Option<String>,
    /// The text.
    #[prost(string, optional, tag = "2")]
    pub(crate) value: Option<String>,
}

/// Operators in the order in which they run.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphProto {
    /// The operators.
    #[prost(message, repeated, tag = "1")]
    pub(crate) node: Vec<NodeProto>,
    /// The graph's name.
    #[prost(string, optional, tag = "2")]
    pub(crate) name: Option<String>,
    /// Constants.
    #[prost(message, repeated, tag = "5")]
    pub(crate) initializer: Vec<TensorProto>,
    /// The inputs.
    #[prost(message, repeated, tag = "11")]
    pub(crate) input: Vec<ValueInfoProto>,
    /// The outputs.
    #[prost(message, repeated, tag = "12")]
    pub(crate) output: Vec<ValueInfoProto>,
}

/// An operator.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeProto {
    /// Names of the values that it takes; empty where an optional one is left out.
    #[prost(string, repeated, tag = "1")]
    pub(crate) input: Vec<String>,
    /// Names of the values that it gives.
    #[prost(string, repeated, tag = "2")]
    pub(crate) output: Vec<String>,
    /// Its own name.
    #[prost(string, optional, tag = "3")]
    pub(crate) name: Option<String>,
    /// Which operator.
    #[prost(string, optional, tag = "4")]
    pub(crate) op_type: Option<String>,
    /// Its settings.
    #[prost(message, repeated, tag = "5")]
    pub(crate) attribute: Vec<AttributeProto>,
}

/// A setting of an operator.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttributeProto {
    /// Its name.
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    /// A number, where `kind` is 1.
    #[prost(float, optional, tag = "2")]
    pub(crate) f: Option<f32>,
    /// A whole number, where `kind` is 2.
    #[prost(int64, optional, tag = "3")]
    pub(crate) i: Option<i64>,
    /// A text, where `kind` is 3.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(crate) s: Option<Vec<u8>>,
    /// A graph. Never written; it is read, so that graphs within graphs are counted against the limit of depth.
    #[prost(message, optional, tag = "6")]
    pub(crate) g: Option<GraphProto>,
    /// Whole numbers, where `kind` is 7.
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub(crate) ints: Vec<i64>,
    /// Graphs, as `g`.
    #[prost(message, repeated, tag = "11")]
    pub(crate) graphs: Vec<GraphProto>,
    /// `type` in ONNX: which of the fields holds the value.
    #[prost(int32, optional, tag = "20")]
    pub(crate) kind: Option<i32>,
}

/// A constant.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorProto {
    /// Sizes, outermost first.
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub(crate) dims: Vec<i64>,
    /// The type of its numbers.
    #[prost(int32, optional, tag = "2")]
    pub(crate) data_type: Option<i32>,
    /// Its name.
    #[prost(string, optional, tag = "8")]
    pub(crate) name: Option<String>,
    /// The numbers, little-endian.
    #[prost(bytes = "vec", optional, tag = "9")]
    pub(crate) raw_data: Option<Vec<u8>>,
}

/// An input or output.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfoProto {
    /// Its name.
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    /// Its type and shape; `type` in ONNX.
    #[prost(message, optional, tag = "2")]
    pub(crate) kind: Option<TypeProto>,
    /// What people read.
    #[prost(string, optional, tag = "3")]
    pub(crate) doc_string: Option<String>,
}

/// A type: of a tensor, the only one that is needed.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TypeProto {
    /// The tensor's type.
    #[prost(message, optional, tag = "1")]
    pub(crate) tensor_type: Option<TensorTypeProto>,
}

/// Type and shape of a tensor; `TypeProto.Tensor` in ONNX.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorTypeProto {
    /// The type of its numbers.
    #[prost(int32, optional, tag = "1")]
    pub(crate) elem_type: Option<i32>,
    /// Its sizes.
    #[prost(message, optional, tag = "2")]
    pub(crate) shape: Option<TensorShapeProto>,
}

/// Sizes, outermost first.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorShapeProto {
    /// The sizes.
    #[prost(message, repeated, tag = "1")]
    pub(crate) dim: Vec<DimensionProto>,
}

/// A size: a number, or a name where it is open; `TensorShapeProto.Dimension` in ONNX.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DimensionProto {
    /// The number.
    #[prost(int64, optional, tag = "1")]
    pub(crate) dim_value: Option<i64>,
    /// The name.
    #[prost(string, optional, tag = "2")]
    pub(crate) dim_param: Option<String>,
}

/// The types of numbers, as `TensorProto.DataType` numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum DataType {
    /// 32-bit floats.
    Float = 1,
    /// Bytes.
    Uint8 = 2,
    /// Signed bytes.
    Int8 = 3,
    /// 32-bit integers.
    Int32 = 6,
    /// 64-bit integers.
    Int64 = 7,
    /// 16-bit floats.
    Float16 = 10,
}
