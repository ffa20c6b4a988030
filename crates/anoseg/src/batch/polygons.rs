//! Outlines of a region as polygons, as COCO has them.

use anoseg_image::Mask;

use super::Rle;

/// The outlines of the pixels of a region in the image's box `[x, y, width, height]`, each as `x, y` of
/// its corners in turn; None for a region with a hole, which COCO's polygons cannot have.
///
/// Lines run along the edges of pixels: the outline of the pixel at (0, 0) is 0, 0, 1, 0, 1, 1, 0, 1.
/// Pixels that touch by a corner only lie in polygons of their own, so that no line crosses another.
pub(super) fn polygons(rle: &Rle, bounds: [usize; 4]) -> Option<Vec<Vec<usize>>> {
    let region = Outlined { inside: pixels(rle, bounds) };
    let [left, top, width, height] = bounds;
    let mut taken = Mask::filled(width, height, false);
    let mut found = Vec::new();
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        // Every outline has an edge to the right, with its pixel below.
        if taken.get(x, y) || !region.is_edge(x, y, Direction::Right) {
            continue;
        }
        let corners = region.follow(x, y, &mut taken);
        if !is_outer(&corners) {
            return None;
        }
        found.push(corners.into_iter().flat_map(|(x, y)| [left + x, top + y]).collect());
    }
    Some(found)
}

/// Where the pixels of run lengths lie in a box. Runs beyond the box are left out.
fn pixels(rle: &Rle, [left, top, width, height]: [usize; 4]) -> Mask {
    let mut inside = Mask::filled(width, height, false);
    let rows = rle.size[0].max(1);
    let mut end = 0usize;
    for (number, &run) in rle.counts.iter().enumerate() {
        let begin = end;
        end = end.saturating_add(run).min(rle.size[0].saturating_mul(rle.size[1]));
        for at in (begin..end).filter(|_| number % 2 == 1) {
            let (x, y) = ((at / rows).wrapping_sub(left), (at % rows).wrapping_sub(top));
            if x < width && y < height {
                inside.set(x, y, true);
            }
        }
    }
    inside
}

/// A direction on the image, whose y runs down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Right,
    Down,
    Left,
    Up,
}

impl Direction {
    /// The directions to go on in, the sharpest turn to the right first: it stays with the same pixel.
    fn turns(self) -> [Self; 3] {
        match self {
            Self::Right => [Self::Down, Self::Right, Self::Up],
            Self::Down => [Self::Left, Self::Down, Self::Right],
            Self::Left => [Self::Up, Self::Left, Self::Down],
            Self::Up => [Self::Right, Self::Up, Self::Left],
        }
    }

    /// The corner one edge further.
    fn step(self, x: usize, y: usize) -> (usize, usize) {
        match self {
            Self::Right => (x + 1, y),
            Self::Down => (x, y + 1),
            Self::Left => (x - 1, y),
            Self::Up => (x, y - 1),
        }
    }
}

/// Pixels whose outlines are followed with the pixels on the right.
struct Outlined {
    inside: Mask,
}

impl Outlined {
    /// The pixel to the lower right of the corner that is `left` and `up` pixels before (x, y).
    fn pixel(&self, x: usize, y: usize, left: usize, up: usize) -> bool {
        let (x, y) = (x.wrapping_sub(left), y.wrapping_sub(up));
        x < self.inside.width() && y < self.inside.height() && self.inside.get(x, y)
    }

    /// Whether the edge from a corner in a direction has the region on its right only.
    fn is_edge(&self, x: usize, y: usize, direction: Direction) -> bool {
        let (upper_left, upper_right) = (self.pixel(x, y, 1, 1), self.pixel(x, y, 0, 1));
        let (lower_left, lower_right) = (self.pixel(x, y, 1, 0), self.pixel(x, y, 0, 0));
        match direction {
            Direction::Right => lower_right && !upper_right,
            Direction::Down => lower_left && !lower_right,
            Direction::Left => upper_left && !lower_left,
            Direction::Up => upper_right && !upper_left,
        }
    }

    /// The corners of the outline that leaves (x, y) to the right. Its edges to the right are `taken`.
    fn follow(&self, x: usize, y: usize, taken: &mut Mask) -> Vec<(usize, usize)> {
        let mut corners = Vec::new();
        let (mut at, mut direction) = ((x, y), Direction::Right);
        loop {
            if direction == Direction::Right {
                if taken.get(at.0, at.1) {
                    break;
                }
                taken.set(at.0, at.1, true);
            }
            at = direction.step(at.0, at.1);
            let next = direction.turns().into_iter().find(|&turn| self.is_edge(at.0, at.1, turn));
            let Some(next) = next else { break };
            if next != direction {
                corners.push(at);
            }
            direction = next;
        }
        corners
    }
}

/// Whether an outline runs clockwise, with the region inside; that of a hole runs the other way.
fn is_outer(corners: &[(usize, usize)]) -> bool {
    let next = corners.iter().cycle().skip(1);
    let area = corners.iter().zip(next).map(|(a, b)| a.0 as i128 * b.1 as i128 - b.0 as i128 * a.1 as i128);
    area.sum::<i128>() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run lengths of a drawing in which `#` is inside, and its box: the whole image.
    fn drawn(rows: &[&str]) -> (Rle, [usize; 4]) {
        let (width, height) = (rows[0].len(), rows.len());
        let inside = (0..width).flat_map(|x| rows.iter().map(move |row| row.as_bytes()[x] == b'#'));
        let (mut counts, mut now) = (vec![0], false);
        for pixel in inside {
            if pixel != now {
                counts.push(0);
                now = pixel;
            }
            *counts.last_mut().unwrap() += 1;
        }
        (Rle { size: [height, width], counts }, [0, 0, width, height])
    }

    fn outlines(rows: &[&str]) -> Option<Vec<Vec<usize>>> {
        let (rle, bounds) = drawn(rows);
        polygons(&rle, bounds)
    }

    /// Whether the middle of a pixel lies in a polygon: an odd number of its lines is to the right.
    fn holds(polygon: &[usize], x: usize, y: usize) -> bool {
        let corners: Vec<_> = polygon.chunks_exact(2).map(|xy| (xy[0], xy[1])).collect();
        let lines = corners.iter().zip(corners.iter().cycle().skip(1));
        let crossed = lines.filter(|(a, b)| a.0 == b.0 && a.0 > x && (a.1 <= y) != (b.1 <= y));
        crossed.count() % 2 == 1
    }

    #[test]
    fn a_pixel_is_a_square_of_its_edges() {
        assert_eq!(outlines(&["..", ".#"]).unwrap(), [[2, 1, 2, 2, 1, 2, 1, 1]]);
        let (rle, _) = drawn(&["...", "..#"]);
        assert_eq!(polygons(&rle, [2, 1, 1, 1]).unwrap(), [[3, 1, 3, 2, 2, 2, 2, 1]], "in its box");
    }

    #[test]
    fn pixels_that_touch_by_a_corner_have_polygons_of_their_own() {
        assert_eq!(outlines(&["#.", ".#"]).unwrap().len(), 2);
        assert_eq!(outlines(&[".#.", "#.#", ".#."]).unwrap().len(), 4, "no hole that is closed by edges");
    }

    #[test]
    fn a_region_with_a_hole_has_no_polygons() {
        assert_eq!(outlines(&["###", "#.#", "###"]), None);
        assert!(outlines(&["###", "#.#", "#.#"]).is_some());
    }

    #[test]
    fn polygons_hold_the_pixels_of_the_region_each_once() {
        let mut state = 1u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as usize
        };
        let mut with_polygons = 0;
        for density in 0..400 {
            let (width, height) = (1 + next() % 12, 1 + next() % 12);
            let pixel = |inside| if inside { '#' } else { '.' };
            let rows: Vec<String> = (0..height)
                .map(|_| (0..width).map(|_| pixel(next() % 10 < density % 11)).collect())
                .collect();
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let Some(found) = outlines(&rows) else { continue };
            with_polygons += 1;
            for (x, y) in (0..width).flat_map(|x| (0..height).map(move |y| (x, y))) {
                let holding = found.iter().filter(|polygon| holds(polygon, x, y)).count();
                assert_eq!(holding, usize::from(rows[y].as_bytes()[x] == b'#'), "{rows:?} {x} {y}");
            }
        }
        assert!(with_polygons > 100, "{with_polygons}");
    }
}
