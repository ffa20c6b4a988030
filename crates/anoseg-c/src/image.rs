//! An image in the memory of the caller.

use anoseg::{ImageView, PixelFormat};

use crate::status::Failure;

/// How pixels are stored.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum anoseg_pixel_format {
    /// One byte a pixel.
    ANOSEG_GREY8 = 0,
    /// One uint16_t a pixel in the byte order of the machine; 65535 is white.
    ANOSEG_GREY16 = 1,
    /// Red, green, blue: one byte each.
    ANOSEG_RGB8 = 2,
    /// Blue, green, red: one byte each, as OpenCV has them.
    ANOSEG_BGR8 = 3,
    /// Red, green, blue, alpha: one byte each. Alpha is ignored.
    ANOSEG_RGBA8 = 4,
    /// Blue, green, red, alpha: one byte each. Alpha is ignored.
    ANOSEG_BGRA8 = 5,
}

/// An image in the memory of the caller. It is read during the call that it is given to, and never kept.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct anoseg_image {
    /// The first pixel of the first row.
    pub data: *const u8,
    /// Width in pixels, at least 1.
    pub width: usize,
    /// Height in pixels, at least 1.
    pub height: usize,
    /// Bytes from the start of a row to that of the next; 0 where rows follow each other without padding. The last
    /// row needs no padding.
    pub stride: usize,
    /// One of anoseg_pixel_format.
    pub format: u32,
}

impl anoseg_image {
    /// The image as the library has it.
    ///
    /// # Safety
    /// `data` points to as many bytes as sizes, stride and format say, which nobody writes while the view lives.
    pub(crate) unsafe fn view<'a>(&self) -> Result<ImageView<'a>, Failure> {
        let Self { data, width, height, stride, format } = *self;
        if data.is_null() {
            return Err(Failure::null("the data of the image"));
        }
        let format = pixel_format(format)?;
        let row = width.checked_mul(format.bytes_per_pixel());
        let stride = if stride == 0 { row } else { Some(stride) };
        if let (Some(row), Some(stride)) = (row, stride)
            && stride < row
        {
            return Err(Failure::argument(format!("stride is {stride}, and a row has {row} bytes")));
        }
        let before_last = stride.and_then(|stride| stride.checked_mul(height.saturating_sub(1)));
        let bytes = before_last.zip(row).and_then(|(before, row)| before.checked_add(row));
        let bytes = bytes.filter(|&bytes| isize::try_from(bytes).is_ok());
        let (Some(bytes), Some(stride)) = (bytes, stride) else {
            return Err(Failure::argument(format!("an image of {width} x {height} pixels is too large")));
        };
        // SAFETY: the caller promises that many bytes, it is no null pointer, and the number fits an isize.
        let bytes = unsafe { std::slice::from_raw_parts(data, bytes) };
        let view = ImageView::new(bytes, width, height, format).and_then(|view| view.with_stride(stride));
        view.map_err(|error| Failure::argument(error.to_string()))
    }
}

fn pixel_format(number: u32) -> Result<PixelFormat, Failure> {
    use anoseg_pixel_format as known;
    let all = [
        (known::ANOSEG_GREY8, PixelFormat::Grey8),
        (known::ANOSEG_GREY16, PixelFormat::Grey16),
        (known::ANOSEG_RGB8, PixelFormat::Rgb8),
        (known::ANOSEG_BGR8, PixelFormat::Bgr8),
        (known::ANOSEG_RGBA8, PixelFormat::Rgba8),
        (known::ANOSEG_BGRA8, PixelFormat::Bgra8),
    ];
    let found = all.into_iter().find(|(known, _)| *known as u32 == number);
    let unknown = || Failure::argument(format!("{number} is no anoseg_pixel_format"));
    found.map(|(_, format)| format).ok_or_else(unknown)
}
