//! The options of `anoseg serve`.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::LimitOptions;
use super::limits::bytes;
use super::values::{duration, share, whole_number_in};

#[derive(Args)]
pub(crate) struct Serve {
    /// Folder of models: MODEL/VERSION/model.anoseg, versions numbered from 1. The highest version of a model
    /// answers by default. New and changed files are loaded while requests go on.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) models: PathBuf,
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000", value_parser = address)]
    pub(crate) http: SocketAddr,
    /// File of tokens, a line each: NAME ROLE[,ROLE] TOKEN with the roles inspect, feedback and admin [default:
    /// such lines in the environment variable ANOSEG_TOKENS; without any, everybody may do everything].
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Listen on an address that other machines reach, although there are no tokens.
    #[arg(long)]
    pub(crate) without_tokens: bool,
    /// Append a line of JSON to this file for every decision, load and unload: when, who, model, digest.
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,
    /// Keep every verdict, with a small image, in a database in this folder; feedback can be given on them.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) history: Option<PathBuf>,
    /// Time for which verdicts without feedback are kept.
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = duration, requires = "history")]
    pub(crate) history_age: Duration,
    /// Most bytes of the history; the oldest verdicts without feedback go first.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = bytes, requires = "history")]
    pub(crate) history_size: u64,
    /// A monitor of drift raises at most one false alarm in so many images, on average.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000, requires = "history", value_parser = |text: &str| whole_number_in(text, 1000..=1_000_000_000_000))]
    pub(crate) drift_images: u64,
    /// Share of images with defects that is expected, and is no drift.
    #[arg(long, value_name = "SHARE", default_value_t = 0.02, requires = "history", value_parser = share_of_defects)]
    pub(crate) defects: f64,
    /// Images with feedback on which a new version is compared with the one it takes the place of; 0: none.
    #[arg(long, value_name = "COUNT", default_value_t = 200, requires = "history", value_parser = |text: &str| whole_number_in(text, 0..=1_000_000))]
    pub(crate) regression_images: u64,
    /// Time for that; a version waits for its service so long.
    #[arg(long, value_name = "TIME", default_value = "60s", requires = "history", value_parser = duration)]
    pub(crate) regression_time: Duration,
    /// Refuse a version that decides more than so many of these images worse [default: none is refused].
    #[arg(long, value_name = "COUNT", requires = "history", value_parser = |text: &str| whole_number_in(text, 0..=1_000_000))]
    pub(crate) max_worse: Option<u64>,
    /// Highest versions of each model that are loaded.
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = |text: &str| whole_number_in(text, 1..=1000))]
    pub(crate) versions: u64,
    /// Time between two listings of the models; 0s: only when asked.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub(crate) poll: Duration,
    /// Requests that are computed at a time [default: one for each processor].
    #[arg(long, value_name = "COUNT", value_parser = |text: &str| whole_number_in(text, 1..=1024))]
    pub(crate) workers: Option<u64>,
    /// Threads that compute a request.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = |text: &str| whole_number_in(text, 1..=1024))]
    pub(crate) threads: u64,
    /// Requests that wait; further ones are refused with 429.
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = |text: &str| whole_number_in(text, 1..=100_000))]
    pub(crate) queue: u64,
    /// Time for a request, from the start of its body to its result.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) deadline: Duration,
    /// Time for headers, for a body, and in which a client must take some of its answer.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration)]
    pub(crate) client_timeout: Duration,
    /// Time for requests under way when the server is stopped.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration)]
    pub(crate) grace: Duration,
    /// Connections at a time; further ones wait.
    #[arg(long, value_name = "COUNT", default_value_t = 1024, value_parser = |text: &str| whole_number_in(text, 1..=100_000))]
    pub(crate) max_connections: u64,
    /// Largest body of a request, in bytes or such as 500MB, 1GiB.
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = bytes)]
    pub(crate) max_body: u64,
    /// Bodies of all requests, and answers that are not taken yet, at a time, in bytes or such as 500MB, 1GiB.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = bytes)]
    pub(crate) max_bodies: u64,
    /// Most images of a request.
    #[arg(long, value_name = "COUNT", default_value_t = 32, value_parser = |text: &str| whole_number_in(text, 1..=10_000))]
    pub(crate) max_images: u64,
    /// Form of the log on standard error.
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(crate) log: LogForm,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// Lines to read.
    Text,
    /// A line of JSON for each event.
    Json,
}

/// A share of images; all of them cannot have defects.
fn share_of_defects(text: &str) -> Result<f64, String> {
    let number = share(text)?;
    let allowed = (0.0..1.0).contains(&number);
    if allowed { Ok(number) } else { Err("give 0 or more, and less than 1".to_owned()) }
}

/// An address with its port; `localhost:8000` is one too.
fn address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| "give an address and a port, such as 127.0.0.1:8000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        assert_eq!(address("127.0.0.1:80").unwrap().port(), 80);
        assert!(address("[::1]:80").unwrap().is_ipv6());
        for other in ["", "127.0.0.1", "80", ":80x", "127.0.0.1:99999"] {
            assert!(address(other).unwrap_err().contains("127.0.0.1:8000"), "{other}");
        }
    }
}
