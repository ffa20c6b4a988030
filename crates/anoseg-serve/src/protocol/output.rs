//! Outputs: what is kept of inspected images, and its form as bytes.

use anoseg::batch::RegionRecord;

use crate::failure::Failure;
use crate::inspect::Judged;

/// The outputs of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Map,
    Score,
    Decision,
    Regions,
}

impl Output {
    pub(crate) const ALL: [Self; 4] = [Self::Map, Self::Score, Self::Decision, Self::Regions];

    /// The output of this name, where it is none of `others`.
    ///
    /// # Errors
    /// There is none, or it is there twice.
    pub(crate) fn named(name: &str, mut others: impl Iterator<Item = Self>) -> Result<Self, Failure> {
        let output = Self::ALL.into_iter().find(|output| output.name() == name);
        let output = output.filter(|output| others.all(|other| other != *output));
        output.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Failure::bad_request(format!("the outputs of a model are {names}, each at most once"))
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Map => "anomaly_map",
            Self::Score => "score",
            Self::Decision => "decision",
            Self::Regions => "regions",
        }
    }

    pub(crate) fn datatype(self) -> &'static str {
        match self {
            Self::Map | Self::Score => "FP32",
            Self::Decision | Self::Regions => "BYTES",
        }
    }

    pub(crate) fn shape(self) -> &'static [i64] {
        match self {
            Self::Map => &[-1, -1, -1],
            _ => &[-1],
        }
    }
}

/// What is kept of an inspected image until the answer is written.
#[derive(Debug)]
pub(crate) struct Outcome {
    size: (usize, usize),
    /// None where the map is not wanted.
    map: Option<Vec<f32>>,
    pub(crate) score: f32,
    pub(crate) decision: &'static str,
    pub(crate) regions: String,
    /// The number of the verdict in the history, where it was kept.
    pub(crate) verdict: Option<i64>,
}

impl Outcome {
    /// Without its map unless `with_map`.
    pub(crate) fn of(judged: Judged, with_map: bool) -> Result<Self, Failure> {
        let Judged { inspected, verdict } = judged;
        let inspection = inspected.inspection;
        let size = (inspection.map.width(), inspection.map.height());
        let regions: Vec<RegionRecord> = inspection.regions.iter().map(RegionRecord::from).collect();
        let regions =
            serde_json::to_string(&regions).map_err(|error| Failure::internal(error.to_string()))?;
        let map = with_map.then(|| inspection.map.as_slice().to_vec());
        let decision = inspection.decision.name();
        Ok(Self { size, map, score: inspection.score, decision, regions, verdict })
    }

    /// The values of the map; none where it is not kept.
    pub(crate) fn map(&self) -> &[f32] {
        self.map.as_deref().unwrap_or_default()
    }
}

/// # Errors
/// A parameter of an output asks for what there is not.
pub(crate) fn refuse_parameters<'a>(parameters: impl IntoIterator<Item = &'a String>) -> Result<(), Failure> {
    let refused = |name: &String| name.starts_with("shared_memory") || name == "classification";
    if parameters.into_iter().any(refused) {
        return Err(Failure::bad_request("shared memory and classification are not supported"));
    }
    Ok(())
}

/// The shape of an output of all images.
///
/// # Errors
/// The maps differ in size, so that they are no tensor.
pub(crate) fn shape(output: Output, outcomes: &[Outcome]) -> Result<Vec<usize>, Failure> {
    let mut shape = vec![outcomes.len()];
    if output == Output::Map {
        let (width, height) = outcomes.first().map_or((0, 0), |outcome| outcome.size);
        if outcomes.iter().any(|outcome| outcome.size != (width, height)) {
            let message = "images of different sizes have no anomaly_map in common: ask for other outputs, or send one at a time";
            return Err(Failure::bad_request(message));
        }
        shape.extend([height, width]);
    }
    Ok(shape)
}

/// The elements of an output of all images as bytes, appended to `binary`.
pub(crate) fn bytes(output: Output, outcomes: &[Outcome], binary: &mut Vec<u8>) {
    let maps = || outcomes.iter().flat_map(Outcome::map);
    match output {
        Output::Map => {
            binary.reserve(4 * outcomes.iter().map(|outcome| outcome.size.0 * outcome.size.1).sum::<usize>());
            maps().for_each(|value| binary.extend(value.to_le_bytes()));
        }
        Output::Score => outcomes.iter().for_each(|outcome| binary.extend(outcome.score.to_le_bytes())),
        Output::Decision => outcomes.iter().for_each(|outcome| element(outcome.decision, binary)),
        Output::Regions => outcomes.iter().for_each(|outcome| element(&outcome.regions, binary)),
    }
}

/// An element of a tensor of BYTES: its length in four bytes, little-endian, before it.
fn element(text: &str, binary: &mut Vec<u8>) {
    // Regions of an image have at most some megabytes.
    binary.extend((text.len() as u32).to_le_bytes());
    binary.extend(text.as_bytes());
}
