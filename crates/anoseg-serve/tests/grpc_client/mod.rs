//! A client of gRPC, from the generated code.
#![allow(dead_code, unused_imports, reason = "each test file uses a part")]

#[path = "../../src/grpc/generated/mod.rs"]
mod generated;

use std::collections::HashMap;
use std::net::SocketAddr;

use bytes::Bytes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

pub(crate) use generated::health::HealthCheckRequest;
pub(crate) use generated::health::health_check_response::ServingStatus;
pub(crate) use generated::health::health_client::HealthClient;
pub(crate) use generated::inference::grpc_inference_service_client::GrpcInferenceServiceClient;
pub(crate) use generated::inference::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
pub(crate) use generated::inference::*;

pub(crate) type Client = GrpcInferenceServiceClient<Channel>;

/// A connection that is made when it is needed.
pub(crate) fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

pub(crate) fn client(address: SocketAddr) -> Client {
    GrpcInferenceServiceClient::new(channel(address)).max_decoding_message_size(usize::MAX)
}

/// A request for all outputs of version 1 of `part`, or those that are named.
pub(crate) fn request(input: InferInputTensor, raw: Option<Vec<u8>>, outputs: &[&str]) -> ModelInferRequest {
    let outputs = outputs
        .iter()
        .map(|name| InferRequestedOutputTensor { name: (*name).to_owned(), parameters: HashMap::new() });
    ModelInferRequest {
        model_name: "part".into(),
        id: "r".into(),
        inputs: vec![input],
        outputs: outputs.collect(),
        raw_input_contents: raw.into_iter().map(Bytes::from).collect(),
        ..Default::default()
    }
}

/// An input without its elements.
pub(crate) fn input(name: &str, datatype: &str, shape: &[i64]) -> InferInputTensor {
    InferInputTensor {
        name: name.into(),
        datatype: datatype.into(),
        shape: shape.to_vec(),
        ..Default::default()
    }
}

/// Bytes with their length before them.
pub(crate) fn element(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

/// A request for what is found in an image file.
pub(crate) fn of_file(file: &[u8], outputs: &[&str]) -> ModelInferRequest {
    request(input("image_bytes", "BYTES", &[1]), Some(element(file)), outputs)
}

/// The code of a failed call, and the name that it has over HTTP.
pub(crate) fn reason(status: &Status) -> (Code, String) {
    let name = status.metadata().get("anoseg-code").map(|name| name.to_str().unwrap().to_owned());
    (status.code(), name.unwrap_or_default())
}

/// A runtime for the client.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
