//! The inference runtime stays small: what must not enter its tree of crates.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::process::Command;

/// Names of the crates that the library stands on, itself included.
fn tree(without: &[&str]) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["tree", "-p", "anoseg-infer", "--prefix", "none", "--offline"]).args(without);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn training_never_enters_the_inference_runtime() {
    let all = tree(&["-e", "normal,build"]);
    assert!(all.contains("anoseg-kernels") && all.contains("safetensors"));
    let forbidden = |name: &&String| {
        let training = ["anoseg-synth", "anoseg-train", "anoseg-metrics", "anoseg-report", "anoseg-export"];
        let others = ["zip", "pytorch-reader", "toml", "clap", "maud", "mimalloc", "rand", "prost"];
        name.starts_with("burn") || training.contains(&name.as_str()) || others.contains(&name.as_str())
    };
    let found: Vec<&String> = all.iter().filter(forbidden).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn the_inference_runtime_links_at_most_60_crates() {
    // Procedural macros run in the compiler and are no part of a program.
    let linked = tree(&["-e", "no-proc-macro,no-build,no-dev"]);
    assert!(linked.len() <= 60, "{} crates: {linked:?}", linked.len());
}
