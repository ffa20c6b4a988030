//! The same data, seed and steps give the same model: at any number of threads, and however often
//! it was killed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Instant;

use common::{Workshop, signal, tensor_bytes};

const STEPS: u32 = 40;

#[test]
fn the_number_of_threads_does_not_change_the_model() {
    let shop = Workshop::new();
    let train = |name: &str, threads: &str| {
        let arguments = format!("train data -o {name} --config tiny.toml --steps 5");
        shop.anoseg(&arguments).env("RAYON_NUM_THREADS", threads).assert().success();
        tensor_bytes(&shop.path(name))
    };
    let one = train("one.anoseg", "1");
    assert!(one == train("two.anoseg", "2"), "two threads gave another model than one");
    assert!(one == train("five.anoseg", "5"), "five threads gave another model than one");
}

#[test]
fn training_with_the_kernels_equals_training_with_stock_operators() {
    let shop = Workshop::new();
    let losses = |name: &str, operators: &str| -> Vec<f64> {
        let arguments = format!("train data -o {name}.anoseg --config tiny.toml --steps 8");
        shop.anoseg(&arguments).env("ANOSEG_SIMD", operators).assert().success();
        let log = std::fs::read_to_string(shop.path(&format!("{name}-run/metrics.jsonl"))).unwrap();
        log.lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["total"].as_f64().unwrap())
            .collect()
    };
    let stock = losses("stock", "stock");
    assert_eq!(stock.len(), 8);
    for operators in ["", "avx2", "portable"] {
        let ours = losses(&format!("ours{operators}"), operators);
        for (step, (ours, stock)) in ours.iter().zip(&stock).enumerate() {
            assert!(
                (ours / stock - 1.0).abs() < 1e-3,
                "step {step} with '{operators}': {ours} is not {stock}"
            );
        }
        assert!(ours != stock, "stock operators were not used");
    }
}

#[test]
fn another_seed_gives_another_model() {
    let shop = Workshop::new();
    shop.run("train data -o a.anoseg --config tiny.toml --steps 2 --seed 1", 0);
    shop.run("train data -o b.anoseg --config tiny.toml --steps 2 --seed 2", 0);
    assert_ne!(tensor_bytes(&shop.path("a.anoseg")), tensor_bytes(&shop.path("b.anoseg")));
}

#[test]
fn a_killed_training_resumes_to_the_same_bits() {
    let shop = Workshop::new();
    shop.train(STEPS);
    let killed_at = stop_in_the_middle(&shop, "kill.anoseg", "-KILL");
    assert!(killed_at < STEPS as usize, "the training was over before it could be killed");
    shop.run("train data -o kill.anoseg --resume", 0);
    assert!(
        tensor_bytes(&shop.path("kill.anoseg")) == tensor_bytes(&shop.path("model.anoseg")),
        "the resumed training gave another model"
    );
    let steps = std::fs::read_to_string(shop.path("kill-run/metrics.jsonl")).unwrap();
    let numbers: Vec<u64> = steps
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=u64::from(STEPS)).collect::<Vec<_>>());
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_prints_how_to_resume() {
    let shop = Workshop::new();
    let mut child = shop.start("train data -o int.anoseg --config tiny.toml --steps 100000");
    shop.wait_for_steps("int-run", 2);
    signal(child.id(), "-INT");
    let output = child.wait().unwrap();
    assert_eq!(output.code(), Some(130));
    let mut message = String::new();
    std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut message).unwrap();
    assert!(message.contains("--resume"), "{message}");
    assert!(shop.path("int-run/checkpoint/state.safetensors").is_file());
    assert!(!shop.path("int.anoseg").exists());
}

#[test]
fn resuming_with_other_images_is_refused() {
    let shop = Workshop::new();
    shop.train(3);
    std::fs::remove_file(shop.path("data/train/good/000.png")).unwrap();
    let (_, message) = shop.run("train data -o model.anoseg --resume", 3);
    assert!(message.contains("not those of the checkpoint"), "{message}");
}

#[test]
fn there_must_be_a_run_to_resume() {
    let shop = Workshop::new();
    let (_, message) = shop.run("train data -o fresh.anoseg --resume", 2);
    assert!(message.contains("no training to resume"), "{message}");
}

#[test]
fn a_time_budget_is_kept() {
    let shop = Workshop::new();
    let begun = Instant::now();
    shop.run("train data -o timed.anoseg --config tiny.toml --time 6s", 0);
    let seconds = begun.elapsed().as_secs_f64();
    assert!((3.0..20.0).contains(&seconds), "6 s of training took {seconds} s");
}

/// Starts a training and sends it a signal once some steps are done. Gives the number of steps in
/// the log.
fn stop_in_the_middle(shop: &Workshop, model: &str, with: &str) -> usize {
    let run_dir = model.replace(".anoseg", "-run");
    let mut child = shop.start(&format!("train data -o {model} --config tiny.toml --steps {STEPS}"));
    shop.wait_for_steps(&run_dir, 3);
    signal(child.id(), with);
    child.wait().unwrap();
    shop.logged_steps(&run_dir)
}

/// The settings file of such a training could once not be read again.
#[test]
fn a_training_with_the_last_seed_can_be_resumed() {
    let shop = Workshop::new();
    shop.run(&format!("train data -o model.anoseg --config tiny.toml --steps 2 --seed {}", u64::MAX), 0);
    shop.run("train data -o model.anoseg --resume", 0);
    let (table, _) =
        shop.run(&format!("bench data --out bench --config tiny.toml --steps 2 --seed {}", u64::MAX), 0);
    assert!(table.contains("| data | 1 | 2 |"), "{table}");
}
