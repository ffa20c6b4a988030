//! A disk on which the k-th change fails, for every k: a file made, a write, a sync, a rename, a
//! folder made. What was there before stays whole, the exit code blames the environment, and the
//! next call goes on.
//!
//! The changes are counted and made to fail by a small library that is loaded before the C library.
//! `ANOSEG_EVERY_FAILURE=1` tries every k; by default a sample, so that the suite stays short.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic and says why it is skipped")]

mod common;

use std::path::PathBuf;
use std::process::Output;
use std::sync::OnceLock;

use common::Workshop;
use common::trial::Trial;

/// Most values of k per command and kind of failure in a short run.
const SAMPLE: usize = 14;

/// The library, compiled once; None without a C compiler.
fn library() -> Option<&'static PathBuf> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compile = || {
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("failing_disk.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/failing_disk/failing_disk.c");
        let arguments = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"];
        let cc =
            std::process::Command::new("cc").args(arguments).arg(&target).arg(source).arg("-ldl").status();
        match cc {
            Ok(status) => {
                assert!(status.success(), "the library does not compile");
                Some(target)
            }
            Err(error) => {
                eprintln!("skipped: there is no C compiler: {error}");
                None
            }
        }
    };
    LIBRARY.get_or_init(compile).as_ref()
}

/// How the disk fails.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// One change fails with an input/output error; the later ones do not.
    Once,
    /// From one change on the disk is full.
    Full,
}

struct Run {
    output: Output,
    changes: usize,
}

/// Runs a command while the `at`-th change fails; 0 is none.
fn run(shop: &Workshop, command: &str, at: usize, failure: Failure) -> Run {
    let count = tempfile::NamedTempFile::new().unwrap();
    let (stays, error) = match failure {
        Failure::Once => ("0", "5"),
        Failure::Full => ("1", "28"),
    };
    let folder = std::fs::canonicalize(shop.path("")).unwrap();
    let output = shop
        .anoseg(command)
        .env("LD_PRELOAD", library().unwrap())
        .env("FAILING_DISK_FOLDER", folder)
        .env("FAILING_DISK_AT", at.to_string())
        .env("FAILING_DISK_STAYS", stays)
        .env("FAILING_DISK_ERROR", error)
        .env("FAILING_DISK_COUNT", count.path())
        .output()
        .unwrap();
    let text = std::fs::read_to_string(count.path()).unwrap();
    Run { output, changes: text.trim().parse().unwrap_or(0) }
}

fn every_change_may_fail(name: &str) {
    if library().is_none() {
        return;
    }
    let trial = Trial::named(name);
    let template = trial.template();
    for failure in [Failure::Once, Failure::Full] {
        every_change_fails(trial, &template, failure);
    }
}

fn every_change_fails(trial: &Trial, template: &Workshop, failure: Failure) {
    let clean = template.copy();
    let Run { output, changes } = run(&clean, trial.command, 0, failure);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(changes > 3, "{} made {changes} changes only", trial.name);
    let whole = trial.contents(&clean);
    let all = std::env::var_os("ANOSEG_EVERY_FAILURE").is_some();
    let step = if all { 1 } else { changes.div_ceil(SAMPLE) };
    for at in (1..=changes).step_by(step) {
        let moment = format!("with change {at} of {changes} failing ({failure:?})");
        let shop = template.copy();
        let Run { output, .. } = run(&shop, trial.command, at, failure);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let name = trial.name;
        assert!(!stderr.contains("panicked"), "{name} {moment}: {stderr}");
        match output.status.code() {
            // Nothing that matters failed, or it was tried again.
            Some(0) => {}
            Some(2) => assert!(!stderr.trim().is_empty(), "{name} {moment}: no message"),
            code => panic!("{name} {moment}: exit code {code:?}: {stderr}"),
        }
        trial.check_recovery(&shop, &whole, &moment);
    }
}

#[test]
fn a_training_survives_every_failing_write() {
    every_change_may_fail("train");
}

#[test]
fn a_calibration_survives_every_failing_write() {
    every_change_may_fail("calibrate");
}

#[test]
fn a_prediction_survives_every_failing_write() {
    every_change_may_fail("predict");
}

#[test]
fn a_benchmark_survives_every_failing_write() {
    every_change_may_fail("bench");
}

/// Once the evaluation has begun, its figures are on the terminal whatever cannot be written. What
/// can be known before is refused before.
#[test]
fn an_evaluation_shows_its_figures_whatever_fails_to_be_written() {
    if library().is_none() {
        return;
    }
    let template = Workshop::new();
    template.train(2);
    let command = "eval model.anoseg data --json figures.json --report report.html --maps maps";
    let Run { changes, .. } = run(&template.copy(), command, 0, Failure::Once);
    let mut refusals = 0;
    for at in (1..=changes).step_by(changes.div_ceil(SAMPLE)) {
        let shop = template.copy();
        let output = run(&shop, command, at, Failure::Once).output;
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(matches!(output.status.code(), Some(0 | 2)), "change {at}: {:?} {stderr}", output.status);
        let refused = !shop.path("maps/good").exists() && !shop.path("figures.json").exists();
        assert!(
            stdout.contains("im AUROC") || refused,
            "change {at} of {changes}: the figures are lost: {stdout}{stderr}"
        );
        refusals += usize::from(!stdout.contains("im AUROC"));
    }
    assert!(refusals <= SAMPLE / 3, "{refusals} evaluations were refused");
}
