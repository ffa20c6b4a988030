//! The tests in Python, `tests_python`, on the extension that cargo built beside this test. `ANOSEG_PYTHON` names the
//! interpreter (otherwise `python3`); without the packages `numpy` and `pytest` nothing is tested.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says that it is skipped")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anoseg::{ImageView, Model, PixelFormat, Region};

/// The extension that cargo built beside this test.
fn extension() -> PathBuf {
    let folder = env::current_exe().unwrap().parent().unwrap().to_owned();
    let name = format!("{}_anoseg{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let places = [folder.join(&name), folder.parent().unwrap().join(&name)];
    places.into_iter().find(|path| path.is_file()).unwrap()
}

/// An interpreter with the packages that the tests need.
fn python() -> Option<String> {
    let python = env::var("ANOSEG_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import numpy, pytest"]).output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: {python} has no numpy and pytest");
    }
    found.then_some(python)
}

/// Writes what the library gives for the image of the tests in Python.
fn write_expected(folder: &Path) {
    let fixture = "../anoseg-infer/tests/fixtures/format1/compact.anoseg";
    let model = Model::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture)).unwrap();
    let (width, height) = (80, 60);
    let pixel = |i: usize| [(i * 7 % 251) as u8, (i / width * 5 % 256) as u8, (i % width * 3 % 256) as u8];
    let rgb: Vec<u8> = (0..width * height).flat_map(pixel).collect();
    let view = ImageView::new(&rgb, width, height, PixelFormat::Rgb8).unwrap();
    let inspection = model.inspect(&view.to_image()).unwrap();
    let map: Vec<u8> = inspection.map.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
    let mask: Vec<u8> = inspection.mask.as_slice().iter().map(|&inside| inside.into()).collect();
    fs::write(folder.join("map"), map).unwrap();
    fs::write(folder.join("mask"), mask).unwrap();
    let region = |region: &Region| {
        serde_json::json!({
            "x": region.x, "y": region.y, "width": region.width, "height": region.height, "area": region.area,
            "peak": region.peak, "peak_x": region.peak_x, "peak_y": region.peak_y,
        })
    };
    let expected = serde_json::json!({
        "score": inspection.score,
        "decision": inspection.decision,
        "regions": inspection.regions.iter().map(region).collect::<Vec<_>>(),
        "warnings": inspection.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "digest": model.digest().unwrap(),
    });
    fs::write(folder.join("expected.json"), expected.to_string()).unwrap();
}

#[test]
fn the_tests_in_python_pass() {
    let Some(python) = python() else { return };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("anoseg");
    fs::create_dir(&package).unwrap();
    for file in fs::read_dir(here.join("python/anoseg")).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), package.join(file.file_name())).unwrap();
        }
    }
    let name = if cfg!(windows) { "_anoseg.pyd" } else { "_anoseg.abi3.so" };
    fs::copy(extension(), package.join(name)).unwrap();
    write_expected(folder.path());
    let output = Command::new(python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .arg(here.join("tests_python"))
        .env("PYTHONPATH", folder.path())
        .env("ANOSEG_EXPECTED", folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}
