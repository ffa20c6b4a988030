//! How the program ends: the exit codes are a contract that scripts rely on.

use std::any::Any;

use anoseg::{ErrorKind, TrainError};

use crate::{advice, console};

/// How a command ended that did not fail as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Success: exit code 0.
    Fine,
    /// Anomalies were found and the user asked to be told by the exit code: 1.
    Anomalies,
    /// Another result in an engine: 1.
    Differs,
    /// A model decides more images worse than allowed: 1.
    Worse,
    /// Some inputs could not be used; the rest was done: 3.
    SomeBadData,
    /// The user stopped it; what was done until then is kept: 130.
    Interrupted,
}

impl Outcome {
    fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Anomalies | Self::Differs | Self::Worse => 1,
            Self::SomeBadData => 3,
            Self::Interrupted => INTERRUPTED,
        }
    }
}

/// A fault of this program.
const BUG: u8 = 70;

/// Stopped by the user.
pub(crate) const INTERRUPTED: u8 = 130;

/// Prints an error once, with its causes, and returns the exit code.
pub(crate) fn code(outcome: Result<anyhow::Result<Outcome>, Box<dyn Any + Send>>) -> u8 {
    let lost = console::lost_results();
    match outcome {
        Ok(Ok(_)) if lost.is_some() => {
            let why = lost.map_or_else(String::new, |error| error.to_string());
            console::error(&format!("the results could not be written to standard output: {why}"));
            code_of_kind(ErrorKind::Environment)
        }
        Ok(Ok(outcome)) => outcome.code(),
        Ok(Err(error)) => {
            let code = code_of(&error);
            let message = message(&error);
            // What the user asked for is no error.
            if code == INTERRUPTED {
                console::note(&message)
            } else {
                console::error(&message)
            }
            code
        }
        Err(_) => {
            console::error(
                "internal error (see above); please report it with the command and the lines above",
            );
            BUG
        }
    }
}

/// A panic is a fault of ours. Its place is told without the folders of the machine that the program
/// was built on.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |place| {
            let file = place.file().replace('\\', "/");
            let file = file
                .rsplit_once("/src/index.")
                .and_then(|(_, rest)| rest.split_once('/'))
                .map_or(file.rsplit_once("/rustc/").map_or(&*file, |(_, rest)| rest), |(_, rest)| rest);
            format!(" ({}:{})", file.trim_start_matches('/'), place.line())
        });
        let what = panic.payload_as_str().unwrap_or("no reason was given");
        console::note(&format!("{what}{place}"));
    }));
}

/// The error, its causes and what the user can do about it.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let advice = advice::of(error).map_or_else(String::new, |advice| format!(": {advice}"));
    format!("{}{advice}", text(error))
}

/// The error and its causes, each text once: many errors repeat their source.
pub fn text(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn code_of(error: &anyhow::Error) -> u8 {
    error.chain().find_map(kind_of).map_or(BUG, code_of_kind)
}

/// Who can fix an error, where it is one of ours.
pub fn kind_of(error: &(dyn std::error::Error + 'static)) -> Option<ErrorKind> {
    if let Some(error) = error.downcast_ref::<TrainError>() {
        return Some(error.kind());
    }
    if let Some(error) = error.downcast_ref::<anoseg::Error>() {
        return Some(error.kind());
    }
    if let Some(anoseg_export::ExportError::Model(error)) = error.downcast_ref() {
        return Some(error.kind());
    }
    if let Some(error) = error.downcast_ref::<anoseg_verify::VerifyError>() {
        return Some(error.kind());
    }
    if let Some(error) = error.downcast_ref::<anoseg_synth::SynthError>() {
        return Some(TrainError::Synthesis(error.clone()).kind());
    }
    if let Some(error) = error.downcast_ref::<anoseg::batch::ResultsError>() {
        return Some(error.kind());
    }
    if let Some(error) = error.downcast_ref::<anoseg::batch::MergeError>() {
        return Some(error.kind());
    }
    if let Some(error) = error.downcast_ref::<anoseg_serve::ServeError>() {
        return Some(error.kind());
    }
    if let Some(error) = error.downcast_ref::<anoseg_worker::WorkerError>() {
        return Some(error.kind());
    }
    if let Some(error) = error.downcast_ref::<anoseg_history::Error>() {
        return Some(error.kind());
    }
    if error.is::<anoseg::SettingError>() {
        return Some(ErrorKind::Arguments);
    }
    if let Some(anoseg::DatasetError::Stopped { .. }) = error.downcast_ref() {
        return Some(ErrorKind::Interrupted);
    }
    if error.is::<anoseg::DatasetError>() || error.is::<anoseg::ImageError>() {
        return Some(ErrorKind::Data);
    }
    let environment = error.is::<anoseg::WriteError>()
        || error.is::<anoseg::write::FolderInUse>()
        || error.is::<std::io::Error>();
    environment.then_some(ErrorKind::Environment)
}

/// The contract: 2 wrong usage, configuration or environment, 3 bad data, 4 bad model, 70 a fault
/// of ours, 130 stopped by the user.
fn code_of_kind(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Arguments | ErrorKind::Environment => 2,
        ErrorKind::Data => 3,
        ErrorKind::Model => 4,
        ErrorKind::Interrupted => INTERRUPTED,
        _ => BUG,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_exit_code() {
        let code = |error: anyhow::Error| code_of(&error);
        assert_eq!(code(TrainError::NoEncoder.into()), 2);
        assert_eq!(code(anoseg::Error::Bug(String::new()).into()), 70);
        let io = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(code(TrainError::io("a".as_ref(), io).into()), 2);
        assert_eq!(code(anoseg::Error::NotCalibrated { path: "m".into() }.into()), 2);
        let fault = anoseg::ModelFault::NotFinite;
        assert_eq!(code(anoseg::Error::Model { path: "m".into(), fault }.into()), 4);
        assert_eq!(code(TrainError::Interrupted { step: 1, run_dir: "r".into() }.into()), 130);
        assert_eq!(code(anyhow::anyhow!("unknown")), 70);
        let small = anoseg_synth::SynthError::NoImages;
        assert_eq!(code(anyhow::Error::from(small).context("synth")), 2);
    }
}
