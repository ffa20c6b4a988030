//! The interpreter that tests run exported graphs with.
#![allow(
    dead_code,
    clippy::print_stdout,
    reason = "each test has its own part of this; they say that they are skipped"
)]

use std::path::Path;
use std::process::Command;

/// The interpreter that `ANOSEG_PYTHON` names (otherwise `python3`), where it has these modules.
pub(crate) fn with(modules: &str) -> Option<String> {
    let python = std::env::var("ANOSEG_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    println!("skipped: {python} does not have all of {modules}");
    None
}

/// What a program prints that runs in this folder.
pub(crate) fn told(command: &mut Command, folder: &Path) -> String {
    let output = command.current_dir(folder).output().expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}
