//! Further images of a file: each is counted, copies of the first are not.

// Helper functions unwrap as tests do.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use anoseg_image::{Decoded, Limits};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

fn further(bytes: &[u8]) -> usize {
    let decoded = Decoded::from_bytes(bytes, Path::new("some/file"), &Limits::default()).unwrap();
    assert_eq!((decoded.image.width(), decoded.image.height()), (16, 12));
    decoded.further_pages
}

/// An MPO file of the image and others, each with its type in the index; `big` for its byte order.
fn mpo(others: &[(u32, Vec<u8>)], big: bool) -> Vec<u8> {
    let first = fixture("formats/baseline.jpg");
    let n = |value: u32, size: usize| {
        let bytes = value.to_be_bytes()[4 - size..].to_vec();
        if big { bytes } else { bytes.into_iter().rev().collect() }
    };
    let count = others.len() as u32 + 1;
    let length = 4 + 8 + 2 + 12 + 4 + 16 * count;
    let mut place = first.len() as u32 + 4 + length - 2 - 4 - 4;
    let mut index = [if big { b"MM" } else { b"II" }.to_vec(), n(42, 2), n(8, 4), n(1, 2)].concat();
    index.extend([n(0xB002, 2), n(7, 2), n(16 * count, 4), n(26, 4), n(0, 4)].concat());
    index.extend([n(0x2003_0000, 4), n(first.len() as u32, 4), n(0, 4), n(0, 4)].concat());
    for (kind, image) in others {
        index.extend([n(*kind, 4), n(image.len() as u32, 4), n(place, 4), n(0, 4)].concat());
        place += image.len() as u32;
    }
    let segment = [b"\xFF\xE2", &(length as u16 + 2).to_be_bytes()[..], b"MPF\0", &index].concat();
    let mut file = [&first[..2], &segment, &first[2..]].concat();
    others.iter().for_each(|(_, image)| file.extend(image));
    file
}

/// The second image of a stereo camera was once passed over without a word.
#[test]
fn images_of_an_mpo_file_are_counted() {
    let image = || fixture("formats/baseline.jpg");
    for big in [false, true] {
        for kind in [0x02_0001, 0x02_0002, 0x02_0003, 0x03_0000, 0x4002_0002, 0] {
            assert_eq!(further(&mpo(&[(kind, image())], big)), 1, "{kind:x}");
        }
        assert_eq!(further(&mpo(&[(0x02_0002, image()), (0x02_0002, image())], big)), 2);
    }
}

/// A phone adds a preview or the gain for bright screens to every photo.
#[test]
fn previews_and_gain_maps_of_an_mpo_file_are_not_counted() {
    let image = fixture("formats/baseline.jpg");
    for kind in [0x01_0001, 0x01_0002] {
        assert_eq!(further(&mpo(&[(kind, image.clone())], false)), 0, "{kind:x}");
    }
    assert_eq!(further(&mpo(&[(0, fixture("jpeg/one_420.jpg"))], false)), 0, "of another size");
    let xmp = b"http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version='1.0'/>";
    let segment = [b"\xFF\xE1", &(xmp.len() as u16 + 2).to_be_bytes()[..], xmp].concat();
    let gain_map = [&image[..2], &segment, &image[2..]].concat();
    assert_eq!(further(&mpo(&[(0, gain_map)], false)), 0);
    // An editor kept the index and dropped the image.
    let whole = mpo(&[(0x02_0002, image.clone())], false);
    assert_eq!(further(&whole[..whole.len() - image.len()]), 0);
}

/// One directory of a TIFF of 8-bit grey.
struct Page {
    size: (u32, u32),
    /// `NewSubfileType`.
    kind: u32,
    /// Numbers of the pages that it contains.
    contains: Vec<usize>,
    /// Number of the next page.
    next: Option<usize>,
}

fn page(size: (u32, u32), kind: u32, contains: &[usize], next: Option<usize>) -> Page {
    Page { size, kind, contains: contains.to_vec(), next }
}

/// A TIFF that begins with page 0.
fn tiff(pages: &[Page]) -> Vec<u8> {
    let entries = 10;
    let directory = 2 + 12 * entries + 4;
    // Each page: directory, places of those it contains, pixels.
    let sizes =
        pages.iter().map(|page| directory + 4 * page.contains.len() as u32 + page.size.0 * page.size.1);
    let places: Vec<u32> =
        sizes.scan(8, |place, size| Some(std::mem::replace(place, *place + size))).collect();
    let mut file = [&b"II*\0"[..], &8u32.to_le_bytes()].concat();
    for (page, &place) in pages.iter().zip(&places) {
        let (width, height) = page.size;
        let contained: Vec<u32> = page.contains.iter().map(|&number| places[number]).collect();
        let pixels = place + directory + 4 * contained.len() as u32;
        let inside = contained.first().copied().unwrap_or_default();
        let sub = if contained.len() > 1 { place + directory } else { inside };
        let tags = [
            (254, 1, page.kind),
            (256, 1, width),
            (257, 1, height),
            (258, 1, 8),
            (259, 1, 1),
            (262, 1, 1),
            (273, 1, pixels),
            (278, 1, height),
            (279, 1, width * height),
            (if contained.is_empty() { 65_000 } else { 330 }, contained.len().max(1) as u32, sub),
        ];
        file.extend(entries.to_le_bytes()[..2].iter());
        for (tag, count, value) in tags {
            file.extend((tag as u16).to_le_bytes());
            file.extend(4u16.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        file.extend(page.next.map_or(0, |number| places[number]).to_le_bytes());
        contained.iter().for_each(|place| file.extend(place.to_le_bytes()));
        file.extend((0..width * height).map(|i| i as u8));
    }
    file
}

/// They were once passed over without a word.
#[test]
fn images_inside_a_page_of_a_tiff_are_counted() {
    let full = |contains: &[usize], next| page((16, 12), 0, contains, next);
    assert_eq!(further(&tiff(&[full(&[1], None), full(&[], None)])), 1);
    assert_eq!(further(&tiff(&[full(&[1, 2], None), full(&[], None), full(&[], None)])), 2);
    assert_eq!(further(&tiff(&[full(&[1], None), full(&[], Some(2)), full(&[3], None), full(&[], None)])), 3);
    assert_eq!(further(&tiff(&[full(&[1], None), page((40, 12), 0, &[], None)])), 1, "of another shape");
    assert_eq!(further(&tiff(&[full(&[0], Some(0))])), 0, "a loop");
}

#[test]
fn reduced_copies_inside_a_page_of_a_tiff_are_not_counted() {
    let full = |contains: &[usize]| page((16, 12), 0, contains, None);
    assert_eq!(further(&tiff(&[full(&[1]), page((8, 6), 1, &[], None)])), 0);
    assert_eq!(further(&tiff(&[full(&[1]), page((16, 12), 1, &[], None)])), 0);
    // A level of a pyramid whose writer does not say so.
    assert_eq!(further(&tiff(&[full(&[1, 2]), page((8, 6), 0, &[], None), page((6, 4), 0, &[], None)])), 0);
    // The image inside a page that is its thumbnail, as raw converters write.
    assert_eq!(further(&tiff(&[page((8, 6), 1, &[1], None), full(&[])])), 0);
}
