//! Overlays as layers of their own, for programs that lay them over the image themselves.

use super::outline::{marked_lines, thickness};
use super::overlay::{Heat, blended_colour, strength};
use crate::{AnomalyMap, Mask};

/// The colours that [`heat_overlay`](super::heat_overlay) blends over an image, with a scale up to 1: RGBA,
/// four bytes a pixel, row by row. Up to half of `threshold` a pixel is transparent. NaN means normal.
pub fn heat_layer(map: &AnomalyMap, threshold: f32) -> Vec<u8> {
    let (heat, mut layer) = (Heat::new(threshold, 1.0), vec![0; map.as_slice().len() * 4]);
    for (pixel, &value) in layer.as_chunks_mut().0.iter_mut().zip(map.as_slice()) {
        let part = heat.part(value);
        if part > 0.0 {
            *pixel = rgba(blended_colour(part), strength(part));
        }
    }
    layer
}

/// The lines that [`draw_overlay`](super::draw_overlay) draws around what is marked, on their dark casing:
/// RGBA, four bytes a pixel, row by row. They lie outside the regions; all other pixels are transparent.
pub fn outline_layer(marked: &Mask) -> Vec<u8> {
    let mut layer = vec![0; marked.as_slice().len() * 4];
    let thin = thickness(marked.width(), marked.height());
    for (mut line, rgb) in marked_lines(marked, thin) {
        let rows = layer.chunks_exact_mut((4 * marked.width()).max(1));
        for (y, row) in rows.enumerate() {
            let pixels = row.as_chunks_mut().0.iter_mut().zip(line.row(y));
            pixels.filter(|(_, on)| **on).for_each(|(pixel, _)| *pixel = rgba(rgb, 1.0));
        }
    }
    layer
}

/// Bytes of a colour and an opacity with values in 0..=1.
fn rgba([red, green, blue]: [f32; 3], opacity: f32) -> [u8; 4] {
    [red, green, blue, opacity].map(|value| (value * 255.0).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Image;
    use crate::draw::overlay;

    /// Laid over the image, the layers give the overlay that is drawn, to two steps of 8 bits.
    #[test]
    fn the_layers_over_the_image_are_the_overlay() {
        let (width, height) = (64, 48);
        let image = Image::from_fn(width, height, |x, y| [x as f32 / 64.0, y as f32 / 48.0, 0.5]);
        let map = AnomalyMap::from_fn(width, height, |x, y| (x * y) as f32 / 3000.0);
        let marked = map.map(|&value| value > 0.6);
        let drawn = overlay(&image, &map, &marked, 0.6);
        let (heat, lines) = (heat_layer(&map, 0.6), outline_layer(&marked));
        for (i, (heat, line)) in heat.as_chunks::<4>().0.iter().zip(lines.as_chunks::<4>().0).enumerate() {
            let (x, y) = (i % width, i / width);
            for (channel, (below, wanted)) in image.get(x, y).into_iter().zip(drawn.get(x, y)).enumerate() {
                let over = |below: f32, layer: &[u8; 4]| {
                    let opacity = f32::from(layer[3]) / 255.0;
                    below + opacity * (f32::from(layer[channel]) / 255.0 - below)
                };
                let shown = over(over(below, heat), line);
                assert!((shown - wanted).abs() < 2.0 / 255.0, "({x}, {y}): {shown}, not {wanted}");
            }
        }
    }

    #[test]
    fn a_line_does_not_cover_its_region() {
        let marked = Mask::from_fn(30, 30, |x, y| (10..20).contains(&x) && (10..20).contains(&y));
        let layer = outline_layer(&marked);
        let opaque = |x: usize, y: usize| layer[(y * 30 + x) * 4 + 3] > 0;
        assert!(opaque(9, 15) && !opaque(10, 15) && !opaque(0, 0));
        assert!(outline_layer(&Mask::filled(4, 3, false)).iter().all(|byte| *byte == 0));
    }
}
