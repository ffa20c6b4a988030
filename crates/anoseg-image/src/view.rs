//! Borrowed views of raw camera buffers.

use std::fmt;

use crate::plane::Image;
use crate::samples::{Samples, Stored};

/// How the pixels of a raw buffer are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// One byte per pixel.
    Grey8,
    /// One `u16` per pixel, in the byte order of this machine. Full scale is 65 535.
    Grey16,
    /// Red, green, blue: one byte each.
    Rgb8,
    /// Blue, green, red: one byte each.
    Bgr8,
    /// Red, green, blue, alpha: one byte each. Alpha is ignored.
    Rgba8,
    /// Blue, green, red, alpha: one byte each. Alpha is ignored.
    Bgra8,
}

impl PixelFormat {
    /// Bytes per pixel, 1..=4.
    pub fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Grey8 => 1,
            Self::Grey16 => 2,
            Self::Rgb8 | Self::Bgr8 => 3,
            Self::Rgba8 | Self::Bgra8 => 4,
        }
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grey8 => "8-bit grey",
            Self::Grey16 => "16-bit grey",
            Self::Rgb8 => "8-bit RGB",
            Self::Bgr8 => "8-bit BGR",
            Self::Rgba8 => "8-bit RGBA",
            Self::Bgra8 => "8-bit BGRA",
        })
    }
}

/// Why a buffer cannot be viewed as an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The width or the height is zero.
    #[error("an image of {width} x {height} pixels has no pixels; both sides must be at least 1")]
    NoPixels {
        /// The given width in pixels.
        width: usize,
        /// The given height in pixels.
        height: usize,
    },
    /// The image does not fit into the address space of this machine.
    #[error("an image of {width} x {height} pixels is too large for the memory of this machine")]
    TooLarge {
        /// The given width in pixels.
        width: usize,
        /// The given height in pixels.
        height: usize,
    },
    /// The stride is shorter than a row of pixels.
    #[error("the row stride is {given} bytes; a row of {width} {format} pixels needs at least {needed}")]
    ShortStride {
        /// The given stride in bytes.
        given: usize,
        /// The bytes of one row without padding.
        needed: usize,
        /// Width in pixels.
        width: usize,
        /// The pixel format.
        format: PixelFormat,
    },
    /// The buffer holds fewer bytes than the image.
    #[error(
        "the buffer holds {given} bytes; {width} x {height} {format} pixels with rows {stride} bytes apart \
         need {needed}"
    )]
    ShortBuffer {
        /// The length of the given buffer in bytes.
        given: usize,
        /// The bytes that the image needs.
        needed: usize,
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Distance between the starts of two rows in bytes.
        stride: usize,
        /// The pixel format.
        format: PixelFormat,
    },
}

/// A borrowed view of the raw buffer of a camera: `height` rows of `width` pixels, the top row
/// first.
///
/// Rows may be padded; see [`with_stride`](Self::with_stride). The view copies nothing;
/// [`to_image`](Self::to_image) converts the pixels.
///
/// ```
/// use anoseg_image::{ImageView, PixelFormat};
///
/// // Two rows of two pixels: blue, green / red, white. The first row is padded to 8 bytes.
/// let frame = [255, 0, 0, 0, 255, 0, 0, 0, 0, 0, 255, 255, 255, 255];
/// let view = ImageView::new(&frame, 2, 2, PixelFormat::Bgr8)?.with_stride(8)?;
/// let image = view.to_image();
/// assert_eq!(image.get(0, 0), [0.0, 0.0, 1.0]);
/// assert_eq!(image.get(0, 1), [1.0, 0.0, 0.0]);
/// # Ok::<(), anoseg_image::ViewError>(())
/// ```
#[derive(Clone, Copy)]
pub struct ImageView<'a> {
    bytes: &'a [u8],
    width: usize,
    height: usize,
    /// Distance between the starts of two rows in bytes.
    stride: usize,
    format: PixelFormat,
}

impl<'a> ImageView<'a> {
    /// Views `bytes` as `height` rows of `width` pixels without padding between the rows. Bytes
    /// after the last pixel are ignored.
    ///
    /// # Errors
    /// [`ViewError::NoPixels`] if a side is zero, [`ViewError::TooLarge`] if the image does not fit
    /// into the address space, [`ViewError::ShortBuffer`] if `bytes` is too short.
    pub fn new(bytes: &'a [u8], width: usize, height: usize, format: PixelFormat) -> Result<Self, ViewError> {
        if width == 0 || height == 0 {
            return Err(ViewError::NoPixels { width, height });
        }
        // The image's values as f32 take more than the pixels of any format do.
        let fits = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(3 * size_of::<f32>()));
        if fits.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
            return Err(ViewError::TooLarge { width, height });
        }
        Self { bytes, width, height, stride: width * format.bytes_per_pixel(), format }.checked()
    }

    /// The same view with rows that start `stride` bytes apart. The last row needs no padding.
    ///
    /// # Errors
    /// [`ViewError::ShortStride`] if `stride` is shorter than a row, [`ViewError::ShortBuffer`] if
    /// the buffer is too short, [`ViewError::TooLarge`] if the size in bytes overflows.
    pub fn with_stride(self, stride: usize) -> Result<Self, ViewError> {
        let (needed, width, format) = (self.row_bytes(), self.width, self.format);
        if stride < needed {
            return Err(ViewError::ShortStride { given: stride, needed, width, format });
        }
        Self { stride, ..self }.checked()
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// How the pixels are stored.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Distance between the starts of two rows, in bytes.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The pixels as an [`Image`] with values in 0..=1: bytes divided by 255, `u16` values by
    /// 65535. Grey stands for all three channels; alpha is ignored. The image takes as many bytes as the
    /// pixels without padding and alpha do.
    pub fn to_image(&self) -> Image {
        let stored = match self.format {
            PixelFormat::Grey8 => Stored::new(Samples::U8(self.rows().flatten().copied().collect()), 1),
            PixelFormat::Grey16 => {
                let values = self.rows().flat_map(|row| row.as_chunks::<2>().0);
                let values = values.map(|&value| u16::from_ne_bytes(value)).collect();
                Stored::new(Samples::U16(values), 1)
            }
            PixelFormat::Rgb8 => self.colour::<3>([0, 1, 2]),
            PixelFormat::Bgr8 => self.colour::<3>([2, 1, 0]),
            PixelFormat::Rgba8 => self.colour::<4>([0, 1, 2]),
            PixelFormat::Bgra8 => self.colour::<4>([2, 1, 0]),
        };
        Image::from_stored(self.width, self.height, stored)
    }

    /// Pixels of `N` bytes, with red, green and blue at these bytes.
    fn colour<const N: usize>(&self, places: [usize; 3]) -> Stored {
        let mut samples = vec![0; 3 * self.width * self.height];
        for (to, from) in samples.chunks_exact_mut(3 * self.width).zip(self.rows()) {
            let (to, from) = (to.as_chunks_mut::<3>().0, from.as_chunks::<N>().0);
            to.iter_mut().zip(from).for_each(|(to, from)| *to = places.map(|place| from[place]));
        }
        Stored::new(Samples::U8(samples), 3)
    }

    /// The rows without their padding.
    fn rows(&self) -> impl Iterator<Item = &'a [u8]> {
        let Self { bytes, stride, .. } = *self;
        let len = self.row_bytes();
        (0..self.height).map(move |y| &bytes[y * stride..][..len])
    }

    /// Bytes of one row without its padding. `new` excludes an overflow.
    fn row_bytes(&self) -> usize {
        self.width * self.format.bytes_per_pixel()
    }

    fn checked(self) -> Result<Self, ViewError> {
        let Self { bytes, width, height, stride, format } = self;
        let before_last = stride.checked_mul(height - 1);
        let Some(needed) = before_last.and_then(|before| before.checked_add(self.row_bytes())) else {
            return Err(ViewError::TooLarge { width, height });
        };
        if bytes.len() < needed {
            return Err(ViewError::ShortBuffer { given: bytes.len(), needed, width, height, stride, format });
        }
        Ok(self)
    }
}

impl fmt::Debug for ImageView<'_> {
    /// Leaves out the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageView")
            .field("width", &self.width)
            .field("height", &self.height)
            .field("stride", &self.stride)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl From<ImageView<'_>> for Image {
    fn from(view: ImageView<'_>) -> Self {
        view.to_image()
    }
}
