//! Connected pixels of a mask.

use anoseg_image::Mask;

/// The pixels of this value that are 4-connected to `start` and not yet `seen`; adds them to
/// `seen`.
pub(crate) fn flood(mask: &Mask, value: bool, start: usize, seen: &mut Mask) -> Vec<usize> {
    let (width, height) = (mask.width(), mask.height());
    let (values, seen) = (mask.as_slice(), seen.as_mut_slice());
    let mut found = Vec::new();
    if values[start] != value || seen[start] {
        return found;
    }
    seen[start] = true;
    found.push(start);
    let mut next = 0;
    while next < found.len() {
        let i = found[next];
        next += 1;
        let (x, y) = (i % width, i / width);
        let neighbours = [
            (x > 0).then(|| i - 1),
            (x + 1 < width).then(|| i + 1),
            (y > 0).then(|| i - width),
            (y + 1 < height).then(|| i + width),
        ];
        for j in neighbours.into_iter().flatten() {
            if values[j] == value && !seen[j] {
                seen[j] = true;
                found.push(j);
            }
        }
    }
    found
}

/// Fills the holes of at most `largest` pixels that do not touch the border of the mask.
pub(crate) fn fill_small_holes(mask: &mut Mask, largest: usize) {
    let (width, height) = (mask.width(), mask.height());
    let mut seen = Mask::filled(width, height, false);
    for start in 0..width * height {
        let hole = flood(mask, false, start, &mut seen);
        let at_border =
            |&i: &usize| i % width == 0 || i % width + 1 == width || i < width || i / width + 1 == height;
        if hole.len() <= largest && !hole.iter().any(at_border) {
            for i in hole {
                mask.as_mut_slice()[i] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Mask {
        Mask::from_fn(rows[0].len(), rows.len(), |x, y| rows[y].as_bytes()[x] == b'#')
    }

    #[test]
    fn small_holes_are_filled_large_ones_and_bays_are_not() {
        let mut ring = mask(&["######.", "#.#..#.", "###..#.", "#.####.", ".......", "......."]);
        fill_small_holes(&mut ring, 2);
        assert_eq!(ring, mask(&["######.", "###..#.", "###..#.", "#.####.", ".......", "......."]));
    }

    #[test]
    fn a_flood_stays_on_its_value_and_runs_once() {
        let plane = mask(&["##..", "#..#", "..##"]);
        let mut seen = Mask::filled(4, 3, false);
        assert_eq!(flood(&plane, true, 0, &mut seen).len(), 3);
        assert!(flood(&plane, true, 1, &mut seen).is_empty());
        assert!(flood(&plane, true, 2, &mut seen).is_empty());
    }
}
