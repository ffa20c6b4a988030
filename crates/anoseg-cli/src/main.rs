//! The anoseg program: parse, call, print.

mod advice;
mod args;
mod commands;
mod console;
mod exit;
mod outputs;
mod shell;
mod stop;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use args::{Arguments, Command};

/// Training allocates and frees large buffers at every step; `keep_freed_memory` keeps them for reuse.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    exit::report_panics();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            console::usage(&error);
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    // Before any thread is started.
    let watching = stop::watch();
    let outcome = std::panic::catch_unwind(|| watching.and_then(|()| run(arguments)));
    exit::code(outcome)
}

/// The environment variable that sets the number of threads.
const THREADS: &str = "RAYON_NUM_THREADS";

/// More threads than this take minutes to start and gain nothing.
const MOST_THREADS: usize = 1024;

fn run(arguments: Arguments) -> Result<exit::Outcome> {
    anoseg_kernels::Level::requested().map_err(anoseg::Error::from)?;
    check_threads()?;
    if !matches!(
        arguments.command,
        Command::Info(_) | Command::Export(_) | Command::Feedback(_) | Command::Merge(_)
    ) {
        // Here, and not at the first use, where there is no way to report that the system gives none.
        anoseg_infer::Threads::start_global()?;
    }
    match arguments.command {
        Command::Demo(options) => commands::demo::run(&options),
        Command::Synth(options) => commands::synth::run(&options),
        Command::Train(options) => commands::train::run(&options),
        Command::Ablate(options) => commands::ablate::run(&options),
        Command::Bench(options) => commands::bench::run(&options),
        Command::Check(options) => commands::check::run(&options),
        Command::Calibrate(options) => commands::calibrate::run(&options),
        Command::Eval(options) => commands::eval::run(&options),
        Command::Predict(options) => commands::predict::run(&options),
        Command::Merge(options) => commands::merge::run(&options),
        Command::Serve(options) => commands::serve::run(&options),
        Command::Export(options) => commands::export::run(&options),
        Command::Verify(options) => commands::verify::run(&options),
        Command::Info(options) => commands::info::run(&options),
        Command::Encoder(command) => commands::encoder::run(&command),
        Command::Feedback(command) => commands::feedback::run(&command),
    }
}

/// Checks the environment variable, whose wrong values would be ignored.
fn check_threads() -> Result<()> {
    let Some(value) = std::env::var_os(THREADS).filter(|value| !value.is_empty()) else { return Ok(()) };
    let count = value.to_str().and_then(|value| value.trim().parse::<usize>().ok());
    if count.is_some_and(|count| count <= MOST_THREADS) {
        return Ok(());
    }
    let allowed = format!("give 1 to {MOST_THREADS}; without it there is one for each processor");
    Err(anoseg::SettingError::new(THREADS, value, allowed).into())
}
