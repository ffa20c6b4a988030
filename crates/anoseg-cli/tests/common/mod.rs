//! A generated category and a network so small that it trains in seconds.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod queue;
pub(crate) mod trial;

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anoseg::PretrainedEncoder;
use anoseg_image::write::{write_mask_png, write_png};
use anoseg_synth::demo::{Part, defective, good};
use assert_cmd::Command;
use tempfile::TempDir;

/// Side of the generated images.
pub(crate) const SIDE: usize = 96;

/// A folder with `data/` (a category), `tiny.toml`, `paper.toml` (the published networks at a
/// fiftieth of their width), and room for results.
pub(crate) struct Workshop {
    folder: TempDir,
}

impl Workshop {
    /// Twenty good images to train on, four to test on, and two of each of two defects.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let image = |number| good(Part::Token, 1, number, SIDE, SIDE);
        for number in 0..20 {
            save(&data.join("train/good"), number, |path| write_png(path, &image(number)).unwrap());
        }
        for number in 0..4 {
            save(&data.join("test/good"), number, |path| write_png(path, &image(100 + number)).unwrap());
        }
        for defect in ["chip", "colour_spot"] {
            for number in 0..2 {
                let drawn = defective(Part::Token, defect, 1, number, SIDE, SIDE).unwrap();
                save(&data.join("test").join(defect), number, |path| write_png(path, &drawn.image).unwrap());
                let masks = data.join("ground_truth").join(defect);
                std::fs::create_dir_all(&masks).unwrap();
                write_mask_png(&masks.join(format!("{number:03}_mask.png")), &drawn.mask).unwrap();
            }
        }
        let tiny = "checkpoint_seconds = 0\n[input]\nsize = 64\n[architecture]\nwidths = [8, 12]\n[optimiser]\nbatch = 4\n";
        std::fs::write(folder.path().join("tiny.toml"), tiny).unwrap();
        let paper = "preset = \"paper\"\ncheckpoint_seconds = 0\n[architecture]\nwidth = 0.02\n[optimiser]\nbatch = 4\naverage_steps = 3\n";
        std::fs::write(folder.path().join("paper.toml"), paper).unwrap();
        Self { folder }
    }

    /// With `accurate.toml`, settings of preset `accurate` for small images with a memory bank of so many vectors, and
    /// the default encoder, with random weights, in the data folder `data_home`: the published ones are not in
    /// the project.
    pub(crate) fn with_encoder(data_home: &str, vectors: usize) -> Self {
        let shop = Self::new();
        PretrainedEncoder::random(3).store(&shop.path(data_home).join("anoseg")).unwrap();
        let settings = format!(
            "preset = \"accurate\"\ncheckpoint_seconds = 0\n[input]\nsize = 64\n[architecture]\nmemory = {vectors}\n\
             [optimiser]\nbatch = 4\n"
        );
        std::fs::write(shop.path("accurate.toml"), settings).unwrap();
        shop
    }

    /// Another folder with the same content.
    pub(crate) fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(self.folder.path(), folder.path());
        Self { folder }
    }

    /// A path inside the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, started in the folder.
    pub(crate) fn anoseg(&self, arguments: &str) -> Command {
        let mut command = Command::cargo_bin("anoseg").unwrap();
        command.current_dir(self.folder.path()).args(arguments.split_whitespace());
        command
    }

    /// Runs the program; it must end with `code`. Gives standard output and standard error.
    pub(crate) fn run(&self, arguments: &str, code: i32) -> (String, String) {
        let output = self.anoseg(arguments).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "anoseg {arguments}\n{out}{err}");
        (out.into_owned(), err.into_owned())
    }

    /// Starts the program in the background.
    pub(crate) fn start(&self, arguments: &str) -> Child {
        let program = self.anoseg("").get_program().to_owned();
        std::process::Command::new(program)
            .current_dir(self.folder.path())
            .args(arguments.split_whitespace())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Steps in the log of a training.
    pub(crate) fn logged_steps(&self, run_dir: &str) -> usize {
        std::fs::read_to_string(self.path(run_dir).join("metrics.jsonl"))
            .map_or(0, |text| text.lines().count())
    }

    /// Waits until a training has done some steps.
    pub(crate) fn wait_for_steps(&self, run_dir: &str, steps: usize) {
        let begun = Instant::now();
        while self.logged_steps(run_dir) < steps {
            assert!(begun.elapsed() < Duration::from_secs(60), "no {steps} steps within a minute");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Trains the tiny network as `model.anoseg`.
    pub(crate) fn train(&self, steps: u32) {
        self.run(&format!("train data -o model.anoseg --config tiny.toml --steps {steps}"), 0);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Sends a signal such as `-KILL` to a process.
pub(crate) fn signal(process: u32, signal: &str) {
    let kill = std::process::Command::new("kill").args([signal, &process.to_string()]).status();
    assert!(kill.unwrap().success());
}

fn save(folder: &Path, number: u64, write: impl FnOnce(&Path)) {
    std::fs::create_dir_all(folder).unwrap();
    write(&folder.join(format!("{number:03}.png")));
}

/// The bytes of a model's tensors, without the header (which tells how long the training took).
pub(crate) fn tensor_bytes(model: &Path) -> Vec<u8> {
    let file = std::fs::read(model).unwrap();
    let header = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    file[8 + header..].to_vec()
}
