//! Names of files: how they are written, and when two of them are the same.

use std::ffi::OsStr;
use std::path::Path;

use unicode_normalization::UnicodeNormalization as _;

use crate::text::{escaped, is_unseen};

/// The name of a file as text that stands for this name alone.
///
/// Names in UTF-8 are written as they are. Escaped like in a URL are bytes that are not UTF-8
/// (`part%FE.png`), characters that are [not shown](is_unseen), and a percent sign before two
/// hexadecimal digits. So different names never give the same text.
pub fn display_name(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for (at, character) in chunk.valid().char_indices() {
            let ambiguous = character == '%' && reads_as_escape(&chunk.valid().as_bytes()[at + 1..]);
            if ambiguous || is_unseen(character) {
                text.push_str(&escaped(character.encode_utf8(&mut [0; 4])));
            } else {
                text.push(character);
            }
        }
        text.push_str(&escaped(chunk.invalid()));
    }
    text
}

/// Whether what follows a percent sign makes it look like an escaped byte.
fn reads_as_escape(rest: &[u8]) -> bool {
    rest.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// A name for comparison: in Unicode normal form C, because systems write the same letters as one
/// or several code points. Names that are not UTF-8 stay apart.
pub(super) fn key(name: &OsStr) -> String {
    match name.to_str() {
        Some(name) => name.nfc().collect(),
        None => format!("\0{}", display_name(Path::new(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_names_stay_as_they_are() {
        for name in ["a b.png", "Prüfteil.png", "C:\\users\\1.png", "日本.png", "100%.png"] {
            assert_eq!(display_name(Path::new(name)), name);
        }
        assert_eq!(display_name(Path::new("a\u{1b}[2Jb\n.png")), "a%1B[2Jb%0A.png");
        assert_eq!(display_name(Path::new("a%FE.png")), "a%25FE.png");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf8_stay_apart() {
        use std::os::unix::ffi::OsStrExt as _;
        let text = |bytes: &[u8]| display_name(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(text(b"part\xFE.png"), "part%FE.png");
        assert_ne!(text(b"part\xFE.png"), text(b"part\xFF.png"));
        assert_ne!(text(b"part\xFE.png"), text(b"part%FE.png"));
    }

    #[test]
    fn composed_and_decomposed_names_are_the_same() {
        assert_eq!(key("Pru\u{308}fteil".as_ref()), key("Pr\u{fc}fteil".as_ref()));
        assert_ne!(key("a".as_ref()), key("A".as_ref()));
    }

    #[cfg(unix)]
    proptest! {
        /// Short names of the bytes that matter, so that collisions would be found.
        #[test]
        fn different_names_give_different_texts(
            a in proptest::collection::vec(proptest::sample::select(b"%25E9\xE9\xC3\xA9\x1b".to_vec()), 0..7),
            b in proptest::collection::vec(proptest::sample::select(b"%25E9\xE9\xC3\xA9\x1b".to_vec()), 0..7),
        ) {
            use std::os::unix::ffi::OsStrExt as _;
            let text = |bytes: &[u8]| display_name(Path::new(OsStr::from_bytes(bytes)));
            prop_assert_eq!(text(&a) == text(&b), a == b);
        }
    }
}
