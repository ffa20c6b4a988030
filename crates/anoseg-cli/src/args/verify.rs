//! The options of `anoseg verify`.

use std::path::PathBuf;

use anoseg_verify::Choice;
use clap::{Args, ValueEnum};

use super::LimitOptions;

#[derive(Args)]
pub(crate) struct Verify {
    /// Model file.
    pub(crate) model: PathBuf,
    /// The ONNX file that `anoseg export` wrote of it.
    pub(crate) onnx: PathBuf,
    /// Images, or folders of images.
    #[arg(required = true)]
    pub(crate) images: Vec<PathBuf>,
    /// Which engines are compared. Without ONNX Runtime on the machine, all is rten.
    #[arg(long, value_enum, default_value = "all")]
    pub(crate) engine: EngineName,
    /// Library of ONNX Runtime (libonnxruntime.so, onnxruntime.dll or libonnxruntime.dylib), or the folder that
    /// has it [default: what the environment variable ORT_DYLIB_PATH names, or the system's library].
    #[arg(long, value_name = "PATH")]
    pub(crate) runtime: Option<PathBuf>,
    /// Largest difference of maps and scores that is no failure.
    #[arg(long, value_name = "DIFFERENCE", allow_negative_numbers = true, default_value_t = 1e-4, value_parser = tolerance)]
    pub(crate) tolerance: f64,
    /// Write what was found as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineName {
    /// rten, and ONNX Runtime where its library is found.
    All,
    /// The engine that is part of this program.
    Rten,
    /// ONNX Runtime, from a library on this machine.
    Onnxruntime,
}

impl EngineName {
    pub(crate) fn choice(self) -> Choice {
        match self {
            Self::All => Choice::All,
            Self::Rten => Choice::Rten,
            Self::Onnxruntime => Choice::OnnxRuntime,
        }
    }
}

fn tolerance(text: &str) -> Result<f64, String> {
    let allowed = || "give a number from 0 to 1, such as 0.01".to_owned();
    text.trim().parse().ok().filter(|number| (0.0..=1.0).contains(number)).ok_or_else(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerances_are_differences_of_probabilities() {
        assert_eq!(tolerance("1e-3"), Ok(1e-3));
        for wrong in ["-1", "2", "nan", "few", ""] {
            assert!(tolerance(wrong).unwrap_err().contains("such as 0.01"), "{wrong}");
        }
    }
}
