//! Why a task could not be done.

use crate::WorkerError;

/// Why a task could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: String,
    /// Whether it would fail again in the same way, whoever tries.
    pub(crate) is_lasting: bool,
}

impl Failure {
    /// It may be done later, or by another worker.
    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_lasting: false }
    }

    /// Nobody can do it.
    pub(crate) fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_lasting: true }
    }
}

impl From<WorkerError> for Failure {
    fn from(error: WorkerError) -> Self {
        Self::passing(error.to_string())
    }
}

impl From<anoseg::Error> for Failure {
    fn from(error: anoseg::Error) -> Self {
        let is_lasting = error.kind() != anoseg::ErrorKind::Environment;
        Self { reason: error.to_string(), is_lasting }
    }
}
