//! gRPC under load, with limits, slow and vanishing clients, and at the end: as HTTP.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod grpc_client;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anoseg_serve::Server;
use futures_util::future::join_all;
use tonic::transport::Endpoint;
use tonic::{Code, Request};

use common::{Running, Shop, large_png, png, wait_until};
use grpc_client::{GrpcInferenceServiceClient, ServerLiveRequest, client, of_file, reason, runtime};

#[test]
fn a_full_queue_is_told_with_the_time_to_wait() {
    let shop = Shop::new();
    let mut settings = shop.settings_with_grpc();
    (settings.workers, settings.queue) = (1, 2);
    let server = Running::new(settings);
    let image = large_png(1500);
    let answers = runtime().block_on(async {
        let client = client(server.grpc.unwrap());
        let calls = (0..16).map(|_| {
            let (mut client, request) = (client.clone(), of_file(&image, &["score"]));
            tokio::spawn(async move { client.model_infer(request).await })
        });
        join_all(calls.collect::<Vec<_>>()).await
    });
    let mut refused = 0;
    for answer in answers {
        let Err(status) = answer.unwrap() else { continue };
        assert_eq!(reason(&status), (Code::ResourceExhausted, "queue_full".into()));
        let seconds: u64 = status.metadata().get("retry-after").unwrap().to_str().unwrap().parse().unwrap();
        let milliseconds = status.metadata().get("grpc-retry-pushback-ms").unwrap();
        assert_eq!(milliseconds.to_str().unwrap(), (seconds * 1000).to_string());
        refused += 1;
    }
    assert!((1..=13).contains(&refused), "{refused}");
    assert_eq!(server.figure("anoseg_failures_total", "queue_full"), f64::from(refused));
}

#[test]
fn messages_have_limits() {
    let shop = Shop::new();
    let mut settings = shop.settings_with_grpc();
    (settings.most_body, settings.most_bodies) = (100_000, 150_000);
    let server = Running::new(settings);
    runtime().block_on(async {
        let mut client = client(server.grpc.unwrap());
        let status = client.model_infer(of_file(&vec![0; 100_001], &[])).await.unwrap_err();
        assert_eq!(reason(&status), (Code::ResourceExhausted, "too_large".into()));
        // Numbers of one byte in the message, and of four when it is read.
        let mut input = grpc_client::input("image", "UINT8", &[1, 100, 200, 3]);
        let contents =
            grpc_client::InferTensorContents { uint_contents: vec![7; 60_000], ..Default::default() };
        input.contents = Some(contents);
        let status = client.model_infer(grpc_client::request(input, None, &[])).await.unwrap_err();
        assert_eq!(reason(&status), (Code::ResourceExhausted, "memory_full".into()));
        // Fields of two bytes each.
        let many =
            grpc_client::ModelInferRequest { inputs: vec![Default::default(); 40_000], ..Default::default() };
        let status = client.model_infer(many).await.unwrap_err();
        assert_eq!(reason(&status), (Code::ResourceExhausted, "too_large".into()));
        // The memory was given back.
        assert!(client.model_infer(of_file(&png(), &["score"])).await.is_ok());
    });
}

#[test]
fn a_call_ends_at_the_deadline_of_its_client_or_the_server() {
    let shop = Shop::new();
    let mut settings = shop.settings_with_grpc();
    (settings.workers, settings.deadline) = (1, Duration::from_millis(400));
    // Without a network, whose client would end the call by itself.
    let server = Server::bind(settings).unwrap();
    server.refresh();
    let image = large_png(2500);
    runtime().block_on(async {
        let client = GrpcInferenceServiceClient::new(server.grpc_router());
        let calls = (0..24).map(|number| {
            let (mut client, mut request) = (client.clone(), Request::new(of_file(&image, &["score"])));
            let time = if number % 2 == 0 { "100m" } else { "1H" };
            request.metadata_mut().insert("grpc-timeout", time.parse().unwrap());
            tokio::spawn(async move {
                let begun = Instant::now();
                (client.model_infer(request).await, begun.elapsed(), time)
            })
        });
        let mut late = [0, 0];
        for call in join_all(calls.collect::<Vec<_>>()).await {
            let (answer, took, time) = call.unwrap();
            let Err(status) = answer else { continue };
            assert_eq!(reason(&status), (Code::DeadlineExceeded, "deadline".into()));
            assert!(took < Duration::from_secs(10), "{took:?}");
            late[usize::from(time == "1H")] += 1;
        }
        assert!(late[0] > 0 && late[1] > 0, "{late:?}");
    });
}

#[test]
fn work_of_calls_that_are_cancelled_is_dropped() {
    let shop = Shop::new();
    let mut settings = shop.settings_with_grpc();
    settings.workers = 1;
    let server = Running::new(settings);
    let image = large_png(2000);
    let runtime = runtime();
    let calls: Vec<_> = (0..12)
        .map(|_| {
            let (mut client, request) =
                (runtime.block_on(async { client(server.grpc.unwrap()) }), of_file(&image, &["score"]));
            runtime.spawn(async move { client.model_infer(request).await })
        })
        .collect();
    wait_until("calls wait", || server.figure("anoseg_queue_length", "") >= 5.0);
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    wait_until("they are counted", || server.figure("anoseg_failures_total", "client_gone") >= 5.0);
    assert!(server.figure("anoseg_decode_seconds_count", "") < 12.0);
}

#[test]
fn a_server_that_is_stopped_answers_the_calls_under_way() {
    let shop = Shop::new();
    let mut settings = shop.settings_with_grpc();
    settings.workers = 1;
    let server = Running::new(settings);
    let address = server.grpc.unwrap();
    let (image, runtime) = (large_png(2000), runtime());
    let calls: Vec<_> = (0..6)
        .map(|_| {
            let (mut client, request) =
                (runtime.block_on(async { client(address) }), of_file(&image, &["score"]));
            runtime.spawn(async move { client.model_infer(request).await })
        })
        .collect();
    wait_until("calls wait", || server.figure("anoseg_queue_length", "") >= 3.0);
    server.stop();
    let begun = Instant::now();
    server.join();
    assert!(begun.elapsed() < Duration::from_secs(19), "{:?}", begun.elapsed());
    for call in runtime.block_on(join_all(calls)) {
        assert_eq!(call.unwrap().unwrap().into_inner().outputs.len(), 1);
    }
    assert!(TcpStream::connect(address).is_err());
}

/// Reads until the server ends the connection, and gives how long that took.
fn time_until_the_end(mut stream: TcpStream) -> Duration {
    let begun = Instant::now();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // It may be reset, too.
    _ = stream.read_to_end(&mut Vec::new());
    begun.elapsed()
}

#[test]
fn connections_without_a_beginning_or_without_calls_end() {
    let shop = Shop::new();
    let mut settings = shop.settings_with_grpc();
    (settings.header_timeout, settings.idle_timeout) =
        (Duration::from_millis(200), Duration::from_millis(600));
    let server = Running::new(settings);
    let connect = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(server.grpc.unwrap()).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    };
    let preface = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
    for bytes in [&b""[..], &preface[..10], b"GET / HTTP/1.1\r\n\r\n", &preface] {
        let took = time_until_the_end(connect(bytes));
        assert!(took < Duration::from_secs(10), "{took:?} {bytes:?}");
    }
}

#[test]
fn an_answer_that_is_not_taken_ends_its_connection() {
    let shop = Shop::new();
    let mut settings = shop.settings_with_grpc();
    settings.write_timeout = Duration::from_millis(300);
    let server = Running::new(settings);
    let image = large_png(1500);
    runtime().block_on(async {
        // The client answers pings and takes headers; its window for the answer is small, and nothing is read.
        let endpoint = Endpoint::from_shared(format!("http://{}", server.grpc.unwrap())).unwrap();
        let endpoint = endpoint.initial_stream_window_size(70_000).initial_connection_window_size(70_000);
        let channel = endpoint.connect().await.unwrap();
        let mut grpc = tonic::client::Grpc::new(channel).max_decoding_message_size(usize::MAX);
        grpc.ready().await.unwrap();
        let path = axum::http::uri::PathAndQuery::from_static("/inference.GRPCInferenceService/ModelInfer");
        let codec = tonic_prost::ProstCodec::<grpc_client::ModelInferRequest, grpc_client::ModelInferResponse>::default();
        // As a stream, so that the message is not read before it is asked for.
        let answer = grpc.server_streaming(Request::new(of_file(&image, &["anomaly_map"])), path, codec).await;
        let mut answer = answer.unwrap().into_inner();
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(answer.message().await.is_err());
        // Others are answered.
        let mut other = GrpcInferenceServiceClient::new(grpc_client::channel(server.grpc.unwrap()));
        assert!(other.server_live(ServerLiveRequest {}).await.is_ok());
    });
}
