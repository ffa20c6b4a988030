//! The anoseg program: parse, call, print.

mod advice;
mod args;
mod commands;
mod console;
mod exit;
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
    let arguments = Arguments::parse();
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
    let threads = std::env::var(THREADS).ok().and_then(|count| count.parse::<usize>().ok());
    if let Some(count) = threads.filter(|&count| count > MOST_THREADS) {
        let allowed = format!("at most {MOST_THREADS}; without it there is one for each processor");
        return Err(anoseg::SettingError::new(THREADS, count, allowed).into());
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
        Command::Info(options) => commands::info::run(&options),
        Command::Encoder(command) => commands::encoder::run(&command),
    }
}
