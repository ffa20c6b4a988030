//! `anoseg serve`.

use anoseg_serve::{DriftSettings, Retention, ServeError, Server, Settings, Tokens};
use anyhow::Result;

use crate::args::{LogForm, Serve};
use crate::exit::Outcome;
use crate::{console, stop};

/// The environment variable with tokens, where no file of them is given.
const TOKENS: &str = "ANOSEG_TOKENS";

pub(crate) fn run(options: &Serve) -> Result<Outcome> {
    let settings = settings(options)?;
    start_log(options.log);
    let (tokens, scheme) = (settings.tokens.count(), if settings.tls.is_some() { "https" } else { "http" });
    let stop = stop::on_signals("stopping after the requests under way");
    let server = Server::bind(settings)?;
    let grpc = server.grpc_address().map_or_else(String::new, |address| format!("; gRPC on {address}"));
    if grpc.is_empty() && options.grpc.is_none() {
        console::warning(
            "no gRPC: there is no port after that of --http; give --grpc ADDRESS, or --grpc none",
        );
    }
    console::note(&format!("listening on {scheme}://{}{grpc}; stop with Ctrl-C", server.address()));
    if tokens == 0 {
        console::note("without tokens: whoever reaches this address may do everything");
    }
    server.run(|| stop.is_stopped())?;
    // The user ends every server.
    Ok(Outcome::Fine)
}

fn settings(options: &Serve) -> Result<Settings, ServeError> {
    let tokens = match &options.token_file {
        Some(path) => Tokens::read(path)?,
        None => Tokens::parse(&std::env::var(TOKENS).unwrap_or_default())?,
    };
    let mut settings = Settings::new(&options.models);
    if let Some(workers) = options.workers {
        settings.workers = count(workers);
    }
    let kept = Retention {
        age: Some(options.history_age),
        bytes: Some(options.history_size),
        ..Retention::default()
    };
    Ok(Settings {
        address: options.http,
        grpc: options.grpc_address(),
        tls: options.tls.clone(),
        versions: count(options.versions),
        poll: Some(options.poll).filter(|time| !time.is_zero()),
        threads: count(options.threads),
        queue: count(options.queue),
        limits: options.limits.limits(),
        most_images: count(options.max_images),
        most_body: options.max_body,
        most_bodies: options.max_bodies,
        connections: count(options.max_connections),
        deadline: options.deadline,
        header_timeout: options.client_timeout,
        body_timeout: options.client_timeout,
        write_timeout: options.client_timeout,
        grace: options.grace,
        tokens,
        open: options.without_tokens,
        audit: options.audit.clone(),
        history: options.history.clone().map(|folder| (folder, kept)),
        drift: DriftSettings { images_per_false_alarm: options.drift_images, defects: options.defects },
        regression_images: count(options.regression_images),
        regression_time: options.regression_time,
        max_worse: options.max_worse,
        ..settings
    })
}

/// A number that the parser keeps small.
fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Writes events of the server to standard error. Values of fields are quoted, so that names do not act
/// on a terminal.
pub(super) fn start_log(form: LogForm) {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_target(false);
    match form {
        LogForm::Text => log.init(),
        LogForm::Json => log.json().flatten_event(true).init(),
    }
}
