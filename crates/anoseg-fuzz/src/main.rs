//! Runs the fuzz targets on stable Rust.
//!
//! ```text
//! cargo run --release -p anoseg-fuzz -- --seconds 60            all targets in turn
//! cargo run --release -p anoseg-fuzz -- decode --inputs 1000000
//! cargo run --release -p anoseg-fuzz -- decode --file FOUND     one input again
//! ```
//!
//! An input that panics, takes more than two seconds, or allocates more than the target's limit is
//! written to a file and named; the exit code is then 1.

use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anoseg_fuzz::{Mutator, Target, seeds};
use anyhow::Context as _;
use clap::Parser;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Longest time that an input may take.
const SLOW: Duration = Duration::from_secs(2);

/// After this time on one input the process ends.
const HANGS: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Options {
    /// Targets [default: all].
    targets: Vec<Target>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Inputs for each target, however long they take.
    #[arg(long)]
    inputs: Option<u64>,
    /// Seed of the mutations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run this input only.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Folder for inputs that were found.
    #[arg(long, default_value = "target/fuzz-found")]
    found: PathBuf,
}

/// The input under way, for the thread that watches for hangs.
static CURRENT: Mutex<Option<(Instant, Target, Vec<u8>)>> = Mutex::new(None);

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let targets = if options.targets.is_empty() { Target::ALL.to_vec() } else { options.targets.clone() };
    if let Some(path) = &options.file {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        let faults: Vec<String> =
            targets.iter().filter_map(|&target| fault_of(target, &bytes).err()).collect();
        say(&if faults.is_empty() { "no fault".to_owned() } else { faults.join("\n") });
        return Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    fs::create_dir_all(&options.found)?;
    watch(options.found.clone());
    let mut found = 0;
    for target in targets {
        found += fuzz(target, &options)?;
    }
    Ok(if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs one target; gives the number of inputs with a fault.
fn fuzz(target: Target, options: &Options) -> anyhow::Result<u64> {
    let seeds = seeds(target)?;
    let mut mutator = Mutator::new(options.seed);
    let (begun, mut inputs, mut found) = (Instant::now(), 0u64, 0u64);
    let mut accepted = 0u64;
    let mut slowest = Duration::ZERO;
    let is_over = |inputs: u64| match options.inputs {
        Some(most) => inputs >= most,
        None => begun.elapsed().as_secs_f64() >= options.seconds,
    };
    while !is_over(inputs) {
        let mut bytes = seeds[mutator.below(seeds.len())].clone();
        // The seeds themselves come first.
        if let Some(seed) = seeds.get(inputs as usize) {
            bytes.clone_from(seed);
        } else {
            let other = &seeds[mutator.below(seeds.len())];
            target.mutate(&mut mutator, &mut bytes, other);
        }
        let started = Instant::now();
        match fault_of(target, &bytes) {
            Ok(ok) => accepted += u64::from(ok),
            Err(fault) => {
                found += 1;
                let path = keep(&options.found, target, &bytes)?;
                say(&format!("{}: {fault}: {}", target.name(), path.display()));
            }
        }
        slowest = slowest.max(started.elapsed());
        inputs += 1;
    }
    let seconds = begun.elapsed().as_secs_f64();
    say(&format!(
        "{:<13}{inputs:>9} inputs in {seconds:>6.1} s, {accepted} accepted, {found} found, slowest {:.0} ms",
        target.name(),
        1000.0 * slowest.as_secs_f64()
    ));
    Ok(found)
}

/// Whether the target accepts an input, or what is wrong with its run.
fn fault_of(target: Target, bytes: &[u8]) -> Result<bool, String> {
    let under_way = |now| *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = now;
    under_way(Some((Instant::now(), target, bytes.to_vec())));
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let begun = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| target.run(bytes)));
    let (took, peak) = (begun.elapsed(), MEMORY.peak_usage().saturating_sub(before));
    under_way(None);
    let accepted = outcome.map_err(|_| "panic".to_owned())?;
    if took > SLOW {
        return Err(format!("{:.1} s", took.as_secs_f64()));
    }
    if peak > target.most_bytes() { Err(format!("{} MiB allocated", peak >> 20)) } else { Ok(accepted) }
}

/// Ends the process when an input takes too long.
fn watch(found: PathBuf) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let Ok(current) = CURRENT.lock() else { return };
            let Some((begun, target, bytes)) = current.as_ref() else { continue };
            if begun.elapsed() > HANGS {
                let path = keep(&found, *target, bytes).unwrap_or_default();
                say(&format!("{}: hangs: {}", target.name(), path.display()));
                std::process::exit(1);
            }
        }
    });
}

/// Writes an input under a name that its content gives.
fn keep(folder: &Path, target: Target, bytes: &[u8]) -> anyhow::Result<PathBuf> {
    let path = folder.join(format!("{}-{}", target.name(), anoseg_infer::file_digest(bytes)));
    fs::write(&path, bytes)?;
    Ok(path)
}

/// A line on standard output; a closed pipe ends nothing.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
