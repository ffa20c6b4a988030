//! A printed sheet that fills the image, shifted and turned.

use anoseg_image::Image;

/// Size of the images.
pub(crate) const SIZE: [usize; 2] = [400, 340];

/// A number from 0 to 1 that looks random.
pub(crate) fn hashed(a: u32, b: u32, c: u32) -> f32 {
    let mut hash = a.wrapping_mul(0x9e37_79b1) ^ b.wrapping_mul(0x85eb_ca77) ^ c.wrapping_mul(0xc2b2_ae3d);
    for _ in 0..2 {
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x846c_a68b);
    }
    (hash >> 8) as f32 / 16_777_216.0
}

/// Brightness of a printed sheet at a place from its middle: rectangles of many sizes, without an end.
pub(crate) fn sheet(x: f32, y: f32) -> f32 {
    let (cell, mut value) = (28.0, 0.7);
    let (column, row) = ((x / cell).floor() as i32, (y / cell).floor() as i32);
    for (column, row) in (row - 1..=row + 1).flat_map(|row| (column - 1..=column + 1).map(move |c| (c, row)))
    {
        let number = |k: u32| hashed(column as u32, row as u32, k);
        let middle = [(column as f32 + number(1)) * cell, (row as f32 + number(2)) * cell];
        let half = [3.0 + 10.0 * number(3), 3.0 + 10.0 * number(4)];
        let inside = (half[0] - (x - middle[0]).abs()).min(half[1] - (y - middle[1]).abs());
        value += (number(5) - 0.6) * 0.5 * (inside + 0.5).clamp(0.0, 1.0);
    }
    value.clamp(0.05, 0.95)
}

/// `texture` turned by `angle` with its middle at `shift` from the image's, with a little noise.
pub(crate) fn scene(texture: impl Fn(f32, f32) -> f32, shift: [f32; 2], angle: f32, seed: u32) -> Image {
    let (sin, cos) = angle.sin_cos();
    Image::from_fn(SIZE[0], SIZE[1], |x, y| {
        let dx = x as f32 + 0.5 - SIZE[0] as f32 / 2.0 - shift[0];
        let dy = y as f32 + 0.5 - SIZE[1] as f32 / 2.0 - shift[1];
        let value = texture(cos * dx + sin * dy, cos * dy - sin * dx);
        let light = 0.9 + 0.1 * x as f32 / SIZE[0] as f32;
        [(value * light + 0.03 * (hashed(x as u32, y as u32, seed) - 0.5)).clamp(0.0, 1.0); 3]
    })
}
