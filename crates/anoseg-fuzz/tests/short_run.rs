//! All targets for a short time: `ANOSEG_FUZZ_SECONDS` each, otherwise one second.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::process::Command;

/// Memory for addresses in KiB. A reader that asks for far more memory than its limits allow ends the process.
const MEMORY: u64 = 8_000_000;

#[test]
fn no_target_finds_a_fault_in_a_short_run() {
    let seconds = std::env::var("ANOSEG_FUZZ_SECONDS").unwrap_or_else(|_| "1".to_owned());
    let program = env!("CARGO_BIN_EXE_anoseg-fuzz");
    let found = concat!(env!("CARGO_TARGET_TMPDIR"), "/fuzz-found");
    let output = Command::new("bash")
        .args(["-c", &format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\"")])
        .args([program, "--seconds", &seconds, "--found", found])
        .output()
        .unwrap();
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}
