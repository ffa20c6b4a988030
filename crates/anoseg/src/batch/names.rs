//! Names and texts as they are written.

use std::path::Path;

use anoseg_image::dataset::display_name;

/// The name of an image in every format.
pub(super) fn name_of(path: &Path) -> String {
    display_name(path)
}

/// A text without characters that a terminal or a table would obey.
pub(super) fn plain(text: &str) -> String {
    display_name(Path::new(text))
}
