//! Commands that are stopped or fail in the middle, and what must hold afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Workshop, tensor_bytes};

/// A command that is run to its end once, and stopped or made to fail many times.
pub(crate) struct Trial {
    pub(crate) name: &'static str,
    /// Commands that come before, each with exit code 0.
    pub(crate) before: &'static [&'static str],
    pub(crate) command: &'static str,
    /// The command that goes on after an interruption. It must succeed.
    pub(crate) go_on: fn(&Workshop) -> &'static str,
    /// Files that must then be as if nothing had happened.
    pub(crate) results: &'static [&'static str],
}

/// Everything that writes, each with the command that goes on.
const TRIALS: [Trial; 4] = [
    Trial {
        name: "train",
        before: &[],
        command: "train data -o model.anoseg --config tiny.toml --steps 6",
        go_on: |shop| {
            if shop.path("model-run/checkpoint/state.safetensors").is_file() {
                "train data -o model.anoseg --resume"
            } else {
                "train data -o model.anoseg --config tiny.toml --steps 6"
            }
        },
        results: &["model.anoseg"],
    },
    Trial {
        name: "calibrate",
        before: &["train data -o model.anoseg --config tiny.toml --steps 2"],
        command: "calibrate model.anoseg data/test/good",
        go_on: |_| "calibrate model.anoseg data/test/good",
        results: &["model.anoseg"],
    },
    Trial {
        name: "predict",
        before: &["train data -o model.anoseg --config tiny.toml --steps 2"],
        command: "predict model.anoseg data/test -o out --overlay --mask --map",
        go_on: |shop| {
            if shop.path("out/verdicts.jsonl").is_file() {
                "predict model.anoseg data/test -o out --overlay --mask --map --resume"
            } else {
                "predict model.anoseg data/test -o out --overlay --mask --map"
            }
        },
        results: &["out"],
    },
    Trial {
        name: "bench",
        before: &[],
        command: "bench data --out bench --config tiny.toml --steps 3",
        go_on: |_| "bench data --out bench --config tiny.toml --steps 3",
        results: &["bench"],
    },
];

impl Trial {
    /// The trial of this name.
    pub(crate) fn named(name: &str) -> &'static Self {
        TRIALS.iter().find(|trial| trial.name == name).unwrap()
    }

    /// A folder in which the commands before were run.
    pub(crate) fn template(&self) -> Workshop {
        let shop = Workshop::new();
        self.before.iter().for_each(|command| drop(shop.run(command, 0)));
        shop
    }

    /// What the results must be: each file's name and content.
    pub(crate) fn contents(&self, shop: &Workshop) -> Vec<(PathBuf, Vec<u8>)> {
        let root = shop.path("");
        // Logs and checkpoints hold times, and tell how often a training was begun.
        let is_result = |path: &PathBuf| {
            !path.components().any(|part| part.as_os_str().to_string_lossy().ends_with("-run"))
        };
        let files = self.results.iter().flat_map(|result| files_below(&root.join(result))).filter(is_result);
        files.map(|path| (path.strip_prefix(&root).unwrap().to_owned(), essence(&path))).collect()
    }

    /// Goes on after an interruption and compares the results with those of a whole run.
    pub(crate) fn check_recovery(&self, shop: &Workshop, whole: &[(PathBuf, Vec<u8>)], moment: &str) {
        let name = self.name;
        for path in files_below(&shop.path("")) {
            if path.extension().is_some_and(|ending| ending == "anoseg") {
                shop.run(&format!("info {}", path.display()), 0);
            }
        }
        let go_on = (self.go_on)(shop);
        shop.run(go_on, 0);
        let contents = self.contents(shop);
        let names = |contents: &[(PathBuf, Vec<u8>)]| -> Vec<PathBuf> {
            contents.iter().map(|(path, _)| path.clone()).collect()
        };
        assert_eq!(names(&contents), names(whole), "{name} {moment}: other files after '{go_on}'");
        for ((path, now), (_, whole)) in contents.iter().zip(whole) {
            assert!(now == whole, "{name} {moment}: {} differs after '{go_on}'", path.display());
        }
        let left = leftovers(&shop.path(""));
        assert!(left.is_empty(), "{name} {moment}: {left:?} stayed after '{go_on}'");
    }
}

/// The part of a file that must be equal in all runs: times differ.
fn essence(path: &Path) -> Vec<u8> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending {
        "anoseg" => tensor_bytes(path),
        "html" | "md" | "toml" => Vec::new(),
        "json" => without_times(&fs::read_to_string(path).unwrap()),
        "jsonl" => last_verdicts(&fs::read_to_string(path).unwrap()),
        _ => fs::read(path).unwrap(),
    }
}

/// The verdicts in the order of their images. Of several lines for an image the last one counts.
fn last_verdicts(text: &str) -> Vec<u8> {
    let verdict = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        (value["image"].as_str().unwrap().to_owned(), line.to_owned())
    };
    let verdicts: BTreeMap<String, String> = text.lines().map(verdict).collect();
    verdicts.into_values().collect::<Vec<_>>().join("\n").into_bytes()
}

fn without_times(text: &str) -> Vec<u8> {
    let lines = text.lines().filter(|line| !line.contains("seconds") && !line.contains("elapsed"));
    lines.collect::<Vec<_>>().join("\n").into_bytes()
}

/// Temporary files, which nothing may leave behind once a later run is over.
pub(crate) fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let files = files_below(folder).into_iter();
    files.filter(|path| path.extension().is_some_and(|ending| ending == "tmp")).collect()
}

/// All files in a folder and below it, or the file itself, in the order of their names. Locks are
/// left out.
pub(crate) fn files_below(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let is_lock =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains("lock"));
    paths.iter().filter(|path| !is_lock(path)).flat_map(|path| files_below(path)).collect()
}
