//! The library of ONNX Runtime that a Python package has.

use std::path::PathBuf;
use std::process::Command;

/// Names the library in the package.
const FIND: &str = "
import onnxruntime, pathlib
folder = pathlib.Path(onnxruntime.__file__).parent / 'capi'
names = ['libonnxruntime.so*', 'libonnxruntime*.dylib', 'onnxruntime.dll']
print(next(path for name in names for path in sorted(folder.glob(name))))
";

/// The library in the package `onnxruntime` of the interpreter that `ANOSEG_PYTHON` names (otherwise
/// `python3`).
pub(crate) fn library() -> Option<PathBuf> {
    let python = std::env::var("ANOSEG_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", FIND]).output().ok().filter(|found| found.status.success());
    let path = found.and_then(|found| String::from_utf8(found.stdout).ok());
    if path.is_none() {
        println!("skipped: {python} has no onnxruntime");
    }
    path.map(|path| path.trim().into())
}
