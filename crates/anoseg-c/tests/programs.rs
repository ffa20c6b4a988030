//! The programs of `examples/c`, built by CMake against this crate's libraries, under the address sanitizer, too.
//! Without a compiler, CMake or the libraries of a release nothing is tested.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says that it is skipped")]

mod common;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anoseg::{ImageView, PixelFormat};
use common::{fixture, model, pixels};

/// The shared library that cargo built beside this test.
fn library() -> Option<PathBuf> {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let name = format!("{}anoseg_c{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    [folder.join(&name), folder.parent().unwrap().join(&name)].into_iter().find(|path| path.is_file())
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&text));
    output
}

fn is_there(program: impl AsRef<OsStr>) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// CMake, also that of Python's packages, beside the interpreter that `ANOSEG_PYTHON` names.
fn cmake() -> Option<PathBuf> {
    let python = std::env::var_os("ANOSEG_PYTHON").map(PathBuf::from);
    let beside = python.and_then(|python| Some(python.parent()?.join("cmake")));
    [Some("cmake".into()), beside].into_iter().flatten().find(|program| is_there(program))
}

/// Builds the programs into a folder; with flags for compiler and linker.
fn build(cmake: &Path, library: &Path, folder: &Path, flags: &str) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/c");
    run(Command::new(cmake)
        .arg("-S")
        .arg(source)
        .arg("-B")
        .arg(folder)
        .arg(format!("-DANOSEG_LIBRARY={}", library.display()))
        .arg(format!("-DCMAKE_C_FLAGS={flags}"))
        .arg(format!("-DCMAKE_CXX_FLAGS={flags}"))
        .arg("-DCMAKE_DISABLE_FIND_PACKAGE_OpenCV=ON"));
    run(Command::new(cmake).arg("--build").arg(folder));
}

#[test]
fn programs_in_c_and_cpp_tell_what_the_library_tells() {
    let (Some(cmake), Some(library), true) = (cmake(), library(), is_there("cc") && is_there("c++")) else {
        println!(
            "CMake, compilers or the shared library are not there: the programs in C and C++ are not built"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (rgb, image) = (pixels(80, 60), folder.path().join("image.ppm"));
    std::fs::write(&image, [b"P6\n80 60\n255\n", &rgb[..]].concat()).unwrap();
    let view = ImageView::new(&rgb, 80, 60, PixelFormat::Rgb8).unwrap();
    let expected = model().inspect(&view.to_image()).unwrap();
    let mut lines =
        vec![format!("{} {:.6}", format!("{:?}", expected.decision).to_lowercase(), expected.score)];
    lines.extend(expected.regions.iter().map(|region| {
        format!(
            "region {},{} {}x{}, {} pixels, peak {:.6}",
            region.x, region.y, region.width, region.height, region.area, region.peak
        )
    }));
    for (name, flags) in [("plain", "-O1"), ("sanitized", "-g -fsanitize=address -fno-omit-frame-pointer")] {
        let built = folder.path().join(name);
        build(&cmake, &library, &built, flags);
        for program in ["inspect_c", "inspect_cpp"] {
            let mut command = Command::new(built.join(program));
            // Also memory that nobody frees is told; threads that wait for work at the end keep theirs.
            command.env("ASAN_OPTIONS", "detect_leaks=1");
            let output = run(command.arg(fixture("compact.anoseg")).arg(&image));
            let told: Vec<String> =
                String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
            assert_eq!(told, lines, "{name} {program}");
            let wrong = Command::new(built.join(program)).arg(&image).arg(&image).output().unwrap();
            assert_eq!(wrong.status.code(), Some(1), "{name} {program}");
            assert!(String::from_utf8_lossy(&wrong.stderr).contains("image.ppm"), "{wrong:?}");
        }
    }
}
