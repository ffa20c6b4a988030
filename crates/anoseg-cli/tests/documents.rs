//! `anoseg completions` and `anoseg man`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::process::{Command, Output};

fn anoseg(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_anoseg")).args(arguments).output().unwrap()
}

#[test]
fn every_shell_has_completions_without_hidden_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = anoseg(&["completions", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains("calibrate"), "{shell}");
        assert!(script.contains("false-reject") && !script.contains("%09"), "{shell}");
    }
    assert_eq!(anoseg(&["completions", "cmd"]).status.code(), Some(2));
}

#[test]
fn man_pages_are_replaced_and_other_files_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join("man1").join(name);
    let target = folder.path().join("man1").display().to_string();
    assert!(anoseg(&["man", &target]).status.success());
    let page = fs::read_to_string(path("anoseg-predict.1")).unwrap();
    assert!(page.contains("fail\\-on\\-anomaly") && page.contains(env!("CARGO_PKG_VERSION")), "{page}");
    let nested = fs::read_to_string(path("anoseg-encoder-add.1")).unwrap();
    assert!(nested.contains(".SH NAME"), "{nested}");
    assert!(path("anoseg.1").is_file() && !path("anoseg-man.1").exists());
    assert!(anoseg(&["man", &target]).status.success(), "again");

    fs::write(path("anoseg-eval.1"), "my notes").unwrap();
    fs::write(path("anoseg.1"), "").unwrap();
    let output = anoseg(&["man", &target]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && told.contains("anoseg-eval.1"), "{told}");
    assert_eq!(fs::read_to_string(path("anoseg-eval.1")).unwrap(), "my notes");
    assert_eq!(fs::read_to_string(path("anoseg.1")).unwrap(), "", "nothing is written if one is refused");
}
