//! Names of images that are the same on every machine.

use std::path::{Component, Path, PathBuf};

use crate::batch::names::name_of;

/// Names relative to the folder that holds all inputs, so that the place where a machine has that folder
/// does not matter. They are compared by their names alone; nothing is looked up.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// The components of the folder that holds all inputs; of a single input, of the input.
    common: Vec<String>,
}

impl Keys {
    pub(super) fn of(inputs: &[PathBuf]) -> Self {
        let mut inputs = inputs.iter().map(|input| components(input));
        let mut common = inputs.next().unwrap_or_default();
        for input in inputs {
            let same = common.iter().zip(&input).take_while(|(a, b)| a == b).count();
            common.truncate(same);
        }
        Self { common }
    }

    /// The name of a file in or below the inputs, with `/` between folders. A file that is the only input
    /// has its own name.
    pub(super) fn key(&self, path: &Path) -> String {
        let components = components(path);
        match components.strip_prefix(self.common.as_slice()) {
            Some([]) => components.last().cloned().unwrap_or_default(),
            Some(below) => below.join("/"),
            None => components.join("/"),
        }
    }
}

/// The parts of a path as verdicts show them, without `.`.
fn components(path: &Path) -> Vec<String> {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    parts.map(|part| name_of(Path::new(part.as_os_str()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(inputs: &[&str], path: &str) -> String {
        let inputs: Vec<PathBuf> = inputs.iter().map(PathBuf::from).collect();
        Keys::of(&inputs).key(path.as_ref())
    }

    #[test]
    fn the_place_of_the_inputs_does_not_matter() {
        for input in ["in", "./in/", "/mnt/a/in", "../in", "C/in"] {
            assert_eq!(key(&[input], &format!("{input}/a/x.png")), "a/x.png");
        }
        assert_eq!(key(&["/mnt/a/one", "/mnt/a/two"], "/mnt/a/two/x.png"), "two/x.png");
        assert_eq!(key(&["/data/one", "/data/two"], "/data/two/x.png"), "two/x.png");
        assert_eq!(key(&["in/x.png", "in/y.png"], "in/x.png"), "x.png", "as of the folder");
        assert_eq!(key(&["in", "in/a"], "in/a/x.png"), "a/x.png");
        assert_eq!(key(&["/mnt/in/x.png"], "/mnt/in/x.png"), "x.png", "the only input");
    }

    /// Equal names in many folders would all fall to one shard.
    #[test]
    fn files_of_the_same_name_stay_apart() {
        let inputs = ["parts/1/front.png", "parts/2/front.png"];
        assert_eq!(key(&inputs, inputs[0]), "1/front.png");
        assert_eq!(key(&inputs, inputs[1]), "2/front.png");
        assert_eq!(key(&["in", "/mnt/b"], "in/x.png"), "in/x.png");
    }
}
