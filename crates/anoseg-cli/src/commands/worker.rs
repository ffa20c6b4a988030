//! `anoseg worker`.

use std::sync::Arc;

use anoseg_image::text::count;
use anoseg_worker::{WorkerSettings, work};
use anyhow::{Context as _, Result};

use super::serve::start_log;
use crate::args::{TaskKind, Worker};
use crate::exit::Outcome;
use crate::{console, shell, stop};

pub(crate) fn run(options: &Worker) -> Result<Outcome> {
    let (program, program_arguments) =
        shell::this_program().context("cannot find the program to train with")?;
    let settings = WorkerSettings {
        nats: options.nats.server()?,
        images: options.only != Some(TaskKind::Training),
        training: options.only != Some(TaskKind::Images),
        lost_after: options.lost_after,
        deliveries: options.deliveries,
        grace: options.grace,
        allowed: options.allow.clone(),
        program,
        program_arguments,
        threads: options.threads,
    };
    start_log(options.log);
    let stop = stop::on_signals("stopping after the task in hand");
    console::note(&format!("working for {}; stop with Ctrl-C", settings.nats));
    let worked = work(&settings, Arc::new(move || stop.is_stopped()))?;
    let failed = if worked.failed > 0 { format!(", {} failed", worked.failed) } else { String::new() };
    console::note(&format!("{} done{failed}", count(worked.done, "task", "tasks")));
    // The user ends every worker.
    Ok(Outcome::Fine)
}
