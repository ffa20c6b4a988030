//! The functions as C calls them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::ffi::{CStr, CString, c_char};
use std::ptr::{null, null_mut};

use anoseg::{ImageView, PixelFormat};
use anoseg_c::image::{anoseg_image, anoseg_pixel_format};
use anoseg_c::inspection::*;
use anoseg_c::model::*;
use anoseg_c::status::*;
use common::{fixture, model, pixels};

/// Text of the last error.
fn last_error() -> String {
    // SAFETY: the message ends and is valid until the next call.
    unsafe { CStr::from_ptr(anoseg_v1_last_error()) }.to_str().unwrap().to_owned()
}

fn c_path(name: &str) -> CString {
    CString::new(fixture(name).to_str().unwrap()).unwrap()
}

/// The model as C has it.
struct Loaded(*mut anoseg_model);

// SAFETY: models may be used by several threads.
unsafe impl Sync for Loaded {}

impl Loaded {
    fn new() -> Self {
        let mut model = null_mut();
        let path = c_path("compact.anoseg");
        // SAFETY: the path ends, and the other pointer is one of this function.
        assert_eq!(unsafe { anoseg_v1_model_load(path.as_ptr(), 1, &mut model) }, anoseg_status::ANOSEG_OK);
        Self(model)
    }

    /// What `read` makes of the result of an image.
    fn inspect<T>(
        &self,
        image: &anoseg_image,
        read: impl Fn(&anoseg_result) -> T,
    ) -> Result<T, anoseg_status> {
        let mut inspection = null_mut();
        // SAFETY: the image's pixels are there, the handle is valid, the result belongs to this function.
        unsafe {
            match anoseg_v1_inspect(self.0, image, &mut inspection) {
                anoseg_status::ANOSEG_OK => {}
                other => return Err(other),
            }
            let mut result = std::mem::zeroed();
            assert_eq!(anoseg_v1_inspection_read(inspection, &mut result), anoseg_status::ANOSEG_OK);
            let read = read(&result);
            anoseg_v1_inspection_free(inspection);
            Ok(read)
        }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: it is freed once.
        unsafe { anoseg_v1_model_free(self.0) };
    }
}

fn image(
    bytes: &[u8],
    (width, height): (usize, usize),
    stride: usize,
    format: anoseg_pixel_format,
) -> anoseg_image {
    anoseg_image { data: bytes.as_ptr(), width, height, stride, format: format as u32 }
}

/// Everything that a result has.
#[derive(Clone, Debug, PartialEq)]
struct Copied(f32, anoseg_decision, Vec<f32>, Vec<u8>, Vec<anoseg_region>);

fn copied(result: &anoseg_result) -> Copied {
    let pixels = result.width * result.height;
    // SAFETY: the pointers point to what the result says, until the inspection is freed.
    unsafe {
        let map = std::slice::from_raw_parts(result.map, pixels).to_vec();
        let mask = std::slice::from_raw_parts(result.mask, pixels).to_vec();
        let regions = std::slice::from_raw_parts(result.regions, result.region_count).to_vec();
        Copied(result.score, result.decision, map, mask, regions)
    }
}

#[test]
fn a_result_is_that_of_the_library_bit_for_bit() {
    let (rgb, size) = (pixels(90, 70), (90, 70));
    let view = ImageView::new(&rgb, 90, 70, PixelFormat::Rgb8).unwrap();
    let expected = model().inspect(&view.to_image()).unwrap();
    let loaded = Loaded::new();
    let got = loaded.inspect(&image(&rgb, size, 0, anoseg_pixel_format::ANOSEG_RGB8), copied).unwrap();
    assert_eq!((got.0.to_bits(), &got.2), (expected.score.to_bits(), &expected.map.as_slice().to_vec()));
    let mask: Vec<u8> = expected.mask.as_slice().iter().map(|&inside| u8::from(inside) * 255).collect();
    assert_eq!(got.3, mask);
    assert_eq!(got.4.len(), expected.regions.len());
    assert_eq!(
        got.4.iter().map(|region| region.area).sum::<usize>(),
        mask.iter().filter(|&&m| m == 255).count()
    );
}

#[test]
fn padded_rows_and_other_orders_of_colours_are_the_same_image() {
    let (rgb, size) = (pixels(64, 48), (64, 48));
    let loaded = Loaded::new();
    let expected = loaded.inspect(&image(&rgb, size, 0, anoseg_pixel_format::ANOSEG_RGB8), copied).unwrap();
    let rows = |order: [usize; 3], alpha: bool, padding: usize| {
        let mut bytes = Vec::new();
        for row in rgb.chunks(3 * 64) {
            for pixel in row.chunks(3) {
                bytes.extend(order.map(|place| pixel[place]));
                bytes.extend(alpha.then_some(9));
            }
            bytes.extend(vec![77; padding]);
        }
        bytes.truncate(bytes.len() - padding);
        bytes
    };
    for (bytes, stride, format) in [
        (rows([0, 1, 2], false, 5), 3 * 64 + 5, anoseg_pixel_format::ANOSEG_RGB8),
        (rows([2, 1, 0], false, 64), 4 * 64, anoseg_pixel_format::ANOSEG_BGR8),
        (rows([0, 1, 2], true, 0), 0, anoseg_pixel_format::ANOSEG_RGBA8),
        (rows([2, 1, 0], true, 3), 4 * 64 + 3, anoseg_pixel_format::ANOSEG_BGRA8),
    ] {
        assert_eq!(
            loaded.inspect(&image(&bytes, size, stride, format), copied).unwrap(),
            expected,
            "{format:?}"
        );
    }
}

#[test]
fn wrong_arguments_are_named_and_change_nothing() {
    let (rgb, loaded) = (pixels(8, 8), Loaded::new());
    let good = image(&rgb, (8, 8), 0, anoseg_pixel_format::ANOSEG_RGB8);
    for (wrong, message) in [
        (anoseg_image { data: null(), ..good }, "the data of the image is NULL"),
        (anoseg_image { width: 0, ..good }, "0"),
        (anoseg_image { height: 0, ..good }, "0"),
        (anoseg_image { stride: 23, ..good }, "23"),
        (anoseg_image { format: 6, ..good }, "6 is no anoseg_pixel_format"),
        (anoseg_image { width: usize::MAX / 2, ..good }, "too large"),
        (anoseg_image { height: usize::MAX, stride: 24, ..good }, "too large"),
    ] {
        assert_eq!(loaded.inspect(&wrong, copied).unwrap_err(), anoseg_status::ANOSEG_ARGUMENT);
        assert!(last_error().contains(message), "{message}: {}", last_error());
    }
    let (mut model, mut inspection) = (null_mut(), null_mut());
    // SAFETY: pointers are null or those of this function.
    unsafe {
        let argument = anoseg_status::ANOSEG_ARGUMENT;
        assert_eq!(anoseg_v1_model_load(null(), 0, &mut model), argument);
        assert_eq!(anoseg_v1_model_load(c_path("compact.anoseg").as_ptr(), 0, null_mut()), argument);
        assert_eq!(anoseg_v1_model_from_bytes(null(), 4, 0, &mut model), argument);
        assert_eq!(anoseg_v1_inspect(null(), &good, &mut inspection), argument);
        assert_eq!(anoseg_v1_inspect(loaded.0, null(), &mut inspection), argument);
        assert_eq!(anoseg_v1_inspect(loaded.0, &good, null_mut()), argument);
        assert_eq!(anoseg_v1_inspect_file(loaded.0, null(), &mut inspection), argument);
        assert_eq!(anoseg_v1_inspect_bytes(loaded.0, null(), 1, &mut inspection), argument);
        assert_eq!(anoseg_v1_inspection_read(null(), null_mut()), argument);
        assert_eq!(anoseg_v1_model_describe(loaded.0, null_mut()), argument);
        anoseg_v1_model_free(null_mut());
        anoseg_v1_inspection_free(null_mut());
    }
    assert!(model.is_null() && inspection.is_null());
}

#[test]
fn errors_say_who_can_mend_them() {
    let (mut model, mut inspection) = (null_mut(), null_mut());
    let loaded = Loaded::new();
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.png");
    std::fs::write(&broken, b"no image").unwrap();
    let broken = CString::new(broken.to_str().unwrap()).unwrap();
    // SAFETY: paths end, pointers are those of this function.
    unsafe {
        let status = anoseg_v1_model_load(c"not-there.anoseg".as_ptr(), 0, &mut model);
        assert_eq!(status, anoseg_status::ANOSEG_ENVIRONMENT);
        assert!(last_error().contains("not-there.anoseg"), "{}", last_error());
        assert_eq!(
            anoseg_v1_model_from_bytes(b"abc".as_ptr(), 3, 0, &mut model),
            anoseg_status::ANOSEG_MODEL
        );
        let status = anoseg_v1_inspect_file(loaded.0, broken.as_ptr(), &mut inspection);
        assert_eq!(status, anoseg_status::ANOSEG_IMAGE);
        assert!(last_error().contains("broken.png"), "{}", last_error());
        let bytes = std::fs::read(fixture("image.png")).unwrap();
        let status = anoseg_v1_inspect_bytes(loaded.0, bytes.as_ptr(), bytes.len(), &mut inspection);
        assert_eq!(status, anoseg_status::ANOSEG_OK);
        anoseg_v1_inspection_free(inspection);
    }
}

#[test]
fn a_model_tells_its_digest_and_thresholds() {
    let (loaded, expected) = (Loaded::new(), model());
    // SAFETY: the texts of the structure end and live as long as the model.
    let (info, digest, description) = unsafe {
        let mut info = std::mem::zeroed::<anoseg_model_info>();
        assert_eq!(anoseg_v1_model_describe(loaded.0, &mut info), anoseg_status::ANOSEG_OK);
        let text = |text: *const c_char| CStr::from_ptr(text).to_str().unwrap().to_owned();
        (info, text(info.digest), text(info.description))
    };
    assert_eq!(digest, expected.digest().unwrap());
    let calibration = expected.calibration().unwrap();
    assert!(info.calibrated);
    assert_eq!(info.image_threshold.to_bits(), calibration.image_threshold.to_bits());
    assert!(serde_json::from_str::<serde_json::Value>(&description).unwrap()["preprocess"].is_object());
}

#[test]
fn threads_share_a_model_and_have_errors_of_their_own() {
    let (loaded, rgb) = (Loaded::new(), pixels(64, 64));
    let expected =
        loaded.inspect(&image(&rgb, (64, 64), 0, anoseg_pixel_format::ANOSEG_RGB8), copied).unwrap();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (loaded, rgb, expected) = (&loaded, &rgb, &expected);
            scope.spawn(move || {
                assert_eq!(last_error(), "");
                let good = image(rgb, (64, 64), 0, anoseg_pixel_format::ANOSEG_RGB8);
                for _ in 0..5 {
                    assert!(loaded.inspect(&anoseg_image { format: 100 + number, ..good }, copied).is_err());
                    assert_eq!(&loaded.inspect(&good, copied).unwrap(), expected);
                    assert!(last_error().starts_with(&(100 + number).to_string()), "{}", last_error());
                }
            });
        }
    });
}
