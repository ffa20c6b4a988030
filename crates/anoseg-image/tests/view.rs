//! Views of raw camera buffers against a plain per-pixel conversion.

use anoseg_image::{Image, ImageView, PixelFormat, SampleType, ViewError};
use proptest::prelude::*;

const FORMATS: [PixelFormat; 6] = [
    PixelFormat::Grey8,
    PixelFormat::Grey16,
    PixelFormat::Rgb8,
    PixelFormat::Bgr8,
    PixelFormat::Rgba8,
    PixelFormat::Bgra8,
];

/// The oracle: one pixel at a time, straight from the definition of each format.
fn naive(bytes: &[u8], width: usize, height: usize, stride: usize, format: PixelFormat) -> Image {
    Image::from_fn(width, height, |x, y| {
        let byte = |i: usize| f32::from(bytes[y * stride + x * format.bytes_per_pixel() + i]) / 255.0;
        match format {
            PixelFormat::Grey8 => [byte(0); 3],
            PixelFormat::Grey16 => {
                let at = y * stride + 2 * x;
                [f32::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]])) / 65_535.0; 3]
            }
            PixelFormat::Rgb8 | PixelFormat::Rgba8 => [byte(0), byte(1), byte(2)],
            PixelFormat::Bgr8 | PixelFormat::Bgra8 => [byte(2), byte(1), byte(0)],
            other => panic!("no oracle for {other:?}"),
        }
    })
    .with_sample_type(if format == PixelFormat::Grey16 { SampleType::U16 } else { SampleType::U8 })
}

/// Repeatable bytes without an order.
fn bytes(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_view_converts_every_pixel(
        width in 1usize..40, height in 1usize..30, padding in 0usize..20, after in 0usize..9, seed in any::<u64>(),
    ) {
        for format in FORMATS {
            let row = width * format.bytes_per_pixel();
            let stride = row + padding;
            // The last row has no padding; what follows it is ignored.
            let bytes = bytes((height - 1) * stride + row + after, seed);
            let view = ImageView::new(&bytes, width, height, format)?.with_stride(stride)?;
            prop_assert_eq!((view.width(), view.height(), view.format()), (width, height, format));
            prop_assert_eq!(view.stride(), stride);
            prop_assert_eq!(&view.to_image(), &naive(&bytes, width, height, stride, format));
            prop_assert_eq!(Image::from(view), view.to_image());
            if padding == 0 {
                prop_assert_eq!(ImageView::new(&bytes, width, height, format)?.to_image(), view.to_image());
            }
        }
    }

    /// Any sizes on a small buffer give a view that can be converted, or an error.
    #[test]
    fn no_sizes_panic(
        length in 0usize..200,
        width in prop_oneof![0usize..20, any::<usize>()],
        height in prop_oneof![0usize..20, any::<usize>()],
        stride in prop_oneof![0usize..40, any::<usize>()],
        format in prop::sample::select(&FORMATS[..]),
    ) {
        let bytes = bytes(length, 1);
        let view = ImageView::new(&bytes, width, height, format);
        if let Ok(view) = view.and_then(|view| view.with_stride(stride)) {
            prop_assert_eq!(view.to_image(), naive(&bytes, width, height, stride, format));
        }
    }
}

#[test]
fn large_frames_are_converted_in_parallel_to_the_same_pixels() {
    let (width, height) = (701, 503);
    for format in FORMATS {
        let stride = width * format.bytes_per_pixel() + 5;
        let bytes = bytes(stride * height - 5, 3);
        let view = ImageView::new(&bytes, width, height, format).expect("long enough");
        let view = view.with_stride(stride).expect("long enough");
        assert_eq!(view.to_image(), naive(&bytes, width, height, stride, format), "{format}");
    }
}

#[test]
fn errors_say_what_was_given_and_what_is_needed() {
    let bytes = [0; 24];
    let new = |width, height| ImageView::new(&bytes, width, height, PixelFormat::Rgb8);
    assert_eq!(new(0, 4).unwrap_err(), ViewError::NoPixels { width: 0, height: 4 });
    assert_eq!(new(4, 0).unwrap_err(), ViewError::NoPixels { width: 4, height: 0 });
    let most = usize::MAX;
    assert_eq!(new(most, 2).unwrap_err(), ViewError::TooLarge { width: most, height: 2 });
    assert_eq!(new(1, most).unwrap_err(), ViewError::TooLarge { width: 1, height: most });
    let short = new(4, 3).unwrap_err();
    assert!(matches!(short, ViewError::ShortBuffer { given: 24, needed: 36, .. }));
    assert!(short.to_string().contains("24 bytes") && short.to_string().contains("need 36"), "{short}");

    let view = new(3, 2).unwrap();
    let stride = |stride| view.with_stride(stride).map(|view| view.stride());
    assert_eq!(stride(15), Ok(15), "9 bytes of the last row follow 15 of the first");
    assert!(matches!(stride(16), Err(ViewError::ShortBuffer { given: 24, needed: 25, stride: 16, .. })));
    assert!(matches!(stride(8), Err(ViewError::ShortStride { given: 8, needed: 9, width: 3, .. })));
    assert!(matches!(stride(usize::MAX), Err(ViewError::TooLarge { .. })));
    assert_eq!(new(3, 1).unwrap().with_stride(usize::MAX).unwrap().to_image().width(), 3);
}

#[test]
fn debug_output_leaves_out_the_bytes() {
    let bytes = [77; 12];
    let text = format!("{:?}", ImageView::new(&bytes, 4, 3, PixelFormat::Grey8).unwrap());
    assert!(text.contains("Grey8") && !text.contains("77"), "{text}");
}
