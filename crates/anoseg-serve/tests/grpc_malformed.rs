//! Random calls: tensors of random shapes, datatypes and lengths, and random bytes. None is INTERNAL, none ends the
//! process.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod grpc_client;

use std::sync::LazyLock;

use anoseg_serve::Server;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use proptest::prelude::*;
use tokio::runtime::Runtime;
use tonic::Code;
use tower::ServiceExt as _;

use common::{Shop, png};
use grpc_client::{
    GrpcInferenceServiceClient, InferTensorContents, ModelInferRequest, element, input, request,
};

/// Calls of a run; `PROPTEST_CASES` asks for more.
const CALLS: u32 = 3000;

struct Trial {
    runtime: Runtime,
    router: Router,
    _shop: Shop,
}

static TRIAL: LazyLock<Trial> = LazyLock::new(|| {
    let shop = Shop::new();
    let mut settings = shop.settings();
    (settings.most_body, settings.most_images) = (1 << 20, 4);
    let server = Server::bind(settings).unwrap();
    server.refresh();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    Trial { runtime, router: server.grpc_router(), _shop: shop }
});

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => prop::sample::select(vec!["image", "image_bytes"]).prop_map(str::to_owned),
        1 => "[a-z_]{0,12}",
    ]
}

fn datatype() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => prop::sample::select(vec!["UINT8", "BYTES"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["FP32", "INT64", "uint8", ""]).prop_map(str::to_owned),
    ]
}

fn shape() -> impl Strategy<Value = Vec<i64>> {
    let side = prop_oneof![6 => 0_i64..12, 1 => any::<i64>()];
    prop_oneof![
        3 => (1_i64..6, 8_i64..12, 8_i64..12).prop_map(|(n, h, w)| vec![n, h, w, 3]),
        2 => (0_i64..6).prop_map(|n| vec![n]),
        2 => prop::collection::vec(side, 0..6),
    ]
}

/// A whole file, some of it, or random bytes.
fn file() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => Just(png()),
        1 => (0_usize..200).prop_map(|length| png()[..length].to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..100),
    ]
}

fn raw() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => (1_usize..5, 8_usize..12, 8_usize..12).prop_map(|(n, h, w)| vec![9; n * h * w * 3]),
        2 => prop::collection::vec(file(), 0..5).prop_map(|files| files.iter().flat_map(|file| element(file)).collect()),
        1 => prop::collection::vec(any::<u8>(), 0..400),
    ]
}

fn contents() -> impl Strategy<Value = InferTensorContents> {
    let numbers = prop_oneof![4 => 0_u32..256, 1 => any::<u32>()];
    prop_oneof![
        2 => (1_usize..3, 8_usize..12, 8_usize..12).prop_map(|(n, h, w)| InferTensorContents {
            uint_contents: vec![5; n * h * w * 3],
            ..Default::default()
        }),
        1 => prop::collection::vec(numbers, 0..900)
            .prop_map(|uint_contents| InferTensorContents { uint_contents, ..Default::default() }),
        2 => prop::collection::vec(file().prop_map(Bytes::from), 0..6)
            .prop_map(|bytes_contents| InferTensorContents { bytes_contents, ..Default::default() }),
        1 => prop::collection::vec(any::<f32>(), 0..20)
            .prop_map(|fp32_contents| InferTensorContents { fp32_contents, ..Default::default() }),
    ]
}

fn infer() -> impl Strategy<Value = ModelInferRequest> {
    let outputs = prop::collection::vec(
        prop::sample::select(vec!["score", "anomaly_map", "decision", "regions", "other"]),
        0..4,
    );
    let model = prop_oneof![9 => Just("part".to_owned()), 1 => "[a-z./]{0,10}"];
    let version = prop_oneof![6 => Just(String::new()), 2 => Just("1".to_owned()), 1 => "[0-9.a-z-]{0,8}"];
    let elements = (prop::option::weighted(0.6, raw()), prop::option::weighted(0.4, contents()));
    (name(), datatype(), shape(), elements, outputs, model, version, 0_usize..12).prop_map(
        |(name, datatype, shape, (raw, contents), outputs, model_name, model_version, times)| {
            let mut input = input(&name, &datatype, &shape);
            input.contents = contents;
            let mut request = request(input, raw, &outputs);
            // Most have one input.
            if times < 2 {
                request.inputs = vec![request.inputs[0].clone(); 2 * times];
            }
            ModelInferRequest { model_name, model_version, ..request }
        },
    )
}

/// Pixels that fit their shape, or have a few bytes more or less.
fn nearly_right() -> impl Strategy<Value = ModelInferRequest> {
    let off = prop_oneof![3 => Just(0_i64), 1 => -3_i64..4];
    (1_i64..6, 8_i64..12, 8_i64..12, off, any::<u8>()).prop_map(|(n, h, w, off, value)| {
        let raw = vec![value; (n * h * w * 3 + off) as usize];
        request(input("image", "UINT8", &[n, h, w, 3]), Some(raw), &[])
    })
}

/// The code of a call.
fn call(request: ModelInferRequest) -> Code {
    let Trial { runtime, router, .. } = &*TRIAL;
    let mut client = GrpcInferenceServiceClient::new(router.clone()).max_decoding_message_size(usize::MAX);
    let answer = runtime.block_on(client.model_infer(request));
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

/// `grpc-status` of a call with this body.
fn call_with(method: &str, body: Vec<u8>) -> String {
    let request = Request::post(format!("/inference.GRPCInferenceService/{method}"))
        .header("content-type", "application/grpc")
        .body(Body::from(body))
        .unwrap();
    let response = TRIAL.runtime.block_on(TRIAL.router.clone().oneshot(request)).unwrap();
    let status = response.headers().get("grpc-status").map(|status| status.to_str().unwrap().to_owned());
    // An answer has its status behind it.
    status.unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CALLS),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_tensor_is_a_fault_of_the_server(request in prop_oneof![4 => infer(), 1 => nearly_right()]) {
        let code = call(request);
        let expected = [Code::Ok, Code::InvalidArgument, Code::NotFound, Code::ResourceExhausted];
        prop_assert!(expected.contains(&code), "{code:?}");
    }

    #[test]
    fn no_bytes_are_a_fault_of_the_server(
        method in prop::sample::select(vec!["ModelInfer", "ModelReady", "RepositoryModelLoad", "ModelConfig"]),
        prefix in prop_oneof![5 => Just(None), 1 => prop::collection::vec(any::<u8>(), 0..7).prop_map(Some)],
        message in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let prefix = prefix.unwrap_or_else(|| [&[0][..], &(message.len() as u32).to_be_bytes()].concat());
        let status = call_with(method, [prefix, message].concat());
        prop_assert!(["", "3", "5", "8", "12"].contains(&status.as_str()), "{status}");
    }
}

#[test]
fn the_calls_of_this_test_reach_the_models() {
    assert_eq!(call(grpc_client::of_file(&png(), &[])), Code::Ok);
    assert_eq!(call_with("ServerLive", vec![0, 0, 0, 0, 0]), "");
    assert_eq!(call_with("ModelInfer", vec![0, 0, 0, 0, 1, 0xff]), "3");
    assert_eq!(call_with("ModelReady", vec![0, 0, 0, 0, 1, 0xff]), "3");
}

#[test]
fn other_content_is_told_where_the_routes_of_http_are() {
    let request = Request::get("/v2").body(Body::empty()).unwrap();
    let response = TRIAL.runtime.block_on(TRIAL.router.clone().oneshot(request)).unwrap();
    assert_eq!(response.status(), 415);
}
