//! A training, as a process of its own.
//!
//! So that it may take all memory, its paths are relative to the folder of who submitted it, and its end leaves the
//! worker as it was.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anoseg::Model;
use anoseg_image::read;
use tokio::sync::OwnedMutexGuard;

use super::failure::Failure;
use super::turn::Turn;
use super::{Ended, Worker};
use crate::connection::Connection;
use crate::message::Training;

/// Largest model file that is read.
const MOST_BYTES: u64 = 1 << 32;

/// Exit code of a training that left out images.
const SOME_LEFT_OUT: i32 = 3;
/// Exit code for wrong usage, and for what the environment does not give.
const ENVIRONMENT: i32 = 2;
/// Exit code after a signal.
const INTERRUPTED: i32 = 130;

/// How a training's process ended.
struct End {
    status: ExitStatus,
    /// The last line that says why.
    error: Option<String>,
    was_stopped: bool,
}

impl Worker {
    /// Trains, and puts the model into the bucket of models.
    pub(super) async fn train(
        self: &Arc<Self>,
        training: Training,
        turn: OwnedMutexGuard<Turn>,
    ) -> Result<Ended, Failure> {
        let worker = self.clone();
        let trained = tokio::task::spawn_blocking(move || worker.train_here(&training)).await;
        let trained = trained.map_err(|error| Failure::lasting(format!("internal error: {error}")))??;
        let Some(bytes) = trained else { return Ok(Ended::Stopped) };
        let model = put_model(&self.connection, bytes).await?;
        // Not before: the next one may take all memory.
        drop(turn);
        Ok(Ended::Done { model: Some(model) })
    }

    /// The trained model's file; None if the worker was asked to stop.
    fn train_here(&self, training: &Training) -> Result<Option<Vec<u8>>, Failure> {
        let mut arguments = training.arguments.iter();
        if arguments.any(|argument| argument.starts_with("--run-dir") || argument.starts_with("--output")) {
            return Err(Failure::lasting(
                "a training says where it writes: that is for the worker to choose",
            ));
        }
        for argument in &training.arguments {
            let value = argument.split_once('=').map_or(argument.as_str(), |(_, value)| value);
            let path = training.base.as_path().join(value);
            if path.exists() {
                self.allowed.check(&path)?;
            }
        }
        let passing =
            |error: std::io::Error| Failure::passing(format!("the training cannot be started: {error}"));
        let scratch = tempfile::tempdir().map_err(passing)?;
        let output = scratch.path().join("model.anoseg");
        let mut command = Command::new(&self.program);
        command.args(&self.program_arguments);
        // The address may have a password.
        command.env_remove("ANOSEG_NATS");
        command.current_dir(training.base.as_path()).arg("train").args(&training.arguments);
        command
            .arg("--output")
            .arg(&output)
            // It ends when this process is no more there to hold the other end.
            .arg("--end-with-input")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(threads) = self.threads {
            command.env("RAYON_NUM_THREADS", threads.to_string());
        }
        let child = command.spawn().map_err(passing)?;
        let end = self.listen(child).map_err(passing)?;
        let reason =
            || end.error.clone().unwrap_or_else(|| format!("the training ended with {}", end.status));
        match end.status.code() {
            Some(0 | SOME_LEFT_OUT) if output.is_file() => {
                read::regular(&output, MOST_BYTES).map(Some).map_err(passing)
            }
            _ if end.was_stopped => Ok(None),
            Some(INTERRUPTED | ENVIRONMENT) | None => Err(Failure::passing(reason())),
            Some(_) => Err(Failure::lasting(reason())),
        }
    }

    /// Waits for the end of the process; what it says is logged. It is ended when the worker is asked to stop.
    fn listen(&self, mut child: Child) -> std::io::Result<End> {
        let said = child.stderr.take();
        let listener = std::thread::Builder::new().name("training".into()).spawn(move || {
            let mut error = None;
            for line in said.into_iter().flat_map(|said| BufReader::new(said).lines()).map_while(Result::ok) {
                tracing::info!(training = line, "training");
                if let Some(text) = line.strip_prefix("error: ") {
                    error = Some(text.to_owned());
                }
            }
            error
        })?;
        let mut was_stopped = false;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if self.stop.is_asked() && !was_stopped {
                was_stopped = true;
                end(&mut child)?;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        Ok(End { status, error: listener.join().ok().flatten(), was_stopped })
    }
}

/// Ends a process. What it has is of no use to anybody.
fn end(child: &mut Child) -> std::io::Result<()> {
    let begun = Instant::now();
    child.kill()?;
    while child.try_wait()?.is_none() && begun.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Puts a model into the bucket of models, under its digest.
async fn put_model(connection: &Connection, bytes: Vec<u8>) -> Result<String, Failure> {
    let load = move || -> Result<_, Failure> { Ok((Model::from_bytes(&bytes)?.digest()?, bytes)) };
    let loaded = tokio::task::spawn_blocking(load).await;
    let (digest, bytes) = loaded.map_err(|error| Failure::passing(error.to_string()))??;
    connection.put(&connection.models, &digest, &bytes).await?;
    Ok(digest)
}
