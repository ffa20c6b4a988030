//! Box blurs with running sums; three passes approximate a Gaussian.

/// Mean over the (2 radius + 1)^2 pixels around each one, the border repeated outwards, in place.
pub(crate) fn box_blur(data: &mut [f32], width: usize, height: usize, radius: usize) {
    if radius == 0 || data.is_empty() {
        return;
    }
    along_rows(data, width, radius);
    along_columns(data, width, height, radius);
}

/// Three box blurs, which approximate a Gaussian of standard deviation `sqrt(radius * (radius +
/// 1))` pixels.
pub(crate) fn smooth(data: &mut [f32], width: usize, height: usize, radius: usize) {
    for _ in 0..3 {
        box_blur(data, width, height, radius);
    }
}

fn along_rows(data: &mut [f32], width: usize, radius: usize) {
    let scale = 1.0 / (2 * radius + 1) as f32;
    // The row is padded with copies of its ends, so that the loop below needs no special case at
    // the border.
    let mut line = vec![0.0; width + 2 * radius + 1];
    for row in data.chunks_exact_mut(width) {
        line[..radius].fill(row[0]);
        line[radius..radius + width].copy_from_slice(row);
        line[radius + width..].fill(row[width - 1]);
        let mut sum: f32 = line[..2 * radius + 1].iter().sum();
        let (leaving, entering) = (&line[..], &line[2 * radius + 1..]);
        for ((value, out), into) in row.iter_mut().zip(leaving).zip(entering) {
            *value = sum * scale;
            sum += into - out;
        }
    }
}

fn along_columns(data: &mut [f32], width: usize, height: usize, radius: usize) {
    let scale = 1.0 / (2 * radius + 1) as f32;
    let from = data.to_vec();
    let row = |y: isize| {
        let start = y.clamp(0, height as isize - 1) as usize * width;
        &from[start..start + width]
    };
    let radius = radius as isize;
    let mut sums = vec![0.0; width];
    for y in -radius..=radius {
        sums.iter_mut().zip(row(y)).for_each(|(sum, v)| *sum += v);
    }
    for (out, y) in data.chunks_exact_mut(width).zip(0..) {
        let (leaving, entering) = (row(y - radius), row(y + radius + 1));
        for (((value, sum), out), into) in out.iter_mut().zip(&mut sums).zip(leaving).zip(entering) {
            *value = *sum * scale;
            *sum += into - out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn box_blur_is_the_mean_of_the_window() {
        let (width, height) = (7, 5);
        let data: Vec<f32> = (0..35).map(|i| ((i * 13) % 11) as f32).collect();
        for radius in [1usize, 2, 9] {
            let mut blurred = data.clone();
            box_blur(&mut blurred, width, height, radius);
            let r = radius as isize;
            for y in 0..height as isize {
                for x in 0..width as isize {
                    let mut sum = 0.0;
                    for dy in -r..=r {
                        for dx in -r..=r {
                            let (sx, sy) = ((x + dx).clamp(0, 6) as usize, (y + dy).clamp(0, 4) as usize);
                            sum += data[sy * width + sx];
                        }
                    }
                    let expected = sum / ((2 * r + 1) * (2 * r + 1)) as f32;
                    assert!((blurred[y as usize * width + x as usize] - expected).abs() < 1e-4);
                }
            }
        }
    }
}
