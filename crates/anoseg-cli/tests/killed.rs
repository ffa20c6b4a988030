//! Processes that are killed at any moment: what they wrote is whole, and the next call goes on.
//!
//! `ANOSEG_KILLS` sets how often each command is killed; by default so often that the suite stays
//! short.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::{Duration, Instant};

use common::trial::Trial;
use common::{Workshop, signal};

fn kills() -> u32 {
    std::env::var("ANOSEG_KILLS").map_or(4, |text| text.parse().unwrap())
}

fn kill_at_random_moments(name: &str) {
    let trial = Trial::named(name);
    let template = trial.template();
    let clean = template.copy();
    let begun = Instant::now();
    clean.run(trial.command, 0);
    let length = begun.elapsed();
    let whole = trial.contents(&clean);
    assert!(!whole.is_empty());
    let mut killed = 0;
    for number in 0..kills() {
        let shop = template.copy();
        let wait = moment(number, length);
        let mut process = shop.start(trial.command);
        std::thread::sleep(wait);
        killed += u32::from(process.try_wait().unwrap().is_none());
        // It may just have ended.
        let _ = process.kill();
        process.wait().unwrap();
        trial.check_recovery(&shop, &whole, &format!("killed after {} ms", wait.as_millis()));
    }
    assert!(killed > 0, "{} was never killed in the middle", trial.name);
}

/// Moments spread over the length of a run, in an order that does not depend on their number: the
/// fractional parts of multiples of the golden ratio.
fn moment(number: u32, length: Duration) -> Duration {
    let share = (0.5 + f64::from(number) * 0.618_033_988_749_895).fract();
    length.mul_f64(share)
}

#[test]
fn a_killed_training_goes_on_to_the_same_model() {
    kill_at_random_moments("train");
}

#[test]
fn a_killed_calibration_leaves_the_old_or_the_new_model() {
    kill_at_random_moments("calibrate");
}

#[test]
fn a_killed_prediction_goes_on_to_the_same_verdicts() {
    kill_at_random_moments("predict");
}

#[test]
fn a_killed_benchmark_goes_on_to_the_same_table() {
    kill_at_random_moments("bench");
}

/// The signal of the tests' own helper, which other files use.
#[test]
fn a_process_that_is_gone_cannot_be_killed_again() {
    let shop = Workshop::new();
    let mut process = shop.start("train data -o model.anoseg --config tiny.toml --steps 100000");
    signal(process.id(), "-KILL");
    assert!(!process.wait().unwrap().success());
    assert!(!shop.path("model.anoseg").exists());
}
