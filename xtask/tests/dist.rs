//! A release of the program that cargo built with the tests: packed, unpacked, checked and asked.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it leaves out")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The time of the files, so that no repository of git is needed.
const TIME: &str = "1795904124";

/// A file that cargo built beside this test: a program, or a library, which lies among the dependencies where only
/// tests need it.
fn built(name: &str) -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let places = [folder.parent().unwrap().join(name), folder.join(name)];
    let found = places.iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no {}; run cargo build --workspace", places[0].display())).clone()
}

fn host() -> String {
    let told = run(Command::new("rustc").arg("-vV"));
    told.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// Runs a command, which must succeed; gives what it wrote to standard output.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether a program of the system is there.
fn has(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
    if !found.status.success() {
        println!("left out: {program} is not installed");
    }
    found.status.success()
}

/// A release of this machine's target, from a folder with program and library.
fn dist(from: &Path, out: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    run(command.arg("dist").arg("--from").arg(from).arg("--out").arg(out).env("SOURCE_DATE_EPOCH", TIME));
}

/// A folder with the program and the library for C without their tables of lines, which make them three times as large.
fn stripped() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["anoseg", "libanoseg_c.so"] {
        let (from, to) = (built(name), folder.path().join(name));
        let strip = Command::new("strip").arg("-o").arg(&to).arg(&from).status();
        if !strip.is_ok_and(|status| status.success()) {
            fs::copy(from, to).unwrap();
        }
    }
    folder
}

#[test]
fn a_release_holds_what_it_says_and_is_the_same_bytes_again() {
    let (from, scratch) = (stripped(), tempfile::tempdir().unwrap());
    let path = |name: &str| scratch.path().join(name);
    dist(from.path(), &path("one"));
    dist(from.path(), &path("two"));
    let sums = fs::read_to_string(path("one/SHA256SUMS")).unwrap();
    assert_eq!(sums, fs::read_to_string(path("two/SHA256SUMS")).unwrap(), "two runs");
    let names: Vec<&str> = sums.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    let host = host();
    for name in ["anoseg", "anoseg-c"].map(|name| format!("{name}-{VERSION}-{host}")) {
        assert!(names.contains(&format!("{name}.tar.gz").as_str()), "{names:?}");
        assert!(names.contains(&format!("{name}.cdx.json").as_str()), "{names:?}");
    }
    run(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(path("one")));
    check_archive(&path("one"), &format!("anoseg-{VERSION}-{host}"));
    check_library(&path("one"), &format!("anoseg-c-{VERSION}-{host}"));
    if let Some(package) = names.iter().find(|name| name.ends_with(".deb")).filter(|_| has("dpkg-deb")) {
        check_package(&path("one").join(package), &path("root"));
    }
}

fn unpack(folder: &Path, name: &str) -> PathBuf {
    run(Command::new("tar").arg("-xzf").arg(format!("{name}.tar.gz")).current_dir(folder));
    folder.join(name)
}

fn check_archive(folder: &Path, name: &str) {
    let folder = unpack(folder, name);
    let told = run(Command::new(folder.join("bin/anoseg")).arg("--version"));
    assert_eq!(told, format!("anoseg {VERSION}\n"));
    let licences = fs::read_to_string(folder.join("THIRD-PARTY-LICENCES.txt")).unwrap();
    for part in ["burn-core ", "ring ", "libsqlite3-sys ", "the standard library of Rust"] {
        assert!(licences.contains(part), "{part}");
    }
    assert!(folder.join("LICENSE-MIT").is_file() && folder.join("README.md").is_file());
    check_pages(&folder.join("share/man/man1"));
    check_completions(&folder.join("share/completions"));
}

/// Each command that the help names has a page, and man finds no fault.
fn check_pages(pages: &Path) {
    let help = run(Command::new(built("anoseg")).arg("--help"));
    let commands = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let mut named = 0;
    for line in commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let command = line.split_whitespace().next().unwrap();
        if command != "help" {
            assert!(pages.join(format!("anoseg-{command}.1")).is_file(), "{command}");
            named += 1;
        }
    }
    assert!(named > 10, "{named} commands");
    if has("mandoc") {
        let mut lint = Command::new("mandoc");
        lint.args(["-T", "lint", "-W", "error"]);
        run(lint.args(fs::read_dir(pages).unwrap().map(|entry| entry.unwrap().path())));
    }
    if has("man") {
        let shown =
            run(Command::new("man").arg("-l").arg(pages.join("anoseg-train.1")).env("MANPAGER", "cat"));
        assert!(shown.contains("--encoder") && shown.contains("SYNOPSIS"), "{shown}");
    }
}

/// bash offers commands and options.
fn check_completions(folder: &Path) {
    let offered = |words: &str, number: usize| {
        let script = format!(
            "source \"$0\"; COMP_WORDS=(anoseg {words}); COMP_CWORD={number}; \
             _anoseg anoseg \"${{COMP_WORDS[{number}]}}\" ''; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        run(Command::new("bash").arg("-c").arg(script).arg(folder.join("anoseg.bash")))
    };
    assert_eq!(offered("pre", 1), "predict\n");
    assert_eq!(offered("train --prese", 2), "--preset\n");
    for name in ["_anoseg", "anoseg.fish", "_anoseg.ps1"] {
        assert!(fs::read_to_string(folder.join(name)).unwrap().contains("predict"), "{name}");
    }
}

/// A program in C finds the library.
fn check_library(folder: &Path, name: &str) {
    let folder = unpack(folder, name);
    let licences = fs::read_to_string(folder.join("THIRD-PARTY-LICENCES.txt")).unwrap();
    assert!(licences.contains("safetensors ") && !licences.contains("burn-core "));
    if !has("cc") {
        return;
    }
    let program = folder.join("program");
    let text = "#include <anoseg.h>\nint main(void) { anoseg_model *model; \
                return anoseg_v1_model_load(\"none\", 1, &model) == ANOSEG_OK; }\n";
    fs::write(folder.join("program.c"), text).unwrap();
    let mut compile = Command::new("cc");
    compile.arg(folder.join("program.c")).arg("-o").arg(&program).arg("-I").arg(folder.join("include"));
    run(compile.arg("-L").arg(folder.join("lib")).arg("-lanoseg_c"));
    run(Command::new(&program).env("LD_LIBRARY_PATH", folder.join("lib")));
}

/// dpkg reads the package, and what it unpacks is whole and runs.
fn check_package(package: &Path, root: &Path) {
    let field = |name: &str| run(Command::new("dpkg-deb").arg("--field").arg(package).arg(name));
    assert_eq!(field("Package").trim(), "anoseg");
    assert!(field("Version").starts_with(VERSION) && field("Depends").contains("libc6 (>= 2."));
    run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(root));
    run(Command::new("dpkg-deb").arg("--control").arg(package).arg(root.join("DEBIAN")));
    run(Command::new("md5sum").args(["--check", "--strict", "DEBIAN/md5sums"]).current_dir(root));
    let told = run(Command::new(root.join("usr/bin/anoseg")).arg("--version"));
    assert_eq!(told, format!("anoseg {VERSION}\n"));
    let unit = fs::read_to_string(root.join("usr/lib/systemd/system/anoseg.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/anoseg serve"), "{unit}");
    for script in ["postinst", "prerm", "postrm"] {
        run(Command::new("sh").arg("-n").arg(root.join("DEBIAN").join(script)));
    }
    let page = root.join("usr/share/man/man1/anoseg-serve.1.gz");
    assert!(run(Command::new("gzip").arg("-dc").arg(page)).contains(".TH anoseg-serve 1"));
}

#[test]
fn a_program_that_is_not_static_does_not_become_an_image() {
    let (program, out) = (built("anoseg"), tempfile::tempdir().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("dist").arg("--from").arg(program.parent().unwrap()).arg("--out").arg(out.path());
    command.args(["--target", "x86_64-unknown-linux-musl"]).env("SOURCE_DATE_EPOCH", TIME);
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("is not static"), "{told}");
}

#[test]
fn a_folder_without_the_program_is_named() {
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("dist").arg("--from").arg(out.path()).arg("--out").arg(out.path());
    let output = command.env("SOURCE_DATE_EPOCH", TIME).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let missing = out.path().join("anoseg").display().to_string();
    assert!(!output.status.success() && told.contains(&missing), "{told}");
}
