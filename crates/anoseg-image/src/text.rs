//! Texts for users: characters of names that are not shown but obeyed, counts, and messages of panics.

use std::any::Any;

/// Whether a terminal, a page or a file manager obeys the character or shows nothing, so that a name
/// with it reads as another one: control characters, line and paragraph separators, characters that
/// change the direction of text, and those without a width.
///
/// Names are written without such characters everywhere: as escapes in texts, as `_` in the names of
/// result files.
///
/// ```
/// use anoseg_image::text::is_unseen;
///
/// assert!(['\u{1b}', '\n', '\u{202e}', '\u{2028}', '\u{200b}'].into_iter().all(is_unseen));
/// assert!(!"Prüfteil 部品 1.png".contains(is_unseen));
/// ```
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Soft hyphen, Arabic letter mark, Hangul fillers, Mongolian vowel separator.
            '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{180E}'
            // Zero width, direction of text, separators of lines and paragraphs.
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
            // Annotations and tags.
            | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
        )
}

/// The bytes of a text, each escaped as in a URL.
///
/// ```
/// assert_eq!(anoseg_image::text::escaped("\n\u{200b}"), "%0A%E2%80%8B");
/// ```
pub fn escaped(text: impl AsRef<[u8]>) -> String {
    text.as_ref().iter().map(|byte| format!("%{byte:02X}")).collect()
}

/// The message of a panic that was caught; None where it has none.
///
/// ```
/// use anoseg_image::text::of_panic;
///
/// let panic = std::panic::catch_unwind(|| panic!("shape {}", 3)).unwrap_err();
/// assert_eq!(of_panic(&*panic), Some("shape 3"));
/// ```
pub fn of_panic(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// A number of things, such as `1 file` and `2 files`.
///
/// ```
/// use anoseg_image::text::count;
///
/// assert_eq!(count(1, "file is", "files are"), "1 file is");
/// assert_eq!(count(0, "file is", "files are"), "0 files are");
/// ```
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
