//! Engines that run an exported graph.

use std::path::Path;

use anoseg_export::{ANOMALY_MAP, LOGITS};
use anoseg_image::AnomalyMap;

use crate::builtin::BuiltIn;
use crate::exported::Exported;
use crate::onnx_runtime::{OnnxRuntime, Runtime};
use crate::{VerifyError, guard};

/// Which engines are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// All that there are.
    #[default]
    All,
    /// The one that is part of this library.
    Rten,
    /// ONNX Runtime, a library that is found when the program runs.
    OnnxRuntime,
}

/// The images of a run.
pub(crate) enum Pixels<'a> {
    /// `[1, height, width, 3]`: 8-bit red, green and blue.
    Bytes(&'a [u8]),
    /// `[1, 3, height, width]`, 0..=1
    Floats(&'a [f32]),
}

/// The inputs of a run, of one image or tile.
pub(crate) struct Inputs<'a> {
    pub(crate) pixels: Pixels<'a>,
    /// Height and width of the pixels.
    pub(crate) size: [usize; 2],
    /// Where the tile lies, for graphs that take tiles: `[1, 4]`.
    pub(crate) window: Option<[f32; 4]>,
}

impl Inputs<'_> {
    /// Shape of the pixels.
    pub(crate) fn shape(&self) -> [usize; 4] {
        let [height, width] = self.size;
        match self.pixels {
            Pixels::Bytes(_) => [1, height, width, 3],
            Pixels::Floats(_) => [1, 3, height, width],
        }
    }
}

/// Which map of the graph is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Probabilities.
    Map,
    /// The logits before smoothing.
    Logits,
}

impl Wanted {
    /// The output's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Map => ANOMALY_MAP,
            Self::Logits => LOGITS,
        }
    }
}

/// What a graph gives for an image or tile.
pub(crate) struct Outputs {
    pub(crate) map: AnomalyMap,
    pub(crate) score: f32,
}

/// A value that a graph gives.
pub(crate) struct Tensor {
    /// Sizes, outermost first.
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// A loaded graph. Messages of errors say what is wrong, not where.
pub(crate) trait Graph: Send {
    /// The wanted map, and the score.
    fn run(&mut self, inputs: &Inputs<'_>, wanted: Wanted) -> Result<[Tensor; 2], String>;
}

/// An engine with the graph of an exported file.
pub struct Engine {
    pub(crate) name: &'static str,
    /// Where its library is; None for the one that is part of this program.
    pub(crate) library: Option<String>,
    graph: Box<dyn Graph>,
}

impl Engine {
    /// Name of the built-in engine.
    pub const RTEN: &'static str = "rten";

    /// Name of ONNX Runtime.
    pub const ONNX_RUNTIME: &'static str = "onnxruntime";

    /// The engine's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn load<G: Graph + 'static>(
        name: &'static str,
        file: &Exported,
        load: impl FnOnce(&[u8]) -> Result<G, String>,
    ) -> Result<Self, VerifyError> {
        let graph = guard::guarded(|| load(&file.bytes)).map_err(|what| file.refused(name, what))?;
        Ok(Self { name, library: None, graph: Box::new(graph) })
    }

    /// The wanted map, of `size`, and the score; both are finite.
    pub(crate) fn run(
        &mut self,
        inputs: &Inputs<'_>,
        wanted: Wanted,
        size: [usize; 2],
    ) -> Result<Outputs, String> {
        let [map, score] = guard::guarded(|| self.graph.run(inputs, wanted))?;
        let (Tensor { shape, values: map }, score) = (map, score.values);
        let [height, width] = size;
        if shape != [1, 1, height, width] || score.len() != 1 {
            let (name, count) = (wanted.name(), score.len());
            return Err(format!(
                "{name} has the shape {shape:?} in place of [1, 1, {height}, {width}], with {count} scores in place of 1"
            ));
        }
        if !map.iter().chain(&score).all(|value| value.is_finite()) {
            return Err("it gives a value that is not a finite number".to_owned());
        }
        Ok(Outputs { map: AnomalyMap::from_vec(width, height, map), score: score[0] })
    }
}

/// The engines of a comparison.
pub struct Engines {
    pub(crate) engines: Vec<Engine>,
    /// Why ONNX Runtime is not among them, where it was neither asked for nor left out on purpose.
    pub missing: Option<String>,
}

impl Engines {
    /// Loads an exported file in the engines that are chosen. ONNX Runtime is the library `runtime`, or that in
    /// the folder `runtime`, otherwise what the environment variable `ORT_DYLIB_PATH` names so, otherwise the
    /// system's. A process can use one library only.
    ///
    /// # Errors
    /// An engine does not take the file, or there is no ONNX Runtime and it was asked for or named.
    pub fn load(file: &Exported, choice: Choice, runtime: Option<&Path>) -> Result<Self, VerifyError> {
        let (mut engines, mut missing) = (Vec::new(), None);
        if choice != Choice::OnnxRuntime {
            engines.push(Engine::load(Engine::RTEN, file, BuiltIn::load)?);
        }
        if choice != Choice::Rten {
            match Runtime::load(runtime) {
                Ok(library) => {
                    let engine =
                        Engine::load(Engine::ONNX_RUNTIME, file, |bytes| OnnxRuntime::load(bytes, &library))?;
                    engines.push(Engine { library: Some(library.path.display().to_string()), ..engine });
                }
                Err(none) if choice == Choice::OnnxRuntime || none.is_named => {
                    return Err(VerifyError::NoRuntime { what: none.what });
                }
                Err(none) => missing = Some(none.what),
            }
        }
        Ok(Self { engines, missing })
    }
}
