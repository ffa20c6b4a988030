//! A repository with a tiny model, a server in this process, and a client.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anoseg::{Image, Model, write};
use anoseg_serve::{ServeError, Server, Settings};
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../anoseg-infer/tests/fixtures/format1").join(name)
}

/// The model of every test: 64 x 64 pixels at the network.
pub(crate) fn model() -> Model {
    Model::load(&fixture("compact.anoseg")).unwrap()
}

/// The same model with another image threshold, which gives it another digest.
pub(crate) fn model_with_threshold(threshold: f32) -> Model {
    let mut model = model();
    let mut calibration = model.calibration().unwrap().clone();
    calibration.image_threshold = threshold;
    calibration.review_threshold = calibration.review_threshold.min(threshold);
    model.set_calibration(calibration);
    model
}

/// An image file, PNG.
pub(crate) fn png() -> Vec<u8> {
    std::fs::read(fixture("image.png")).unwrap()
}

pub(crate) fn image() -> Image {
    anoseg::decode::load_bytes(&png(), "image".as_ref(), &anoseg::Limits::default()).unwrap()
}

/// A large image of noise, whose inspection takes some time.
pub(crate) fn large_png(side: usize) -> Vec<u8> {
    write::encode_png(&Image::from_fn(side, side, |x, y| [((x * 7 + y * 13) % 97) as f32 / 97.0; 3]))
}

/// A folder of models, at first with version 1 of `part`.
pub(crate) struct Shop {
    folder: TempDir,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let shop = Self { folder: tempfile::tempdir().unwrap() };
        shop.add("part", 1, &model());
        shop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of a version.
    pub(crate) fn version(&self, model: &str, version: u64) -> PathBuf {
        self.path("models").join(model).join(version.to_string())
    }

    pub(crate) fn add(&self, name: &str, version: u64, model: &Model) {
        let folder = self.version(name, version);
        std::fs::create_dir_all(&folder).unwrap();
        model.save(&folder.join("model.anoseg")).unwrap();
    }

    /// Any port, without gRPC, and listings that follow fast.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.path("models"));
        settings.address.set_port(0);
        settings.grpc = None;
        settings.poll = Some(Duration::from_millis(20));
        settings
    }

    pub(crate) fn start(&self) -> Running {
        Running::new(self.settings())
    }

    /// The same with gRPC.
    pub(crate) fn settings_with_grpc(&self) -> Settings {
        Settings { grpc: Some((Ipv4Addr::LOCALHOST, 0).into()), ..self.settings() }
    }
}

/// A server in this process; it ends with this value.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// That of gRPC.
    pub(crate) grpc: Option<SocketAddr>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Running {
    /// Starts a server and waits until it is ready.
    pub(crate) fn new(settings: Settings) -> Self {
        let running = Self::begin(settings);
        wait_until("the server is ready", || running.get("/v2/health/ready").status == 200);
        running
    }

    /// Starts a server.
    pub(crate) fn begin(settings: Settings) -> Self {
        let server = Server::bind(settings).unwrap();
        let (address, grpc, stop) =
            (server.address(), server.grpc_address(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || server.run(move || stopped.load(Ordering::Relaxed)));
        Self { address, grpc, stop, thread: Some(thread) }
    }

    /// Asks the server to stop.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for its end.
    pub(crate) fn join(mut self) {
        self.thread.take().unwrap().join().unwrap().unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        send(self.address, "GET", path, &[], b"").unwrap()
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        send(self.address, "POST", path, headers, body).unwrap()
    }

    /// The value of a figure in `/metrics`, summed over its labels that contain `label`.
    pub(crate) fn figure(&self, name: &str, label: &str) -> f64 {
        let text = self.get("/metrics").text();
        let lines = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(label)
        });
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

/// An answer of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The name of the failure.
    pub(crate) fn code(&self) -> String {
        let json = self.json();
        assert!(json["error"].is_string() && json["request_id"].is_string(), "{json}");
        json["code"].as_str().unwrap().to_owned()
    }
}

/// A request on a connection of its own.
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    stream.write_all(format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes())?;
    stream.write_all(body)?;
    read_answer(&mut stream)
}

/// What the server sends until it closes the connection.
pub(crate) fn read_answer(stream: &mut TcpStream) -> std::io::Result<Answer> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Answer { status, head, body: bytes.split_off(end + 4) })
}

pub(crate) fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "30 s were not enough until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The content type of [`form`].
pub(crate) const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=line");

/// The body of a form: the name of each field, the name of its file, its bytes.
pub(crate) fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, bytes) in parts {
        let file = file.map_or_else(String::new, |file| format!("; filename=\"{file}\""));
        body.extend(
            format!("--line\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").as_bytes(),
        );
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--line--\r\n");
    body
}
