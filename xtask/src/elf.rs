//! What a program of Linux needs of the system, read from its names of symbols and libraries.

const GLIBC: &[u8] = b"GLIBC_2.";

/// The newest minor version of glibc 2 whose symbols the program uses; none if it uses none.
pub(crate) fn glibc_minor(program: &[u8]) -> Option<u32> {
    let starts = positions(program, GLIBC).map(|at| &program[at + GLIBC.len()..]);
    starts
        .filter_map(|rest| {
            let digits = rest.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
            std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
        })
        .max()
}

/// Whether the program names a library, such as `libgcc_s.so.1`.
pub(crate) fn names(program: &[u8], library: &str) -> bool {
    positions(program, library.as_bytes()).next().is_some()
}

/// Whether the header asks for a loader of shared libraries. Programs of 64 bits in little-endian order only.
pub(crate) fn has_loader(program: &[u8]) -> bool {
    const INTERPRETER: u64 = 3;
    let number = |at: usize, bytes: usize| {
        let field = program.get(at..at + bytes)?;
        Some(field.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    };
    let table = || {
        let start = usize::try_from(number(32, 8)?).ok()?;
        let (size, count) = (usize::try_from(number(54, 2)?).ok()?, usize::try_from(number(56, 2)?).ok()?);
        Some((0..count).map(move |entry| start + entry * size))
    };
    table().is_some_and(|mut entries| entries.any(|at| number(at, 4) == Some(INTERPRETER)))
}

fn positions<'a>(bytes: &'a [u8], pattern: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let first = pattern.first().copied().unwrap_or(0);
    let starts = bytes.iter().enumerate().filter(move |(_, byte)| **byte == first);
    starts.map(|(at, _)| at).filter(|&at| bytes[at..].starts_with(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_of_glibc_counts() {
        assert_eq!(glibc_minor(b"..GLIBC_2.2.5\0GLIBC_2.28\0GLIBC_2.17\0GLIBC_PRIVATE"), Some(28));
        assert_eq!(glibc_minor(b"GLIBC_2."), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_test_of_this_machine_needs_what_it_is_linked_to() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(has_loader(&program), cfg!(target_env = "gnu"));
        assert!(cfg!(not(target_env = "gnu")) || names(&program, "libc.so.6"));
        assert!(!has_loader(b"short") && !names(b"libgcc", "libgcc_s.so.1"));
    }
}
