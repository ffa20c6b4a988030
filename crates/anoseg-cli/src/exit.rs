//! How the program ends: the exit codes are a contract that scripts rely on.

use std::any::Any;
use std::process::ExitCode;

use crate::console;

/// How a command ended that did not fail as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is well: exit code 0.
    Fine,
    /// Anomalies were found and the user asked to be told by the exit code: 1.
    Anomalies,
    /// Some inputs could not be used; the rest was done: 3.
    SomeBadData,
}

impl Outcome {
    fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Anomalies => 1,
            Self::SomeBadData => 3,
        }
    }
}

/// A fault of this program.
const BUG: u8 = 70;

/// Prints an error once, with what led to it, and gives the exit code.
pub(crate) fn code(outcome: Result<anyhow::Result<Outcome>, Box<dyn Any + Send>>) -> ExitCode {
    match outcome {
        Ok(Ok(outcome)) => ExitCode::from(outcome.code()),
        Ok(Err(error)) => {
            console::error(&format!("{error:#}"));
            ExitCode::from(code_of(&error))
        }
        Err(_) => {
            console::error(
                "internal error (see above); please report it with the command and the lines above",
            );
            ExitCode::from(BUG)
        }
    }
}

fn code_of(error: &anyhow::Error) -> u8 {
    let in_chain = |cause: &(dyn std::error::Error + 'static)| {
        if let Some(error) = cause.downcast_ref::<anoseg::Error>() {
            return Some(error.exit_code());
        }
        if cause.is::<anoseg_image::DatasetError>() || cause.is::<anoseg_image::ImageError>() {
            return Some(3);
        }
        (cause.is::<anoseg_image::WriteError>() || cause.is::<std::io::Error>()).then_some(2)
    };
    error.chain().find_map(in_chain).unwrap_or(BUG)
}
