//! Large images on tiles within bounded memory. The allocator counts for the whole process, so that this
//! file has a single test.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use anoseg_image::{Image, ImageView, PixelFormat};
use anoseg_infer::{Geometry, Model, Threads};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const WIDTH: usize = 3000;
const HEIGHT: usize = 2000;

/// A small network on tiles, whose map is 0.5 everywhere.
fn model(scale: f32, pixel_threshold: f32) -> Model {
    let geometry = Geometry::Tiles { width: 256, height: 256, scale, overlap: 96, part: 64, step: 32 };
    let model = common::model(geometry, [0.9, 0.8, pixel_threshold], |name, values| {
        if name.ends_with("variance") {
            values.fill(1.0);
        }
    });
    // Each thread has a block of rows and a tile under way.
    model.with_threads(Threads::new(2).unwrap())
}

fn image(format: PixelFormat, bytes_per_pixel: usize) -> Image {
    let bytes: Vec<u8> = (0..WIDTH * HEIGHT * bytes_per_pixel).map(|i| (i * i % 251) as u8).collect();
    ImageView::new(&bytes, WIDTH, HEIGHT, format).unwrap().to_image()
}

/// Bytes a pixel that `work` takes beside what is in memory before.
fn peak(work: impl FnOnce()) -> f64 {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    work();
    ALLOCATOR.peak_usage().saturating_sub(before) as f64 / (WIDTH * HEIGHT) as f64
}

/// The plane of an image was once made whole, as 12 bytes a pixel, and so was the image.
#[test]
fn an_image_on_tiles_takes_two_maps_and_a_strip() {
    for (format, bytes) in [(PixelFormat::Grey8, 1), (PixelFormat::Rgb8, 3), (PixelFormat::Grey16, 2)] {
        let own = image(format, bytes);
        for (scale, pixel_threshold, most) in [(1.0, 0.9, 12.0), (1.0, 0.4, 12.0), (0.5, 0.9, 8.0)] {
            let model = model(scale, pixel_threshold);
            model.inspect(&image(format, bytes).cut((0, 0), 512, 512)).unwrap();
            let taken = peak(|| {
                let found = model.inspect(&own).unwrap();
                assert_eq!((found.map.width(), found.map.height()), (WIDTH, HEIGHT));
                assert_eq!(found.mask.any(), pixel_threshold < 0.5);
            });
            assert!(taken < most, "{format:?} at scale {scale}: {taken:.1} bytes a pixel");
        }
    }
    let taken = peak(|| drop(image(PixelFormat::Rgb8, 3)));
    assert!(taken < 6.1, "the buffer and its copy: {taken:.1} bytes a pixel");
}
