//! The protocol over gRPC: the same results, roles and failures as over HTTP.

use anoseg_serve::{Settings, Tokens};
use serde_json::json;
use tonic::{Code, Request};

use crate::common::{Running, Shop, image, model_with_threshold, png};
use crate::grpc_client::{
    HealthCheckRequest, HealthClient, InferTensorContents, ModelConfigRequest, ModelInferRequest,
    ModelMetadataRequest, ModelReadyRequest, ModelStatisticsRequest, RepositoryIndexRequest,
    RepositoryModelLoadRequest, RepositoryModelUnloadRequest, ServerLiveRequest, ServerMetadataRequest,
    ServerReadyRequest, ServingStatus, channel, client, element, input, of_file, reason, request, runtime,
};

fn start(shop: &Shop) -> Running {
    Running::new(shop.settings_with_grpc())
}

/// The bytes of the outputs over HTTP, by what follows the JSON.
fn over_http(
    server: &Running,
    name: &str,
    datatype: &str,
    shape: &[i64],
    data: &[u8],
) -> (serde_json::Value, Vec<u8>) {
    let request = json!({
        "inputs": [{ "name": name, "datatype": datatype, "shape": shape, "parameters": { "binary_data_size": data.len() } }],
        "parameters": { "binary_data_output": true },
    });
    let mut body = serde_json::to_vec(&request).unwrap();
    let length = body.len().to_string();
    body.extend(data);
    let headers = [("inference-header-content-length", length.as_str())];
    let answer = server.post("/v2/models/part/infer", &headers, &body);
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let length: usize = answer.header("inference-header-content-length").unwrap().parse().unwrap();
    (serde_json::from_slice(&answer.body[..length]).unwrap(), answer.body[length..].to_vec())
}

#[test]
fn results_are_those_of_http_byte_for_byte() {
    let shop = Shop::new();
    let server = start(&shop);
    let (image, file) = (image(), png());
    let (pixels, shape) = (image.to_rgb8(), [1, image.height() as i64, image.width() as i64, 3]);
    let numbers = pixels.iter().map(|&number| u32::from(number)).collect();
    let with = |mut input: crate::grpc_client::InferInputTensor, contents| {
        input.contents = Some(contents);
        input
    };
    let (of_pixels, of_files) = (input("image", "UINT8", &shape), input("image_bytes", "BYTES", &[1]));
    let typed = InferTensorContents { uint_contents: numbers, ..Default::default() };
    let files = InferTensorContents { bytes_contents: vec![file.clone().into()], ..Default::default() };
    let pixels_over_http = over_http(&server, "image", "UINT8", &shape, &pixels);
    let files_over_http = over_http(&server, "image_bytes", "BYTES", &[1], &element(&file));
    for (request, (json, bytes)) in [
        (request(of_pixels.clone(), Some(pixels), &[]), &pixels_over_http),
        (request(with(of_pixels, typed), None, &[]), &pixels_over_http),
        (request(of_files.clone(), Some(element(&file)), &[]), &files_over_http),
        (request(with(of_files, files), None, &[]), &files_over_http),
    ] {
        let answer =
            runtime().block_on(async { client(server.grpc.unwrap()).model_infer(request).await }).unwrap();
        assert!(answer.metadata().get("x-request-id").is_some());
        let answer = answer.into_inner();
        assert_eq!(
            (answer.model_name.as_str(), answer.model_version.as_str(), answer.id.as_str()),
            ("part", "1", "r")
        );
        assert_eq!(answer.raw_output_contents.concat(), *bytes);
        let outputs = json["outputs"].as_array().unwrap();
        assert_eq!(answer.outputs.len(), outputs.len());
        for (output, expected) in answer.outputs.iter().zip(outputs) {
            let given = json!({ "name": output.name, "datatype": output.datatype, "shape": output.shape });
            for key in ["name", "datatype", "shape"] {
                assert_eq!(given[key], expected[key]);
            }
        }
    }
}

#[tokio::test]
async fn health_metadata_and_statistics_are_told() {
    let shop = Shop::new();
    shop.add("part", 3, &model_with_threshold(0.9));
    let server = start(&shop);
    let mut client = client(server.grpc.unwrap());
    assert!(client.server_live(ServerLiveRequest {}).await.unwrap().into_inner().live);
    assert!(client.server_ready(ServerReadyRequest {}).await.unwrap().into_inner().ready);
    for (version, expected) in [("", true), ("1", true), ("3", true), ("2", false), ("../1", false)] {
        let request = ModelReadyRequest { name: "part".into(), version: version.into() };
        assert_eq!(client.model_ready(request).await.unwrap().into_inner().ready, expected, "{version}");
    }
    let metadata = client.server_metadata(ServerMetadataRequest {}).await.unwrap().into_inner();
    assert_eq!((metadata.name.as_str(), metadata.version.as_str()), ("anoseg", env!("CARGO_PKG_VERSION")));
    let metadata = ModelMetadataRequest { name: "part".into(), ..Default::default() };
    let metadata = client.model_metadata(metadata).await.unwrap().into_inner();
    assert_eq!(metadata.versions, ["1", "3"]);
    let json = server.get("/v2/models/part").json();
    let tensors = |json: &serde_json::Value| {
        let tensors = json.as_array().unwrap().iter();
        tensors.map(|tensor| (tensor["name"].to_string(), tensor["shape"].to_string())).collect::<Vec<_>>()
    };
    let told = metadata
        .inputs
        .iter()
        .map(|tensor| (json!(tensor.name).to_string(), json!(tensor.shape).to_string()));
    assert_eq!(told.collect::<Vec<_>>(), tensors(&json["inputs"]));
    let config = ModelConfigRequest { name: "part".into(), ..Default::default() };
    let config = client.model_config(config).await.unwrap().into_inner().config.unwrap();
    assert_eq!((config.max_batch_size, config.input.len(), config.output.len()), (0, 2, 4));

    let version = ModelInferRequest { model_version: "1".into(), ..of_file(&png(), &["score"]) };
    let answer = client.model_infer(version).await.unwrap().into_inner();
    assert_eq!((answer.model_version.as_str(), answer.raw_output_contents[0].len()), ("1", 4));
    let failed = client.model_infer(of_file(b"no image", &[])).await.unwrap_err();
    assert_eq!(reason(&failed), (Code::InvalidArgument, "bad_image".into()));
    let statistics = ModelStatisticsRequest { name: "part".into(), version: "1".into() };
    let statistics = client.model_statistics(statistics).await.unwrap().into_inner().model_stats;
    let json = server.get("/v2/models/part/versions/1/stats").json();
    assert_eq!(json["model_stats"][0]["inference_count"], statistics[0].inference_count);
    assert_eq!((statistics.len(), statistics[0].inference_count), (1, 1));
    let all = client.model_statistics(ModelStatisticsRequest::default()).await.unwrap().into_inner();
    assert_eq!(all.model_stats.len(), 2);
    let route = "/inference.GRPCInferenceService/ModelInfer";
    assert_eq!(server.figure("anoseg_requests_total", &format!("route=\"{route}\",status=\"200\"")), 1.0);
    assert_eq!(server.figure("anoseg_requests_total", &format!("route=\"{route}\",status=\"400\"")), 1.0);
    assert_eq!(server.figure("anoseg_failures_total", "bad_image"), 1.0);
}

#[tokio::test]
async fn models_are_listed_loaded_and_unloaded() {
    let shop = Shop::new();
    let server = start(&shop);
    let mut client = client(server.grpc.unwrap());
    let mut index = async |ready| {
        let index =
            client.repository_index(RepositoryIndexRequest { ready, ..Default::default() }).await.unwrap();
        index.into_inner().models.into_iter().map(|model| model.state).collect::<Vec<_>>()
    };
    assert_eq!(index(true).await, ["READY"]);
    let mut other = client_of(&server);
    let unload = RepositoryModelUnloadRequest { model_name: "part".into(), ..Default::default() };
    assert!(other.repository_model_unload(unload).await.unwrap().into_inner().is_unloaded);
    assert!(index(true).await.is_empty());
    assert_eq!(index(false).await, ["UNAVAILABLE"]);
    // As clients of KServe's definition name it.
    let load = RepositoryModelLoadRequest { repository_name: "part".into(), ..Default::default() };
    assert!(other.repository_model_load(load).await.unwrap().into_inner().is_loaded);
    assert_eq!(index(true).await, ["READY"]);
    let load = RepositoryModelLoadRequest { model_name: "../part".into(), ..Default::default() };
    assert_eq!(
        reason(&other.repository_model_load(load).await.unwrap_err()),
        (Code::NotFound, "unknown_model".into())
    );
}

/// A client of the server.
fn client_of(server: &Running) -> crate::grpc_client::Client {
    client(server.grpc.unwrap())
}

#[tokio::test]
async fn tokens_have_their_roles() {
    let shop = Shop::new();
    let text = "line inspect aaaaaaaaaaaaaaaaaaaa\nada admin bbbbbbbbbbbbbbbbbbbb\n";
    let tokens = Tokens::parse(text).unwrap();
    let audit = shop.path("audit.jsonl");
    let server = Running::new(Settings { tokens, audit: Some(audit.clone()), ..shop.settings_with_grpc() });
    let mut client = client_of(&server);
    let mut health = HealthClient::new(channel(server.grpc.unwrap()));
    assert!(client.server_ready(ServerReadyRequest {}).await.unwrap().into_inner().ready);
    assert!(health.check(HealthCheckRequest::default()).await.is_ok());
    fn with<T>(message: T, token: &str) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request.metadata_mut().insert("x-request-id", "r-1".parse().unwrap());
        request
    }
    let (line, ada) = ("aaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbb");
    let infer = || of_file(&png(), &["score"]);
    let unload = || RepositoryModelUnloadRequest { model_name: "part".into(), ..Default::default() };
    let failed = client.model_infer(infer()).await.unwrap_err();
    assert_eq!(reason(&failed), (Code::Unauthenticated, "unauthorized".into()));
    assert_eq!(
        client.model_infer(with(infer(), "cccccccccccccccccccc")).await.unwrap_err().code(),
        Code::Unauthenticated
    );
    let answer = client.model_infer(with(infer(), line)).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "r-1");
    let failed = client.repository_model_unload(with(unload(), line)).await.unwrap_err();
    assert_eq!(reason(&failed), (Code::PermissionDenied, "forbidden".into()));
    assert_eq!(failed.metadata().get("x-request-id").unwrap(), "r-1");
    client.repository_model_unload(with(unload(), ada)).await.unwrap();
    let audit = std::fs::read_to_string(audit).unwrap();
    let lines: Vec<serde_json::Value> =
        audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |event: &str| lines.iter().find(|line| line["event"] == event).unwrap();
    assert_eq!((&told("decision")["who"], &told("decision")["request_id"]), (&json!("line"), &json!("r-1")));
    assert_eq!(told("unload")["who"], "ada");
}

#[tokio::test]
async fn health_follows_the_server() {
    let shop = Shop::new();
    let server = start(&shop);
    let mut health = HealthClient::new(channel(server.grpc.unwrap()));
    let of = |service: &str| HealthCheckRequest { service: service.into() };
    for service in ["", "inference.GRPCInferenceService"] {
        let status = health.check(of(service)).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving);
    }
    assert_eq!(health.check(of("other")).await.unwrap_err().code(), Code::NotFound);
    let mut unknown = health.watch(of("other")).await.unwrap().into_inner();
    assert_eq!(unknown.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    let mut watch = health.watch(of("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    server.stop();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(watch.message().await.unwrap().is_none());
    tokio::task::spawn_blocking(move || server.join()).await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let shop = Shop::new();
    let server = start(&shop);
    let call = async |path: &'static str| {
        let mut client = tonic::client::Grpc::new(channel(server.grpc.unwrap()));
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<ServerLiveRequest, ServerLiveRequest>::default();
        let path = axum::http::uri::PathAndQuery::from_static(path);
        client.unary(Request::new(ServerLiveRequest {}), path, codec).await.unwrap_err()
    };
    for path in [
        "/inference.GRPCInferenceService/ModelStreamInfer",
        "/inference.GRPCInferenceService/",
        "/other.Service/X",
    ] {
        let status = call(path).await;
        assert_eq!(reason(&status), (Code::Unimplemented, "unimplemented".into()), "{path}");
        assert!(status.message().contains(path), "{status}");
    }
    let unknown = ModelInferRequest { model_name: "other".into(), ..of_file(&png(), &[]) };
    let status = client_of(&server).model_infer(unknown).await.unwrap_err();
    assert_eq!(reason(&status), (Code::NotFound, "unknown_model".into()));
}
