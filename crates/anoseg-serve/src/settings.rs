//! What a server is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anoseg::Limits;
use anoseg_history::{Retention, drift};

use crate::{Tls, Tokens};

/// The settings of a [`Server`](crate::Server).
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of models, `<models>/<model>/<version>/model.anoseg`.
    pub models: PathBuf,
    /// Where to listen. Default: 127.0.0.1:8000. Port 0 is any free one.
    pub address: SocketAddr,
    /// Where to listen for gRPC; not at all if None. Default: 127.0.0.1:8001. Port 0 is any free one.
    pub grpc: Option<SocketAddr>,
    /// The certificate with which all connections are encrypted; none are if None.
    pub tls: Option<Tls>,
    /// How many of the highest versions of each model are loaded, at least 1. Default: 2.
    pub versions: usize,
    /// Time between two listings of the folder of models; none if None. Default: 2 s.
    pub poll: Option<Duration>,
    /// Requests that are computed at a time, at least 1. Default: one for each processor.
    pub workers: usize,
    /// Threads that compute one request, at least 1. Default: 1.
    pub threads: usize,
    /// Requests that wait; further ones are refused with 429. Default: 64.
    pub queue: usize,
    /// Limits on each image.
    pub limits: Limits,
    /// Most images of a request. Default: 32.
    pub most_images: usize,
    /// Most bytes of a request's body. Default: 64 MiB.
    pub most_body: u64,
    /// Most bytes of all bodies and answers that are held at a time; above it new bodies are refused
    /// with 429. Default: 1 GiB.
    pub most_bodies: u64,
    /// Connections that are open at a time, of HTTP and of gRPC each; further ones wait. Default: 1024.
    pub connections: usize,
    /// Time for a request, from its headers to its result. Default: 30 s.
    pub deadline: Duration,
    /// Time for the handshake of an encrypted connection and for the headers of a request, also how long an idle
    /// connection of HTTP stays open, and how often peers of gRPC are asked whether they live. Default: 20 s.
    pub header_timeout: Duration,
    /// How long a connection of gRPC stays open without a call; its client opens another one. Default: 5 min.
    pub idle_timeout: Duration,
    /// Time for the body of a request. Default: 20 s.
    pub body_timeout: Duration,
    /// Time in which a client must take some of its answer. Default: 20 s.
    pub write_timeout: Duration,
    /// Time for requests under way when the server is to stop. Default: 20 s.
    pub grace: Duration,
    /// Who may do what.
    pub tokens: Tokens,
    /// Whether everybody may use an address that other machines reach, without tokens.
    pub open: bool,
    /// The audit log; none if None.
    pub audit: Option<PathBuf>,
    /// The folder of the history of verdicts, and how long they are kept; none if None.
    pub history: Option<(PathBuf, Retention)>,
    /// How alarms of drift are raised, where a history is kept.
    pub drift: drift::Settings,
    /// Images with feedback on which a version is compared with the one it takes the place of, at most; none if 0.
    /// Default: 200.
    pub regression_images: usize,
    /// Time for such a comparison. Default: 60 s.
    pub regression_time: Duration,
    /// A version that decides more of these images worse is refused; none is if None.
    pub max_worse: Option<u64>,
}

impl Settings {
    /// The defaults, for the models of a folder.
    pub fn new(models: impl Into<PathBuf>) -> Self {
        let wait = Duration::from_secs(20);
        Self {
            models: models.into(),
            address: (Ipv4Addr::LOCALHOST, 8000).into(),
            grpc: Some((Ipv4Addr::LOCALHOST, 8001).into()),
            tls: None,
            versions: 2,
            poll: Some(Duration::from_secs(2)),
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            threads: 1,
            queue: 64,
            limits: Limits::default(),
            most_images: 32,
            most_body: 64 << 20,
            most_bodies: 1 << 30,
            connections: 1024,
            deadline: Duration::from_secs(30),
            header_timeout: wait,
            idle_timeout: Duration::from_secs(300),
            body_timeout: wait,
            write_timeout: wait,
            grace: wait,
            tokens: Tokens::default(),
            open: false,
            audit: None,
            history: None,
            drift: drift::Settings::default(),
            regression_images: 200,
            regression_time: Duration::from_secs(60),
            max_worse: None,
        }
    }
}
