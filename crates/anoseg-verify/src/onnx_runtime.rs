//! ONNX Runtime, from a library that is found when the program runs.

use std::borrow::Cow;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anoseg_export::{INPUT, PRED_SCORE, WINDOW};
use ort::environment::Environment;
use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;

use crate::engine::{Graph, Inputs, Pixels, Tensor, Wanted};
use crate::guard;

/// The environment variable that names the library.
const LIBRARY: &str = "ORT_DYLIB_PATH";

/// The loaded library.
#[derive(Clone)]
pub(crate) struct Runtime {
    /// Where it is, as it was named.
    pub(crate) path: PathBuf,
    environment: Environment,
}

/// The library of this process. There can be one only.
static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// The library `given`, or the one that the environment names, or the system's.
    ///
    /// # Errors
    /// Says why there is none.
    pub(crate) fn load(given: Option<&Path>) -> Result<Self, String> {
        let path = match given {
            Some(path) => path.to_owned(),
            None => match std::env::var_os(LIBRARY).filter(|path| !path.is_empty()) {
                Some(path) => path.into(),
                None => format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}").into(),
            },
        };
        let mut known = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return if known.path == path || given.is_none() {
                Ok(known.clone())
            } else {
                Err(format!(
                    "{} is in use already, and a process can use one library only",
                    known.path.display()
                ))
            };
        }
        let runtime = guard::guarded(|| Self::open(&path));
        // A panic does not name the library.
        let name = path.display().to_string();
        let runtime =
            runtime.map_err(|what| if what.contains(&name) { what } else { format!("{name}: {what}") })?;
        Ok(known.insert(runtime).clone())
    }

    fn open(path: &Path) -> Result<Self, String> {
        // A relative path would be taken as one beside the program. A bare name is searched by the system.
        let file = if path.is_file() { std::path::absolute(path) } else { Ok(path.to_owned()) };
        let file = file.map_err(|error| error.to_string())?;
        let builder = ort::init_from(&file).map_err(|error| reason(&error, path))?;
        // What the library has to say comes with its errors.
        let silent = Arc::new(|_: ort::logging::LogLevel, _: &str, _: &str, _: &str, _: &str| {});
        let environment = builder.with_name("anoseg").with_telemetry(false).with_logger(silent).build();
        let environment = environment.map_err(|error| error.to_string())?;
        Ok(Self { path: path.to_owned(), environment })
    }
}

fn reason(error: &ort::LoadDynamicError, path: &Path) -> String {
    let path = path.display();
    match error {
        ort::LoadDynamicError::Dlopen { error, .. } => {
            // The system's message is that of the cause.
            let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            format!("the library {path} cannot be loaded ({cause})")
        }
        ort::LoadDynamicError::MissingApi { .. } => format!("{path} is a library, but not ONNX Runtime"),
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            format!("{path} is version {version_str}, and at least 1.{} is needed", ort::MINOR_VERSION)
        }
        ort::LoadDynamicError::InvalidVersionString => format!("{path} does not tell its version"),
    }
}

/// A graph in ONNX Runtime.
pub(crate) struct OnnxRuntime {
    session: Session,
}

impl OnnxRuntime {
    pub(crate) fn load(bytes: &[u8], runtime: &Runtime) -> Result<Self, String> {
        let builder = Session::builder(&runtime.environment).map_err(|error| error.to_string())?;
        let builder = builder.with_intra_threads(rayon::current_num_threads());
        let mut builder = builder.map_err(|error| error.to_string())?;
        let session = builder.commit_from_memory(bytes).map_err(|error| error.to_string())?;
        Ok(Self { session })
    }
}

impl Graph for OnnxRuntime {
    fn run(&mut self, inputs: &Inputs<'_>, wanted: Wanted) -> Result<[Tensor; 2], String> {
        let text = |error: ort::Error| error.to_string();
        let shape = inputs.shape();
        let pixels: SessionInputValue<'_> = match inputs.pixels {
            Pixels::Bytes(bytes) => TensorRef::from_array_view((shape, bytes)).map_err(text)?.into(),
            Pixels::Floats(values) => TensorRef::from_array_view((shape, values)).map_err(text)?.into(),
        };
        let mut values = vec![(Cow::Borrowed(INPUT), pixels)];
        if let Some(place) = &inputs.window {
            let place = TensorRef::from_array_view(([1_usize, 4], &place[..])).map_err(text)?;
            values.push((Cow::Borrowed(WINDOW), place.into()));
        }
        let outputs = self.session.run(values).map_err(text)?;
        let numbers = |name: &str| {
            let value = outputs.get(name).ok_or_else(|| format!("it gives no {name}"))?;
            let (shape, values) = value.try_extract_tensor::<f32>().map_err(text)?;
            let shape: Vec<usize> = shape.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect();
            Ok::<_, String>(Tensor { shape, values: values.to_vec() })
        };
        Ok([numbers(wanted.name())?, numbers(PRED_SCORE)?])
    }
}
