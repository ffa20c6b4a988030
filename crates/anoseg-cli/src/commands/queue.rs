//! `anoseg queue`.

use anoseg_image::text::count;
use anoseg_worker::{InWork, Queue, Status, WorkerError};
use anyhow::{Context as _, Result};

use super::collect;
use crate::args::{QueueCommand, QueueOptions, QueueStatus};
use crate::console;
use crate::exit::Outcome;

pub(crate) fn run(options: &QueueOptions) -> Result<Outcome> {
    match &options.command {
        None => run_status(&options.status),
        Some(QueueCommand::Retry(options)) => {
            let queue = Queue::connect(&options.nats.server()?)?;
            let tasks = queue.retry(&queue.find(&options.job)?)?;
            console::result(&format!("{} put into the queue again", count(tasks, "task", "tasks")));
            Ok(Outcome::Fine)
        }
        Some(QueueCommand::Remove(options)) => {
            let queue = Queue::connect(&options.nats.server()?)?;
            let job = queue.find(&options.job)?;
            queue.remove(&job)?;
            console::result(&format!("{job}  removed"));
            Ok(Outcome::Fine)
        }
        Some(QueueCommand::Collect(options)) => {
            let queue = Queue::connect(&options.nats.server()?)?;
            let job = queue.find(&options.job)?;
            if queue.is_training(&job)? {
                collect::model(&queue, &job, &options.output)
            } else {
                collect::verdicts(&queue, &job, &options.output, &options.form)
            }
        }
    }
}

fn run_status(options: &QueueStatus) -> Result<Outcome> {
    let queue = Queue::connect(&options.nats.server()?)?;
    let jobs = match &options.job {
        Some(job) => vec![queue.find(job)?],
        None => queue.jobs()?,
    };
    let mut found = Vec::new();
    for job in &jobs {
        match queue.status(job) {
            // Another version or program wrote it: the others are shown all the same.
            Err(error @ WorkerError::Foreign { .. }) if options.job.is_none() => {
                console::warning(&error.to_string())
            }
            status => found.push(status?),
        }
    }
    let jobs = found;
    if options.json {
        console::result(&serde_json::to_string_pretty(&jobs).context("the state of the queue")?);
    } else if options.job.is_some() {
        jobs.iter().for_each(show);
    } else {
        console::result(
            "job                               kind      tasks  waiting  in work     done     dead",
        );
        jobs.iter().for_each(show_line);
    }
    Ok(Outcome::Fine)
}

fn show_line(status: &Status) {
    let Status { job, kind, tasks, done, .. } = status;
    let waiting = status.waiting + status.failing.len();
    let (in_work, dead) = (status.in_work.len(), status.dead.len());
    console::result(&format!("{job}  {kind:<8} {tasks:>6} {waiting:>8} {in_work:>8} {done:>8} {dead:>8}"));
}

fn show(status: &Status) {
    let Status { job, kind, tasks, images, program, waiting, done, .. } = status;
    let images = if *images > 0 { format!(", {}", count(*images, "image", "images")) } else { String::new() };
    let line = |text: String| console::result(&console::one_line(&text));
    line(format!(
        "job       {job}: {kind}, {}{images}, for workers of version {program}",
        count(*tasks, "task", "tasks")
    ));
    status.results.iter().for_each(|results| line(format!("results   {results}")));
    line(format!("waiting   {waiting}"));
    line(format!("in work   {}", status.in_work.len()));
    let delivery = |task: &InWork| {
        let InWork { task, worker, delivery, failure } = task;
        let failure = failure.as_ref().map_or_else(String::new, |failure| format!(": {failure}"));
        line(format!("          task {task}, delivery {delivery}, {worker}{failure}"));
    };
    status.in_work.iter().for_each(delivery);
    if !status.failing.is_empty() {
        line(format!("failing   {}", status.failing.len()));
        status.failing.iter().for_each(delivery);
    }
    line(format!("done      {done}"));
    line(format!("dead      {}", status.dead.len()));
    for dead in &status.dead {
        let deliveries =
            count(usize::try_from(dead.deliveries).unwrap_or(usize::MAX), "delivery", "deliveries");
        line(format!("          task {}, {deliveries}: {}", dead.task, dead.reason));
    }
}
