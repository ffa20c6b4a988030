//! Where results lie that mirror the folders of the images.

use std::path::{Component, Path, PathBuf};

use anoseg_image::write::usable_name;

/// The inputs of a batch, which the folders of its results are relative to.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    inputs: Vec<PathBuf>,
}

impl Tree {
    pub(super) fn of(inputs: &[PathBuf]) -> Self {
        Self { inputs: inputs.to_owned() }
    }

    /// The folder of an image below its input: `""`, or names that each end with `/`. None of the names
    /// is `..`. An image that is an input itself has no folder. The first input that holds the image
    /// counts.
    pub(super) fn folder(&self, image: &Path) -> String {
        let below = self.inputs.iter().find_map(|input| image.strip_prefix(input).ok()?.parent());
        let mut folder = String::new();
        for component in below.into_iter().flat_map(Path::components) {
            if let Component::Normal(name) = component {
                folder += &usable_name(&name.to_string_lossy());
                folder.push('/');
            }
        }
        folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_relative_to_the_inputs() {
        let inputs = ["lots/one", "./two/", "x.png", "lots"].map(PathBuf::from);
        let tree = Tree::of(&inputs);
        let folder = |image: &str| tree.folder(image.as_ref());
        assert_eq!(folder("lots/one/x.png"), "");
        assert_eq!(folder("lots/one/p/q:r/x.png"), "p/q_r/");
        assert_eq!(folder("./two/p/x.png"), "p/");
        assert_eq!(folder("x.png"), "");
        assert_eq!(folder("lots/other/x.png"), "other/");
        assert_eq!(folder("elsewhere/p/x.png"), "");
        assert_eq!(folder("lots/one/p/../../x.png"), "p/");
    }
}
