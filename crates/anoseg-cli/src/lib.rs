//! The anoseg program as a library: the binary and the Python package call it. Parse, call, print.

mod advice;
#[allow(rustdoc::broken_intra_doc_links, reason = "the parser shows these texts, brackets and all")]
mod args;
mod commands;
mod console;
mod exit;
mod outputs;
mod shell;
mod stop;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anoseg::{Config, ModelFile, PretrainedEncoder, TrainError};
use anyhow::Result;
use clap::Parser as _;

use args::{Arguments, Command};
pub use exit::{kind_of, text};
pub use outputs::{Output, prepare_file};

/// Runs the program with these arguments, of which the first is the program's name, and gives its exit code. Signals
/// are caught from then on, and panics are told in the program's form: it is to be called once, and before any thread
/// is started that does not block them.
pub fn main_with(arguments: Vec<OsString>) -> u8 {
    exit::report_panics();
    let parsed = match Arguments::try_parse_from(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            console::usage(&error, &arguments);
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    shell::set_call(arguments);
    // Before any thread is started.
    let watching = stop::watch();
    let outcome = std::panic::catch_unwind(|| watching.and_then(|()| run(parsed)));
    exit::code(outcome)
}

/// Says, before [`main_with`] is called, that the program is `program` with these arguments and then those of `anoseg`:
/// a worker starts trainings as processes of their own.
pub fn set_starter(program: PathBuf, arguments: Vec<OsString>) {
    shell::set_starter(program, arguments);
}

/// Writes a trained model. A model in its place that was calibrated since its training is kept beside it.
///
/// # Errors
/// The model, or the one before it, cannot be written.
pub fn save_model(model: &ModelFile, path: &Path) -> Result<()> {
    commands::save_trained(model, path)
}

/// The encoder that these settings need: from this file, or the one that `anoseg encoder add` stored. None if they
/// need none.
///
/// # Errors
/// It is missing or damaged, or one is given that is not needed.
pub fn encoder_of(config: &Config, file: Option<&Path>) -> Result<Option<PretrainedEncoder>, TrainError> {
    commands::encoder::of(config, file)
}

/// The environment variable that sets the number of threads.
const THREADS: &str = "RAYON_NUM_THREADS";

/// More threads than this take minutes to start and gain nothing.
const MOST_THREADS: usize = 1024;

fn run(arguments: Arguments) -> Result<exit::Outcome> {
    anoseg_kernels::Level::requested().map_err(anoseg::Error::from)?;
    check_threads()?;
    // Here, and not at the first use, where there is no way to report that the system gives none.
    match &arguments.command {
        Command::Info(_)
        | Command::Export(_)
        | Command::Feedback(_)
        | Command::Merge(_)
        | Command::Completions(_)
        | Command::Man(_) => {}
        Command::Worker(options) => anoseg_infer::Threads::start_global_of(options.threads())?,
        _ => anoseg_infer::Threads::start_global()?,
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
        Command::Worker(options) => commands::worker::run(&options),
        Command::Submit(options) => commands::submit::run(&options),
        Command::Queue(options) => commands::queue::run(&options),
        Command::Serve(options) => commands::serve::run(&options),
        Command::Export(options) => commands::export::run(&options),
        Command::Verify(options) => commands::verify::run(&options),
        Command::Info(options) => commands::info::run(&options),
        Command::Encoder(command) => commands::encoder::run(&command),
        Command::Feedback(command) => commands::feedback::run(&command),
        Command::Completions(options) => commands::documents::completions(&options),
        Command::Man(options) => commands::documents::man_pages(&options),
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
