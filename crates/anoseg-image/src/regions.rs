//! Connected components of a mask.

use crate::plane::{AnomalyMap, Mask, Plane};

/// Which component each pixel belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// 0 for background, 1..=`count` for components, numbered in the order of their first pixels,
    /// row by row.
    pub labels: Plane<u32>,
    /// The number of components.
    pub count: usize,
}

/// One connected component of a mask, with the anomaly map's highest value in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Left column of the bounding box.
    pub x: usize,
    /// Top row of the bounding box.
    pub y: usize,
    /// Width of the bounding box in pixels.
    pub width: usize,
    /// Height of the bounding box in pixels.
    pub height: usize,
    /// Pixels that belong to the region.
    pub area: usize,
    /// Largest value of the anomaly map in the region; negative infinity if all values are NaN.
    pub peak: f32,
    /// Column of the first pixel, row by row, that has the peak value.
    pub peak_x: usize,
    /// Row of that pixel.
    pub peak_y: usize,
}

/// Finds the components of a mask in which pixels touch by a side or a corner (8-connectivity).
///
/// Two passes with a union-find in between: time linear in the number of pixels, no recursion.
///
/// # Panics
/// If the mask has more than `u32::MAX` pixels.
pub fn label_components(mask: &Mask) -> Labels {
    let (width, height) = (mask.width(), mask.height());
    assert!(u32::try_from(width * height).is_ok(), "a mask of at most u32::MAX pixels can be labelled");
    let mut labels = Plane::filled(width, height, 0u32);
    let mut equal = UnionFind::new();
    for y in 0..height {
        for x in 0..width {
            if mask.get(x, y) {
                let label = join_neighbours(&labels, x, y, &mut equal);
                labels.set(x, y, label);
            }
        }
    }
    let (number, count) = equal.numbered();
    for label in labels.as_mut_slice() {
        *label = number[*label as usize];
    }
    Labels { labels, count }
}

/// The provisional label for a pixel: that of its neighbours seen so far (left and the three
/// above), which all become one component, or a new one.
fn join_neighbours(labels: &Plane<u32>, x: usize, y: usize, equal: &mut UnionFind) -> u32 {
    let mut label = if x > 0 { labels.get(x - 1, y) } else { 0 };
    if y > 0 {
        for above in x.saturating_sub(1)..=(x + 1).min(labels.width() - 1) {
            let other = labels.get(above, y - 1);
            label = match (label, other) {
                (label, 0) => label,
                (0, other) => other,
                (label, other) if label == other => label,
                (label, other) => equal.union(label, other),
            };
        }
    }
    if label == 0 { equal.new_set() } else { label }
}

/// Provisional labels that mean the same component. The smallest label, met first, stands for a
/// set.
struct UnionFind {
    parent: Vec<u32>,
}

impl UnionFind {
    fn new() -> Self {
        Self { parent: vec![0] }
    }

    fn new_set(&mut self) -> u32 {
        let label = self.parent.len() as u32;
        self.parent.push(label);
        label
    }

    fn find(&mut self, mut label: u32) -> u32 {
        while self.parent[label as usize] != label {
            // Path halving: each visit shortens the way for the next.
            let grandparent = self.parent[self.parent[label as usize] as usize];
            self.parent[label as usize] = grandparent;
            label = grandparent;
        }
        label
    }

    fn union(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.find(a), self.find(b));
        let root = a.min(b);
        self.parent[a.max(b) as usize] = root;
        root
    }

    /// Final number of every provisional label, and how many final numbers there are.
    fn numbered(mut self) -> (Vec<u32>, usize) {
        let mut number = vec![0u32; self.parent.len()];
        let mut count = 0u32;
        for label in 1..self.parent.len() as u32 {
            let root = self.find(label);
            if root == label {
                count += 1;
                number[label as usize] = count;
            } else {
                number[label as usize] = number[root as usize];
            }
        }
        (number, count as usize)
    }
}

/// The components of `mask` with their boxes, areas and peaks in `map`, in the order of their
/// labels.
///
/// # Panics
/// If mask and map differ in size.
pub fn regions(mask: &Mask, map: &AnomalyMap) -> Vec<Region> {
    labelled_regions(&label_components(mask), map)
}

/// As [`regions`], for components that are labelled already.
///
/// # Panics
/// If labels and map differ in size.
pub fn labelled_regions(Labels { labels, count }: &Labels, map: &AnomalyMap) -> Vec<Region> {
    assert_eq!(
        (labels.width(), labels.height()),
        (map.width(), map.height()),
        "the mask and its anomaly map have the same size"
    );
    let mut found: Vec<Option<Region>> = vec![None; *count];
    for y in 0..labels.height() {
        for (x, &label) in labels.row(y).iter().enumerate() {
            let Some(index) = (label as usize).checked_sub(1) else { continue };
            let value = map.get(x, y);
            match &mut found[index] {
                Some(region) => region.add(x, y, value),
                none => *none = Some(Region::first(x, y, value)),
            }
        }
    }
    found.into_iter().flatten().collect()
}

impl Region {
    fn first(x: usize, y: usize, value: f32) -> Self {
        let peak = if value.is_nan() { f32::NEG_INFINITY } else { value };
        Self { x, y, width: 1, height: 1, area: 1, peak, peak_x: x, peak_y: y }
    }

    /// Pixels come row by row, so the box never grows upwards.
    fn add(&mut self, x: usize, y: usize, value: f32) {
        let right = (self.x + self.width).max(x + 1);
        self.x = self.x.min(x);
        self.width = right - self.x;
        self.height = y + 1 - self.y;
        self.area += 1;
        if value > self.peak {
            (self.peak, self.peak_x, self.peak_y) = (value, x, y);
        }
    }
}

/// The contour of a mask, one pixel thick and inside it: its pixels that share a side with a pixel
/// outside it or with the border of the image.
pub fn outline(mask: &Mask) -> Mask {
    let (width, height) = (mask.width(), mask.height());
    Mask::from_fn(width, height, |x, y| {
        let inner = x > 0
            && y > 0
            && x + 1 < width
            && y + 1 < height
            && mask.get(x - 1, y)
            && mask.get(x + 1, y)
            && mask.get(x, y - 1)
            && mask.get(x, y + 1);
        mask.get(x, y) && !inner
    })
}
