//! Writes what is read from image files, for comparison with other programs.
//!
//!     cargo run --example decode -- OUT IMAGE...
//!
//! For image number `i` (from 0) it writes `OUT/i.f32`: planar `[3, height, width]`, 32-bit
//! little-endian floats. On stdout there is a line per image: `i read WIDTH HEIGHT GREY FURTHER_PAGES`,
//! or `i KIND MESSAGE` with the kind of the error.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use anoseg_image::{Decoded, ImageError, Limits};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let out = PathBuf::from(arguments.next().ok_or("give an output folder and images")?);
    std::fs::create_dir_all(&out)?;
    let limits = Limits { min_side: 1, ..Limits::default() };
    let mut lines = std::io::stdout().lock();
    for (i, path) in arguments.enumerate() {
        match Decoded::load(Path::new(&path), &limits) {
            Ok(decoded) => {
                let image = decoded.image;
                let bytes: Vec<u8> = image.as_slice().iter().flat_map(|v| v.to_le_bytes()).collect();
                std::fs::write(out.join(format!("{i}.f32")), bytes)?;
                let (grey, pages) = (u8::from(decoded.grey), decoded.further_pages);
                writeln!(lines, "{i} read {} {} {grey} {pages}", image.width(), image.height())?;
            }
            Err(error) => writeln!(lines, "{i} {} {error}", kind(&error))?,
        }
    }
    Ok(())
}

/// Whose fault it is, in a word.
fn kind(error: &ImageError) -> &'static str {
    match error {
        ImageError::Damaged { .. } => "damaged",
        ImageError::Unsupported { .. } | ImageError::OtherFormat { .. } => "unsupported",
        ImageError::NotAnImage { .. } => "unknown",
        ImageError::Limit { .. } => "limit",
        _ => "other",
    }
}
