//! Names and texts as they are written.

use std::path::Path;

use anoseg_image::dataset::display_name;

/// The name of an image in every format.
pub(super) fn name_of(path: &Path) -> String {
    display_name(path)
}

/// A text without characters that a terminal or a table would obey. Names in it, which are escaped already, stay as
/// they are.
pub(super) fn plain(text: &str) -> String {
    let parts: Vec<String> = text.split('%').map(|part| display_name(Path::new(part))).collect();
    parts.join("%")
}
