//! What a file is, told by its first bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What a file is by its first bytes, whatever its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// An image of a format that is read, with the format's name. The file may still be damaged, or
    /// be of a variant that is not read.
    Readable(&'static str),
    /// An image, raw camera data or a measurement in a format that is not read, with its name and an
    /// article: "a HEIC image".
    OtherImage(&'static str),
    /// A known kind of file that is no image, with its name and an article: "a ZIP archive".
    Known(&'static str),
    /// None of the kinds above.
    Unknown,
    /// A file of no bytes.
    Empty,
}

/// Says what a file is from its first bytes; the rest is not read. A link is followed.
///
/// # Errors
/// When the file cannot be read, and for folders, pipes and devices
/// ([`io::ErrorKind::InvalidInput`]), which are not opened.
pub fn sniff_file(path: &Path) -> io::Result<Kind> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut head = Vec::with_capacity(HEAD_BYTES);
    File::open(path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(kind(&head))
}

/// Bytes at the start of a file that are enough to tell its kind.
const HEAD_BYTES: usize = 4096;

/// The kind of a file that starts with `head`; more than [`HEAD_BYTES`] are not looked at.
pub(super) fn kind(head: &[u8]) -> Kind {
    if head.is_empty() {
        return Kind::Empty;
    }
    match content(head) {
        Content::Image(format) => Kind::Readable(format.name()),
        Content::OtherImage(name) => Kind::OtherImage(name),
        Content::NoImage(name) => Kind::Known(name),
        Content::Unknown => Kind::Unknown,
    }
}

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Png,
    Jpeg,
    Tiff,
    Bmp,
    WebP,
    /// PBM, PGM, PPM and PAM.
    Pnm,
    Gif,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
            Self::WebP => "WebP",
            Self::Pnm => "PNM",
            Self::Gif => "GIF",
        }
    }
}

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// An image of a format that is read.
    Image(Format),
    /// An image, raw camera data or a measurement in a format that is not read.
    OtherImage(&'static str),
    /// Something else that is known.
    NoImage(&'static str),
    Unknown,
}

/// Tells the content from the first bytes of a file, which are not empty; more than
/// [`HEAD_BYTES`] are not looked at.
pub(super) fn content(head: &[u8]) -> Content {
    let head = &head[..head.len().min(HEAD_BYTES)];
    if let Some(found) =
        riff(head).or_else(|| iso_media(head)).or_else(|| tiff_like(head)).or_else(|| pnm(head))
    {
        return found;
    }
    let matches = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    match SIGNATURES.iter().find(|(at, magic, _)| matches(*at, magic)) {
        // Text may begin with the few letters that are the signature of a binary format.
        Some((_, magic, _))
            if magic.len() < 4 && magic.iter().all(u8::is_ascii_alphabetic) && is_text(head) =>
        {
            text(head)
        }
        Some((_, _, found)) => *found,
        None if is_targa(head) => OtherImage("a TGA image"),
        None => cut(head).unwrap_or_else(|| text(head)),
    }
}

/// What a file would be whose signature is cut off after at least two bytes. Letters alone are a word of
/// a text as well, so that it takes four of them, and an image.
fn cut(head: &[u8]) -> Option<Content> {
    let is_word = head.iter().all(u8::is_ascii_graphic);
    let least = if is_word { 4 } else { 2 };
    if head.len() < least {
        return None;
    }
    let begins = SIGNATURES.iter().filter(|(at, magic, _)| *at == 0 && magic.starts_with(head));
    let mut found = begins.map(|(_, _, content)| *content);
    let first = found.next()?;
    let is_one = found.all(|other| other == first);
    (is_one && (!is_word || matches!(first, Image(_)))).then_some(first)
}

use Content::{Image, NoImage, OtherImage};

/// Place of a signature, its bytes, what it means. The first match counts.
///
/// Sources: the formats' own specifications, and the `file` program's database where there is none.
#[rustfmt::skip]
const SIGNATURES: &[(usize, &[u8], Content)] = &[
    (0, b"\x89PNG\r\n\x1a\n", Image(Format::Png)),
    // Cut, or with other ends of lines, which a transfer as text makes: damaged, and no text.
    (0, b"\x89PNG", Image(Format::Png)),
    (0, b"\xFF\xD8\xFF\xF7", OtherImage("a JPEG-LS image")),
    // Without the byte of 255 that should follow: some cameras put others there.
    (0, b"\xFF\xD8", Image(Format::Jpeg)),
    (0, b"GIF87a", Image(Format::Gif)),
    (0, b"GIF89a", Image(Format::Gif)),
    (0, b"\0\0\0\x0CjP  \r\n\x87\n", OtherImage("a JPEG 2000 image")),
    (0, b"\xFF\x4F\xFF\x51", OtherImage("a JPEG 2000 image")),
    (0, b"\0\0\0\x0CJXL \r\n\x87\n", OtherImage("a JPEG XL image")),
    (0, b"\xFF\x0A", OtherImage("a JPEG XL image")),
    (0, b"II\xBC\x01", OtherImage("a JPEG XR image")),
    (0, b"8BPS", OtherImage("a Photoshop document (PSD)")),
    (0, b"\0\0\x01\0", OtherImage("a Windows icon (ICO)")),
    (0, b"\0\0\x02\0\x01", OtherImage("a Windows cursor (CUR)")),
    (0, b"\x76\x2F\x31\x01", OtherImage("an OpenEXR image")),
    (0, b"#?RADIANCE", OtherImage("a Radiance HDR image")),
    (0, b"#?RGBE", OtherImage("a Radiance HDR image")),
    (0, b"qoif", OtherImage("a QOI image")),
    (0, b"farbfeld", OtherImage("a farbfeld image")),
    (0, b"DDS ", OtherImage("a DDS texture")),
    (0, b"\xABKTX ", OtherImage("a KTX texture")),
    (0, b"PF\n", OtherImage("a float map (PFM)")),
    (0, b"Pf\n", OtherImage("a float map (PFM)")),
    (0, b"\x93NUMPY", OtherImage("a NumPy array (NPY)")),
    (128, b"DICM", OtherImage("a DICOM image")),
    (0, b"\x89HDF\r\n\x1a\n", OtherImage("an HDF5 file")),
    (0, b"MATLAB 5.0 MAT-file", OtherImage("a MATLAB file")),
    (0, b"SIMPLE  =", OtherImage("a FITS image")),
    (0, b"SDPX", OtherImage("a DPX image")),
    (0, b"XPDS", OtherImage("a DPX image")),
    (0, b"\x8AMNG\r\n\x1a\n", OtherImage("an MNG animation")),
    (0, b"\x8BJNG\r\n\x1a\n", OtherImage("a JNG image")),
    (0, b"BPG\xFB", OtherImage("a BPG image")),
    (0, b"FLIF", OtherImage("a FLIF image")),
    (0, b"AT&TFORM", OtherImage("a DjVu document")),
    (0, b"\x01\xDA\0\x01", OtherImage("an SGI image")),
    (0, b"\x01\xDA\x01\x01", OtherImage("an SGI image")),
    (0, b"\x59\xA6\x6A\x95", OtherImage("a Sun raster image")),
    (0, b"\x0A\x05\x01\x08", OtherImage("a PCX image")),
    (0, b"/* XPM */", OtherImage("an XPM image")),
    (0, b"gimp xcf", OtherImage("a GIMP document (XCF)")),
    (0, b"FUJIFILMCCD-RAW", OtherImage("a raw camera image (Fujifilm RAF)")),
    (0, b"FOVb", OtherImage("a raw camera image (Sigma X3F)")),
    (0, b"\0MRM", OtherImage("a raw camera image (Minolta MRW)")),
    (0, b"FLIR", OtherImage("a thermal image (FLIR)")),
    (0, b"FFF\0", OtherImage("a thermal image (FLIR FFF)")),
    (0, b"%PDF", NoImage("a PDF document")),
    (0, b"%!PS", NoImage("a PostScript document")),
    (0, b"\xC5\xD0\xD3\xC6", NoImage("a PostScript document")),
    (0, b"PK\x03\x04", NoImage("a ZIP archive")),
    (0, b"PK\x05\x06", NoImage("a ZIP archive")),
    (0, b"7z\xBC\xAF\x27\x1C", NoImage("a 7z archive")),
    (0, b"Rar!\x1A\x07", NoImage("a RAR archive")),
    (0, b"\x1F\x8B", NoImage("a gzip archive")),
    (0, b"BZh", NoImage("a bzip2 archive")),
    (0, b"\xFD7zXZ\0", NoImage("an xz archive")),
    (0, b"\x28\xB5\x2F\xFD", NoImage("a Zstandard archive")),
    (257, b"ustar", NoImage("a tar archive")),
    (0, b"\x1A\x45\xDF\xA3", NoImage("a Matroska or WebM video")),
    (0, b"\0\0\x01\xBA", NoImage("an MPEG video")),
    (0, b"\0\0\x01\xB3", NoImage("an MPEG video")),
    (0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11", NoImage("a Windows Media video")),
    (0, b"FLV\x01", NoImage("a Flash video")),
    (0, b"OggS", NoImage("an Ogg stream")),
    (0, b"SQLite format 3\0", NoImage("an SQLite database")),
    (0, b"\0\x05\x16\x07", NoImage("macOS metadata of another file (AppleDouble)")),
    (0, b"Bud1", NoImage("macOS folder settings")),
    (0, b"\0\0\0\x01Bud1", NoImage("macOS folder settings")),
    (0, b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", NoImage("an OLE document, such as Thumbs.db")),
    (0, b"\x7FELF", NoImage("a program")),
    (0, b"MZ", NoImage("a program")),
    (0, b"version https://git-lfs.github.com", NoImage("a pointer of Git LFS, not the file itself")),
    (0, b"BM", Image(Format::Bmp)),
];

/// RIFF containers.
fn riff(head: &[u8]) -> Option<Content> {
    if !head.starts_with(b"RIFF") {
        return None;
    }
    Some(match head.get(8..12) {
        Some(b"WEBP") => Image(Format::WebP),
        Some(b"AVI ") => NoImage("an AVI video"),
        Some(b"WAVE") => NoImage("a WAV recording"),
        None => NoImage("the beginning of a WebP image, a video or a recording (RIFF)"),
        _ => Content::Unknown,
    })
}

/// ISO base media files: the brand says what they hold (ISO/IEC 14496-12, 4.3).
fn iso_media(head: &[u8]) -> Option<Content> {
    if head.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let size = u32::from_be_bytes(head.get(..4)?.try_into().ok()?) as usize;
    let brands = head.get(8..head.len().min(size.max(12))).unwrap_or_default();
    let has = |wanted: &[&[u8; 4]]| brands.chunks_exact(4).any(|brand| wanted.iter().any(|w| brand == *w));
    if brands.is_empty() {
        return Some(NoImage("the beginning of a HEIC or AVIF image, or of a video"));
    }
    // AVIF first: its files name the common brand `mif1` as well.
    Some(if has(&[b"avif", b"avis"]) {
        OtherImage("an AVIF image")
    } else if has(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"]) {
        OtherImage("a HEIC image")
    } else if has(&[b"crx "]) {
        OtherImage("a raw camera image (Canon CR3)")
    } else if has(&[b"jp2 ", b"jpx ", b"jph "]) {
        OtherImage("a JPEG 2000 image")
    } else {
        NoImage("an MP4 or QuickTime video")
    })
}

/// TIFF, and the raw formats of cameras that start like it.
fn tiff_like(head: &[u8]) -> Option<Content> {
    let little = match head.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    if head.len() == 3 && matches!((head[2], little), (b'\x2A' | b'\x2B', true) | (0, false)) {
        return Some(Image(Format::Tiff));
    }
    Some(match (head.get(2..4)?, little) {
        // 43 is BigTIFF (libtiff's specification).
        (b"\x2A\0" | b"\x2B\0", true) | (b"\0\x2A" | b"\0\x2B", false) => {
            if head.get(8..10) == Some(b"CR") {
                OtherImage("a raw camera image (Canon CR2)")
            } else {
                Image(Format::Tiff)
            }
        }
        (b"U\0", true) => OtherImage("a raw camera image (Panasonic RW2)"),
        (b"RO" | b"RS", true) | (b"OR", false) => OtherImage("a raw camera image (Olympus ORF)"),
        _ => return None,
    })
}

/// Whether there are only characters of text: ASCII without control characters, and bytes from 0x80
/// on as the smaller part, which are letters of UTF-8 or of an older encoding.
fn is_text(head: &[u8]) -> bool {
    let plain = head.iter().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0x0C | b' '..=b'~' | 0x80..));
    plain && head.iter().filter(|b| b.is_ascii()).count() * 2 > head.len()
}

/// Whether a header of TGA, which has no signature, is plausible (Truevision's specification 2.0).
fn is_targa(head: &[u8]) -> bool {
    let Some([_, map, kind, specification @ .., depth, descriptor]) = head.first_chunk::<18>() else {
        return false;
    };
    let sides = specification[9..13].chunks_exact(2).all(|side| side != [0, 0]);
    let palette = if *map == 0 { specification[..5] == [0; 5] } else { *map == 1 && matches!(kind, 1 | 9) };
    let depths = match kind {
        1 | 3 | 9 | 11 => matches!(depth, 8 | 16),
        2 | 10 => matches!(depth, 15 | 16 | 24 | 32),
        _ => false,
    };
    sides && palette && depths && descriptor & 0xC0 == 0 && descriptor & 15 <= 8
}

/// P1 to P7, then the size: digits behind white space and comments, or PAM's first line.
fn pnm(head: &[u8]) -> Option<Content> {
    let (b"P", [kind, rest @ ..]) = head.split_at_checked(1)? else { return None };
    if *kind == b'7' {
        return rest.starts_with(b"\n").then_some(Image(Format::Pnm));
    }
    let is_comment = |line: &&[u8]| line.trim_ascii().starts_with(b"#") || line.trim_ascii().is_empty();
    let size = rest.split(|&byte| byte == b'\n').find(|line| !is_comment(line))?.trim_ascii_start();
    let known = matches!(kind, b'1'..=b'6') && rest.first().is_some_and(u8::is_ascii_whitespace);
    (known && size.first().is_some_and(u8::is_ascii_digit)).then_some(Image(Format::Pnm))
}

/// Text, and images that are written as text.
fn text(head: &[u8]) -> Content {
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return NoImage("text (UTF-16)");
    }
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    if !is_text(head) {
        return Content::Unknown;
    }
    let contains = |word: &[u8]| head.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    let start: Vec<u8> = head.iter().copied().skip_while(u8::is_ascii_whitespace).take(16).collect();
    if start.starts_with(b"<") && contains(b"<svg") {
        OtherImage("an SVG drawing")
    } else if start.starts_with(b"<") && (contains(b"<html") || contains(b"<!doctype html")) {
        NoImage("a web page")
    } else if start.starts_with(b"<?xml") {
        NoImage("an XML document")
    } else {
        NoImage("text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_is_found_by_its_own_entry() {
        for (at, magic, expected) in SIGNATURES {
            let mut head = vec![0; at + magic.len() + 32];
            head[*at..at + magic.len()].copy_from_slice(magic);
            assert_eq!(content(&head), *expected, "{magic:?}");
        }
    }

    #[test]
    fn containers_are_told_by_what_they_hold() {
        let brand = |text: &[u8]| [&[0, 0, 0, 24], &b"ftyp"[..], text, &[0; 40]].concat();
        assert_eq!(kind(&brand(b"heic\0\0\0\0mif1heic")), Kind::OtherImage("a HEIC image"));
        assert_eq!(kind(&brand(b"mif1\0\0\0\0mif1avif")), Kind::OtherImage("an AVIF image"));
        assert_eq!(kind(&brand(b"isom\0\0\x02\0isomavc1")), Kind::Known("an MP4 or QuickTime video"));
        assert_eq!(kind(b"RIFF\x10\0\0\0WEBPVP8 "), Kind::Readable("WebP"));
        assert_eq!(kind(b"RIFF\x10\0\0\0AVI LIST"), Kind::Known("an AVI video"));
        assert_eq!(kind(b"II*\0\x10\0\0\0CR\x02\0"), Kind::OtherImage("a raw camera image (Canon CR2)"));
        assert_eq!(kind(b"MM\0+\0\x08\0\0"), Kind::Readable("TIFF"));
    }

    /// A PNG of 4 to 6 bytes was once called text.
    #[test]
    fn what_is_left_of_a_signature_tells_the_format() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        for length in 2..png.len() {
            assert_eq!(kind(&png[..length]), Kind::Readable("PNG"), "{length}");
        }
        assert_eq!(kind(b"\x89PNG\n\x1a\n\0\0\0\rIHDR"), Kind::Readable("PNG"), "sent as text");
        for length in 4..6 {
            assert_eq!(kind(&b"GIF89a"[..length]), Kind::Readable("GIF"), "{length}");
        }
        assert_eq!(kind(b"II*"), Kind::Readable("TIFF"));
        assert_eq!(kind(b"MM\0"), Kind::Readable("TIFF"));
        assert_eq!(kind(b"\xFF\xD8"), Kind::Readable("JPEG"));
        assert_eq!(kind(b"\xFF\x4F\xFF"), Kind::OtherImage("a JPEG 2000 image"));
        for cut in [&b"RIFF"[..], b"RIFF\x10\0\0\0WE"] {
            assert!(matches!(kind(cut), Kind::Known(name) if name.contains("beginning of a WebP")));
        }
        assert!(matches!(kind(b"\0\0\0\x18ftyp"), Kind::Known(name) if name.contains("beginning of a HEIC")));
        for word in [&b"GI"[..], b"GIF", b"vers", b"SIMPLE", b"P5", b"hello"] {
            assert_eq!(kind(word), Kind::Known("text"), "{word:?}");
        }
    }

    #[test]
    fn targa_is_told_by_a_plausible_header() {
        let colour = [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 12, 0, 24, 0x20, 1, 2, 3];
        assert_eq!(kind(&colour), Kind::OtherImage("a TGA image"));
        let mut none = colour;
        none[12] = 0;
        assert_eq!(kind(&none), Kind::Unknown);
    }

    #[test]
    fn text_is_told_from_noise() {
        assert_eq!(kind(b""), Kind::Empty);
        assert_eq!(kind("path,score\nStück 1.png,0.5\n".as_bytes()), Kind::Known("text"));
        assert_eq!(kind(b"<?xml version=\"1.0\"?>\n<svg width=\"8\">"), Kind::OtherImage("an SVG drawing"));
        assert_eq!(kind(b"<!DOCTYPE html>\n<html>"), Kind::Known("a web page"));
        assert_eq!(kind(&[0; 64]), Kind::Unknown);
        assert_eq!(kind(&[0x81; 64]), Kind::Unknown);
    }
}
