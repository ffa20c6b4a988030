//! `anoseg serve`: it starts, gives the verdict of `predict`, and ends by a signal with exit code 0.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr};

use common::{Workshop, signal};
use serde_json::Value;

/// A workshop with version 1 of the model `part`, and an image.
fn shop() -> Workshop {
    let shop = Workshop::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../anoseg-infer/tests/fixtures/format1");
    fs::create_dir_all(shop.path("models/part/1")).unwrap();
    fs::copy(fixtures.join("compact.anoseg"), shop.path("models/part/1/model.anoseg")).unwrap();
    fs::copy(fixtures.join("image.png"), shop.path("image.png")).unwrap();
    shop
}

/// Starts the server, and gives its address when it listens.
fn start(shop: &Workshop, options: &str) -> (Child, BufReader<ChildStderr>, String) {
    let mut server = shop.start(&format!("serve --models models --http 127.0.0.1:0 {options}"));
    let mut log = BufReader::new(server.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening on http://") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended");
    }
    let address = line.split("http://").nth(1).unwrap().split(';').next().unwrap();
    (server, log, address.to_owned())
}

/// Status and body of an answer.
fn send(address: &str, head: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head =
        format!("{head}\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let status = String::from_utf8_lossy(&answer[..end]).split(' ').nth(1).unwrap().to_owned();
    (status, answer.split_off(end + 4))
}

#[test]
fn the_verdict_is_that_of_predict_and_a_signal_ends_it() {
    let shop = shop();
    shop.run("predict models/part/1/model.anoseg image.png -o out", 0);
    let line = fs::read_to_string(shop.path("out/verdicts.jsonl")).unwrap();
    for stop in ["-TERM", "-INT"] {
        let (mut server, mut log, address) = start(&shop, "--audit audit.jsonl --log json");
        while send(&address, "GET /v2/health/ready HTTP/1.1", b"").0 != "200" {}
        let image = fs::read(shop.path("image.png")).unwrap();
        let (status, body) = send(&address, "POST /v1/models/part/predict HTTP/1.1", &image);
        let text = String::from_utf8(body).unwrap();
        assert_eq!(status, "200", "{text}");
        assert_eq!(text.replace("\"image\":\"image\"", "\"image\":\"image.png\""), line.trim_end());
        signal(server.id(), stop);
        assert_eq!(server.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        log.read_to_string(&mut rest).unwrap();
        let mut events = rest.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        assert!(events.any(|event| event["message"] == "loaded" && event["model"] == "part"), "{rest}");
    }
    let audit = fs::read_to_string(shop.path("audit.jsonl")).unwrap();
    assert_eq!(audit.lines().filter(|line| line.contains("\"event\":\"decision\"")).count(), 2);
}

#[test]
fn tokens_are_those_of_the_file() {
    let shop = shop();
    fs::write(shop.path("tokens"), "line inspect 0123456789abcdef0123\n").unwrap();
    let (mut server, _log, address) = start(&shop, "--token-file tokens");
    assert_eq!(send(&address, "GET /v2 HTTP/1.1", b"").0, "401");
    let head = "GET /v2 HTTP/1.1\r\nauthorization: Bearer 0123456789abcdef0123";
    assert_eq!(send(&address, head, b"").0, "200");
    signal(server.id(), "-KILL");
    server.wait().unwrap();
}

#[test]
fn what_cannot_be_served_is_told_with_a_remedy() {
    let shop = shop();
    fs::write(shop.path("tokens"), "line inspect secret\n").unwrap();
    for (options, parts) in [
        ("--models none", &["none", "check the path"][..]),
        ("--models models --http 0.0.0.0:0", &["no tokens", "--token-file"]),
        ("--models models --http nonsense", &["127.0.0.1:8000"]),
        ("--models models --token-file tokens", &["line 1", "16 characters"]),
        ("--models models --token-file absent", &["absent", "check the path"]),
        ("--models models --http 127.0.0.1:0 --audit models", &["models", "give a file"]),
        ("--models models --max-body 0", &["above 0"]),
        ("--models models --http 127.0.0.1:0 --grpc nowhere", &["127.0.0.1:8001", "none"]),
        ("--models models --http 127.0.0.1:0 --tls cert.pem", &["two files", "comma"]),
        ("--models models --http 127.0.0.1:0 --tls absent.pem,absent.key", &["absent.pem", "check the path"]),
        ("--models models --http 127.0.0.1:0 --tls tokens,tokens", &["tokens", "no certificate"]),
    ] {
        let (_, error) = shop.run(&format!("serve {options}"), 2);
        assert!(parts.iter().all(|part| error.contains(part)), "{options}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn the_address_of_grpc_is_told_and_a_taken_one_names_the_option() {
    let shop = shop();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (_, error) = shop.run(&format!("serve --models models --http 127.0.0.1:0 --grpc {address}"), 2);
    assert!([&address.to_string(), "--grpc", "none"].iter().all(|part| error.contains(*part)), "{error}");
    for (options, is_there) in [("", true), ("--grpc none", false)] {
        let mut server = shop.start(&format!("serve --models models --http 127.0.0.1:0 {options}"));
        let mut log = BufReader::new(server.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on http://") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended");
        }
        let grpc = line.split("gRPC on ").nth(1).map(|rest| rest.split(';').next().unwrap().to_owned());
        assert_eq!(grpc.is_some(), is_there, "{line}");
        assert!(grpc.is_none_or(|address| TcpStream::connect(address).is_ok()), "{line}");
        signal(server.id(), "-TERM");
        assert_eq!(server.wait().unwrap().code(), Some(0));
    }
}
