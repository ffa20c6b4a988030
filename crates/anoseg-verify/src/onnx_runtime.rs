//! ONNX Runtime, from a library that is found when the program runs.

use std::borrow::Cow;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::error::Error as _;
use std::io::Read as _;
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
    /// The library, or folder of it, that is `given`, or that the environment names; otherwise the system's.
    ///
    /// # Errors
    /// Says why there is none.
    pub(crate) fn load(given: Option<&Path>) -> Result<Self, NoLibrary> {
        let environment = || std::env::var_os(LIBRARY).filter(|path| !path.is_empty()).map(PathBuf::from);
        let named = given.map(Path::to_owned).or_else(environment);
        let found = match &named {
            Some(path) => Self::at(path),
            // The first name comes with the files for developers, the second with the library itself.
            None => Self::at(Path::new(&usual_name()))
                .or_else(|what| Self::at(Path::new(&format!("{}.1", usual_name()))).map_err(|_| what)),
        };
        found.map_err(|what| NoLibrary { what, is_named: named.is_some() })
    }

    fn at(path: &Path) -> Result<Self, String> {
        let path = if path.is_dir() { in_folder(path)? } else { path.to_owned() };
        check(&path)?;
        let mut known = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return if known.path == path {
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

/// Why there is no library.
pub(crate) struct NoLibrary {
    pub(crate) what: String,
    /// Whether one was named that cannot be used.
    pub(crate) is_named: bool,
}

/// Refuses what would hang or end the program when it is loaded: a pipe, a library that is cut short.
fn check(path: &Path) -> Result<(), String> {
    let (shown, wrong) = (path.display(), |error: std::io::Error| format!("{}: {error}", path.display()));
    // A bare name is searched by the system.
    let Ok(about) = std::fs::metadata(path) else { return Ok(()) };
    if !about.is_file() {
        return Err(format!("{shown} is not a file"));
    }
    let mut start = [0_u8; 64];
    let mut file = std::fs::File::open(path).map_err(wrong)?;
    if file.read_exact(&mut start).is_err() {
        return Err(format!("{shown} is not a library"));
    }
    // ELF of 64 bits: the table of sections is the last part, and begins where its header says.
    let number = |at: usize, len: usize| {
        start[at..at + len].iter().rev().fold(0_u64, |sum, &byte| (sum << 8) | u64::from(byte))
    };
    let end = number(0x28, 8).saturating_add(number(0x3a, 2) * number(0x3c, 2));
    if start.starts_with(b"\x7fELF\x02\x01") && end > about.len() {
        return Err(format!("{shown} is cut short"));
    }
    Ok(())
}

/// The library's name without its version.
fn usual_name() -> String {
    format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}")
}

/// The library in a folder, whose name may have a version: the last of several.
fn in_folder(folder: &Path) -> Result<PathBuf, String> {
    let is_library = |name: &str| {
        let rest = name.strip_prefix(DLL_PREFIX).and_then(|name| name.strip_prefix("onnxruntime"));
        rest.is_some_and(|rest| rest.starts_with('.') && rest.contains(DLL_SUFFIX))
    };
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{shown}: {error}"))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let newest = names.filter(|name| is_library(name)).max();
    newest.map(|name| folder.join(name)).ok_or_else(|| format!("the folder {shown} has no {}", usual_name()))
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
