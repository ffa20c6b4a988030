//! Commands that the user can paste into a shell.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anoseg_image::text::is_unseen;

/// The arguments that the program was called with, the first its name.
static CALL: OnceLock<Vec<OsString>> = OnceLock::new();

/// Keeps the arguments that the program was called with.
pub(crate) fn set_call(arguments: Vec<OsString>) {
    // A second call in one process would only give commands with the arguments of the first.
    _ = CALL.set(arguments);
}

/// How this program is started where it is not a file of its own, as in Python.
static STARTED_BY: OnceLock<(PathBuf, Vec<OsString>)> = OnceLock::new();

/// Says that another program with these arguments, and then those of `anoseg`, is this one.
pub(crate) fn set_starter(program: PathBuf, arguments: Vec<OsString>) {
    _ = STARTED_BY.set((program, arguments));
}

/// The program to start for another `anoseg`, and the arguments that come first.
///
/// # Errors
/// The system does not tell.
pub(crate) fn this_program() -> io::Result<(PathBuf, Vec<OsString>)> {
    match STARTED_BY.get() {
        Some(starter) => Ok(starter.clone()),
        None => Ok((std::env::current_exe()?, Vec::new())),
    }
}

fn call() -> Vec<OsString> {
    CALL.get().cloned().unwrap_or_default()
}

/// The program as it was called, so that a command with it works where the program is not in the
/// search path.
pub(crate) fn program() -> OsString {
    call().into_iter().next().filter(|name| !name.is_empty()).unwrap_or_else(|| "anoseg".into())
}

/// A command of this program with these arguments, quoted for a POSIX shell.
pub(crate) fn command_of_program<T: AsRef<OsStr>>(arguments: &[T]) -> String {
    let mut all = vec![program()];
    all.extend(arguments.iter().map(|argument| argument.as_ref().to_owned()));
    command(&all)
}

/// A path that is not taken for an option.
pub(crate) fn not_an_option(path: &Path) -> OsString {
    let begins_like_one = path.as_os_str().as_encoded_bytes().first() == Some(&b'-');
    if begins_like_one { Path::new(".").join(path).into_os_string() } else { path.as_os_str().to_owned() }
}

/// The command that this program was started with and one more option, quoted for a POSIX shell.
pub(crate) fn this_command_with(option: &str) -> String {
    let mut arguments = call();
    if !arguments.iter().any(|argument| argument == option) {
        arguments.push(option.into());
    }
    command(&arguments)
}

/// Arguments as one line for a POSIX shell.
pub(crate) fn command<T: AsRef<OsStr>>(arguments: &[T]) -> String {
    let quoted: Vec<String> = arguments.iter().map(|argument| quote(argument.as_ref())).collect();
    quoted.join(" ")
}

/// An argument as a shell must read it. Bytes that are no text, and characters that are not shown, are
/// written as octal numbers in `$'...'`, which bash, zsh and ksh know.
fn quote(argument: &OsStr) -> String {
    let plain = |c: char| (c.is_alphanumeric() && !is_unseen(c)) || "-_./=:,@%+".contains(c);
    match argument.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(plain) => text.to_owned(),
        Some(text) if !text.contains(is_unseen) => format!("'{}'", text.replace('\'', "'\\''")),
        _ => {
            let mut quoted = String::from("$'");
            for &byte in argument.as_encoded_bytes() {
                match byte {
                    b'\'' | b'\\' => _ = write!(quoted, "\\{}", byte as char),
                    b' '..=b'~' => quoted.push(byte as char),
                    _ => _ = write!(quoted, "\\{byte:03o}"),
                }
            }
            quoted + "'"
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    /// A path with a space once gave a command that another folder was meant by.
    #[test]
    fn a_shell_reads_what_was_quoted() {
        let arguments: Vec<&OsStr> = [
            &b"a b"[..],
            b"it's",
            b"$HOME `id` \\",
            b"",
            b"*?[x]",
            b"a\nb",
            b"\x1b[31m",
            "a\u{202e}gnp.exe \u{2028}\u{200b}".as_bytes(),
            b"part\xfe'.png",
            b"--time=5m",
            "Pr\u{fc}fteil".as_bytes(),
            b"~",
            b"#",
            b"a;b&c|d>e",
        ]
        .map(OsStr::from_bytes)
        .to_vec();
        let line = format!("printf '%s\\0' {}", command(&arguments));
        let output = std::process::Command::new("bash").args(["-c", &line]).output().unwrap();
        let read: Vec<&[u8]> = output.stdout.split(|&byte| byte == 0).collect();
        let expected: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
        assert_eq!(read[..read.len() - 1], expected, "{line}");
    }
}
