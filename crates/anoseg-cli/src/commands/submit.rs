//! `anoseg submit`.

use std::path::PathBuf;

use anoseg::{Model, SettingError};
use anoseg_image::dataset;
use anoseg_image::text::count;
use anoseg_worker::{Counts, Queue, Submission, Submitted};
use anyhow::Result;
use clap::Parser;

use super::collect;
use crate::args::{Submit, SubmitCommand, SubmitImages, SubmitTraining, Train};
use crate::exit::Outcome;
use crate::{console, shell, stop};

pub(crate) fn run(options: &Submit) -> Result<Outcome> {
    match &options.command {
        Some(SubmitCommand::Train(training)) => run_training(training),
        None => run_images(&options.images),
    }
}

fn run_images(options: &SubmitImages) -> Result<Outcome> {
    // The parser asks for both.
    let (Some(model), Some(results)) = (&options.model, &options.results) else {
        return Err(SettingError::new("MODEL", "none", "give a model, images and --results").into());
    };
    super::require_model_first(model, options.inputs.iter().take(1))?;
    let limits = options.limits.limits();
    let model = super::narrowed(Model::load(model)?, &options.region, &limits)?;
    let queue = Queue::connect(&options.nats.server()?)?;
    let submitted = queue.submit(&Submission {
        model: &model,
        inputs: &options.inputs,
        results,
        chunk: usize::try_from(options.chunk).unwrap_or(usize::MAX),
        limits,
    })?;
    let found = &submitted.found;
    found.failures.iter().for_each(|failure| console::warning(&failure.to_string()));
    dataset::summarise_left_out(&found.left_out, false).iter().for_each(|line| console::warning(line));
    let complete = submitted.is_complete();
    tell(&submitted, &count(submitted.images, "image", "images"));
    if !options.wait {
        return Ok(super::outcome(complete));
    }
    wait(&queue, &submitted.job)?;
    let Some(output) = &options.output else { return Ok(super::outcome(complete)) };
    let collected = collect::verdicts(&queue, &submitted.job, output, &options.form)?;
    Ok(if complete { collected } else { Outcome::SomeBadData })
}

/// The arguments of a training, as `anoseg train` parses them.
#[derive(Parser)]
#[command(name = "anoseg submit train --", no_binary_name = true)]
struct TrainArguments {
    #[command(flatten)]
    train: Train,
}

fn run_training(options: &SubmitTraining) -> Result<Outcome> {
    if let Some(output) = &options.output {
        crate::prepare_file(output, "--output", crate::Output::Model)?;
    }
    let inputs = inputs_of(&options.arguments)?;
    let queue = Queue::connect(&options.nats.server()?)?;
    let submitted = queue.submit_training(options.arguments.clone(), &inputs)?;
    tell(&submitted, "a training");
    if options.wait {
        wait(&queue, &submitted.job)?;
    }
    match &options.output {
        Some(output) => collect::model(&queue, &submitted.job, output),
        None => Ok(Outcome::Fine),
    }
}

/// The files that a training with these arguments reads.
fn inputs_of(arguments: &[String]) -> Result<Vec<PathBuf>> {
    let line = arguments.iter().map(String::as_str).chain(["--output", "model.anoseg"]);
    let refuse = |allowed: String| SettingError::new("DATA AND OPTIONS", arguments.join(" "), allowed);
    let parsed = TrainArguments::try_parse_from(line).map_err(|error| {
        let text = error.render().to_string();
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        refuse(format!("{what}; give DATA and options as for anoseg train, without --output"))
    })?;
    let train = parsed.train;
    if train.resume || train.run_dir.is_some() {
        return Err(refuse(
            "the worker keeps the run directory: leave out --resume and --run-dir".to_owned(),
        )
        .into());
    }
    let drawings = train.region.given().map(|(_, path)| path.to_owned());
    Ok([train.data].into_iter().chain(train.settings.config).chain(drawings).collect())
}

fn tell(submitted: &Submitted, what: &str) {
    let Submitted { job, tasks, queued, .. } = submitted;
    let known = tasks - queued;
    let known = if known > 0 { format!(", {known} of them known already") } else { String::new() };
    console::result(&format!("{job}  {what} in {}{known}", count(*tasks, "task", "tasks")));
}

fn wait(queue: &Queue, job: &str) -> Result<()> {
    let stop = stop::on_signals("stopping to wait; the job goes on");
    let mut shown = 0;
    let mut show = |counts: Counts| {
        let Counts { tasks, done, dead } = counts;
        let tenth = 10 * (done + dead) / tasks.max(1);
        if tenth > shown {
            shown = tenth;
            let given_up = if dead > 0 { format!(", {dead} given up") } else { String::new() };
            console::note(&format!("{done} of {} done{given_up}", count(tasks, "task", "tasks")));
        }
    };
    queue.wait(job, &|| stop.is_stopped(), &mut show).inspect_err(|_| {
        let status = shell::command_of_program(&["queue", job]);
        console::note(&format!("to see how far it is: {status}"));
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        inputs_of(&arguments).unwrap_err().to_string()
    }

    #[test]
    fn arguments_of_a_training_are_checked_before_they_are_sent() {
        let arguments = ["data", "--steps", "5", "--config", "c.toml"].map(str::to_owned);
        assert_eq!(inputs_of(&arguments).unwrap(), ["data", "c.toml"].map(PathBuf::from));
        assert!(
            refused(&["data", "--step", "5"]).contains("--step"),
            "{}",
            refused(&["data", "--step", "5"])
        );
        assert!(refused(&["data", "-o", "x.anoseg"]).contains("without --output"));
        assert!(refused(&["data", "--resume"]).contains("leave out --resume"));
    }
}
