//! Inputs to begin with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Target;

/// Seeds larger than this are left out: their mutations would take long and find little.
const LARGEST: u64 = 64 << 10;

/// The inputs to begin with for a target: the fixtures of the crates, and what was once found.
///
/// # Errors
/// A folder cannot be read.
pub fn seeds(target: Target) -> io::Result<Vec<Vec<u8>>> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let fixtures = crates.join("anoseg-image/tests/fixtures");
    let folders: Vec<PathBuf> = match target {
        Target::Decode | Target::GroundTruth => vec![fixtures.join("formats"), fixtures.join("oriented")],
        Target::ModelFile | Target::Inspect => vec![crates.join("anoseg-infer/tests/fixtures/format1")],
        Target::Dataset
        | Target::Config
        | Target::Checkpoint
        | Target::Log
        | Target::OnnxFile
        | Target::Encoder => Vec::new(),
    };
    let found = crates.join("anoseg-fuzz/corpus").join(target.name());
    let mut inputs = target.generated();
    for folder in folders.into_iter().chain(found.is_dir().then_some(found)) {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        paths.sort();
        for path in paths {
            let metadata = fs::metadata(&path)?;
            if metadata.is_file() && metadata.len() <= LARGEST {
                inputs.push(fs::read(path)?);
            }
        }
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seed of the log was once none, so that its mutations reached nothing.
    #[test]
    fn every_target_accepts_a_seed() {
        for target in Target::ALL {
            let accepted = seeds(target).unwrap().iter().any(|seed| target.run(seed));
            assert!(accepted, "{}", target.name());
        }
    }
}
