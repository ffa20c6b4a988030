//! Parameters of an answer.

use serde::Serialize;

use super::output::Outcome;
use crate::failure::Failure;
use crate::thresholds::Chosen;

/// What an answer tells beside its outputs. The protocol has numbers and strings only.
#[derive(Debug, Serialize)]
pub(crate) struct Parameters {
    /// The numbers of the verdicts in the history, with commas between them; none where one was not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verdicts: Option<String>,
    /// What decided, as a JSON document, where the request asked for another way than the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) thresholds: Option<String>,
}

impl Parameters {
    /// None where there is nothing to tell.
    pub(crate) fn of(outcomes: &[Outcome], chosen: Option<&Chosen>) -> Result<Option<Self>, Failure> {
        let numbers = outcomes.iter().map(|outcome| Some(outcome.verdict?.to_string()));
        let numbers: Option<Vec<String>> = numbers.collect();
        let verdicts = numbers.filter(|numbers| !numbers.is_empty()).map(|numbers| numbers.join(","));
        let thresholds = chosen.map(|chosen| serde_json::to_string(&chosen.thresholds)).transpose();
        let thresholds = thresholds.map_err(|error| Failure::internal(error.to_string()))?;
        let is_empty = verdicts.is_none() && thresholds.is_none();
        Ok((!is_empty).then_some(Self { verdicts, thresholds }))
    }
}
