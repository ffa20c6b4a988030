//! `anoseg serve` is killed while it writes its history and its audit log: what a client was told is in both.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr};
use std::time::Duration;

use anoseg_history::Reader;
use common::{Workshop, signal};
use serde_json::Value;

fn start(shop: &Workshop) -> (Child, BufReader<ChildStderr>, String) {
    let mut server =
        shop.start("serve --models models --http 127.0.0.1:0 --history history --audit audit.jsonl");
    let mut log = BufReader::new(server.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening on http://") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended");
    }
    let address = line.split("http://").nth(1).unwrap().split(';').next().unwrap();
    (server, log, address.to_owned())
}

/// The verdict on an image, or None where no whole answer came.
fn inspect(address: &str, image: &[u8]) -> Option<Value> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let head = format!(
        "POST /v1/models/part/predict HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        image.len()
    );
    stream.write_all(&[head.as_bytes(), image].concat()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| serde_json::from_str(body).ok())?
}

/// Kills the server while four clients ask it. Gives the verdicts that they were told, by number.
fn killed(shop: &Workshop, wait: Duration) -> BTreeMap<i64, Value> {
    let image = fs::read(shop.path("image.png")).unwrap();
    let (mut server, _log, address) = start(shop);
    let mut told = BTreeMap::new();
    // The models are loaded after it listens.
    let first = std::iter::repeat_with(|| inspect(&address, &image)).flatten().next().unwrap();
    told.insert(first["verdict"].as_i64().unwrap(), first);
    std::thread::scope(|scope| {
        let client = || {
            let verdicts = std::iter::from_fn(|| inspect(&address, &image));
            verdicts.map(|verdict| (verdict["verdict"].as_i64().unwrap(), verdict)).collect::<Vec<_>>()
        };
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
        std::thread::sleep(wait);
        signal(server.id(), "-KILL");
        told.extend(clients.into_iter().flat_map(|client| client.join().unwrap()));
    });
    assert!(!server.wait().unwrap().success());
    told
}

#[test]
fn a_killed_server_loses_no_verdict_that_a_client_was_told() {
    let shop = Workshop::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../anoseg-infer/tests/fixtures/format1");
    fs::create_dir_all(shop.path("models/part/1")).unwrap();
    fs::copy(fixtures.join("compact.anoseg"), shop.path("models/part/1/model.anoseg")).unwrap();
    fs::copy(fixtures.join("image.png"), shop.path("image.png")).unwrap();
    let mut all: BTreeMap<i64, Value> = BTreeMap::new();
    let kills = 5;
    for number in 0..kills {
        let told = killed(&shop, Duration::from_millis(60 + 70 * number));
        // No number is given twice.
        assert!(told.keys().all(|id| !all.contains_key(id)));
        all.extend(told);
        let reader = Reader::open(&shop.path("history")).unwrap();
        assert_eq!(reader.check().unwrap(), Vec::<String>::new());
        for (id, verdict) in &all {
            let row = reader.verdict(*id).unwrap().unwrap_or_else(|| panic!("verdict {id} is lost"));
            assert_eq!(row.model.digest, verdict["model_digest"].as_str().unwrap());
            assert_eq!(f64::from(row.score) as f32, verdict["score"].as_f64().unwrap() as f32);
        }
        let audit = fs::read_to_string(shop.path("audit.jsonl")).unwrap();
        let lines: Vec<&str> = audit.lines().collect();
        let mut written: Vec<i64> = Vec::new();
        let mut broken = 0;
        for line in &lines {
            match serde_json::from_str::<Value>(line) {
                Ok(line) => written.extend(line["verdict"].as_i64()),
                Err(_) => broken += 1,
            }
        }
        // At most the last line of each run.
        assert!(broken <= number + 1, "{broken} broken lines");
        let missing = all.keys().find(|id| !written.contains(id));
        assert_eq!(missing, None, "it is not in the audit log");
        // Four requests were under way at most.
        let kept = reader.count(&anoseg_history::Filter::default()).unwrap();
        assert!(kept <= all.len() as u64 + 4 * (number + 1), "{kept} {}", all.len());
    }
    assert!(all.len() > 5, "{}", all.len());
}
