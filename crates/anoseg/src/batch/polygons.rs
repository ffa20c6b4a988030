//! Outlines of a region as polygons, as COCO has them.

use anoseg_image::Mask;

use super::Rle;

/// The outlines of the pixels of a region in the image's box `[x, y, width, height]`, each as `x, y` of
/// its corners in turn.
///
/// Lines run along the edges of pixels: the outline of the pixel at (0, 0) is 0, 0, 1, 0, 1, 1, 0, 1.
/// Pixels that touch by a corner only lie in polygons of their own, so that no line crosses another. COCO's
/// polygons have no holes: the outline of a hole is joined to the one around it by a line that is run along
/// in both directions, and has no area.
pub(super) fn polygons(rle: &Rle, bounds: [usize; 4]) -> Vec<Vec<usize>> {
    let region = Outlined { inside: pixels(rle, bounds) };
    let [left, top, width, height] = bounds;
    let mut taken = Mask::filled(width, height, false);
    let (mut outer, mut holes) = (Vec::new(), Vec::new());
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        // Every outline has an edge to the right, with its pixel below.
        if !taken.get(x, y) && region.is_edge(x, y, Direction::Right) {
            let corners = region.follow(x, y, &mut taken);
            if is_outer(&corners) { outer.push(corners) } else { holes.push(corners) }
        }
    }
    // What lies above a hole is an outer outline, or a hole that begins further up and is joined before.
    holes.sort_by_key(|hole| highest(hole));
    holes.into_iter().for_each(|hole| region.join(&mut outer, hole));
    let numbers = |corners: Corners| corners.into_iter().flat_map(|(x, y)| [left + x, top + y]).collect();
    outer.into_iter().map(numbers).collect()
}

/// The corners of an outline in turn.
type Corners = Vec<(usize, usize)>;

/// Row and column of the highest corner, of several the leftmost.
fn highest(corners: &[(usize, usize)]) -> Option<(usize, usize)> {
    corners.iter().map(|(x, y)| (*y, *x)).min()
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

    /// Joins a hole to the outline that lies straight above its highest corner. The line there and back is
    /// upright, which has no effect on what a program that fills columns gives.
    fn join(&self, outer: &mut [Corners], mut hole: Corners) {
        let Some((low, x)) = highest(&hole) else { return };
        let Some(up) = (0..low).rev().find(|&y| self.is_edge(x, y, Direction::Right)) else { return };
        let is_above =
            |(a, b): (&(usize, usize), &(usize, usize))| a.1 == up && b.1 == up && (a.0..b.0).contains(&x);
        let edge = |corners: &Corners| corners.iter().zip(corners.iter().cycle().skip(1)).position(is_above);
        let Some((corners, edge)) =
            outer.iter_mut().find_map(|corners| edge(corners).map(|edge| (corners, edge)))
        else {
            return;
        };
        let first = hole.iter().position(|corner| *corner == (x, low)).unwrap_or(0);
        hole.rotate_left(first);
        let there_and_back = [(x, up)].into_iter().chain(hole).chain([(x, low), (x, up)]);
        corners.splice(edge + 1..edge + 1, there_and_back);
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

    fn outlines(rows: &[&str]) -> Vec<Vec<usize>> {
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
        assert_eq!(outlines(&["..", ".#"]), [[2, 1, 2, 2, 1, 2, 1, 1]]);
        let (rle, _) = drawn(&["...", "..#"]);
        assert_eq!(polygons(&rle, [2, 1, 1, 1]), [[3, 1, 3, 2, 2, 2, 2, 1]], "in its box");
    }

    #[test]
    fn pixels_that_touch_by_a_corner_have_polygons_of_their_own() {
        assert_eq!(outlines(&["#.", ".#"]).len(), 2);
        assert_eq!(outlines(&[".#.", "#.#", ".#."]).len(), 4, "no hole that is closed by edges");
    }

    /// Twice the area of a polygon; where it runs clockwise, as shown, it is positive.
    fn double_area(polygon: &[usize]) -> i64 {
        let at = |i: usize| (polygon[2 * i] as i64, polygon[2 * i + 1] as i64);
        let count = polygon.len() / 2;
        (0..count).map(|i| (at(i), at((i + 1) % count))).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum()
    }

    /// A region with a hole once had run lengths in place of polygons.
    #[test]
    fn holes_are_joined_to_the_outline_above() {
        assert_eq!(
            outlines(&["###", "#.#", "###"]),
            [[3, 0, 3, 3, 0, 3, 0, 0, 1, 0, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 0]]
        );
        let one_below_the_other = outlines(&["#####", "#.#.#", "#####", "##..#", "#####"]);
        assert_eq!(one_below_the_other.len(), 1);
        assert_eq!(double_area(&one_below_the_other[0]), 2 * 21);
        let in_a_hole = ["#######", "#.....#", "#.###.#", "#.#.#.#", "#.###.#", "#.....#", "#######"];
        assert_eq!(outlines(&in_a_hole).iter().map(|p| double_area(p)).collect::<Vec<_>>(), [48, 16]);
    }

    #[test]
    fn polygons_hold_the_pixels_of_the_region_each_once() {
        let mut state = 1u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as usize
        };
        for density in 0..400 {
            let (width, height) = (1 + next() % 20, 1 + next() % 20);
            let pixel = |inside| if inside { '#' } else { '.' };
            let rows: Vec<String> = (0..height)
                .map(|_| (0..width).map(|_| pixel(next() % 10 < density % 11)).collect())
                .collect();
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let found = outlines(&rows);
            let pixels = rows.iter().flat_map(|row| row.bytes()).filter(|&pixel| pixel == b'#').count();
            assert_eq!(found.iter().map(|p| double_area(p)).sum::<i64>(), 2 * pixels as i64, "{rows:?}");
            for (x, y) in (0..width).flat_map(|x| (0..height).map(move |y| (x, y))) {
                let holding = found.iter().filter(|polygon| holds(polygon, x, y)).count();
                assert_eq!(holding, usize::from(rows[y].as_bytes()[x] == b'#'), "{rows:?} {x} {y}");
            }
        }
    }
}
