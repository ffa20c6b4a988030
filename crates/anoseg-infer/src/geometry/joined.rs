//! What the network gives for windows, joined to a map of the plane.

use anoseg_image::AnomalyMap;

use super::tiling::{Shares, shares};
use super::{Extent, Geometry};

/// The map of a plane under construction: the parts of its windows are added one by one, so that they need
/// not all be in memory. See [`Geometry::join`].
pub(crate) struct Joined {
    map: AnomalyMap,
    /// Height and width of a window.
    window: [usize; 2],
    rows: Vec<Shares>,
    columns: Vec<Shares>,
    /// Parts that were added.
    added: usize,
}

impl Joined {
    pub(crate) fn new(geometry: &Geometry, plane: Extent) -> Self {
        let [down, across] = geometry.tilings(plane);
        Self {
            map: AnomalyMap::filled(plane.width, plane.height, 0.0),
            window: geometry.window_size(plane),
            rows: shares(plane.height, down),
            columns: shares(plane.width, across),
            added: 0,
        }
    }

    /// Adds the part of the next window.
    ///
    /// # Panics
    /// If there are no more windows, or the part is of another size.
    pub(crate) fn add(&mut self, part: &AnomalyMap) {
        let Self { map, window, rows, columns, added } = self;
        assert!(*added < rows.len() * columns.len(), "a part for each window");
        assert_eq!([part.height(), part.width()], *window, "a part of the network's size");
        let (row, column) = (&rows[*added / columns.len()], &columns[*added % columns.len()]);
        let width = map.width();
        for (i, down) in row.shares.iter().enumerate() {
            let source = &part.row(row.first + i)[column.first..];
            let start = (row.start + i) * width + column.start;
            let target = &mut map.as_mut_slice()[start..start + column.shares.len()];
            for ((sum, value), across) in target.iter_mut().zip(source).zip(&column.shares) {
                *sum += down * across * value;
            }
        }
        *added += 1;
    }

    /// The map.
    ///
    /// # Panics
    /// If parts are missing.
    pub(crate) fn finish(self) -> AnomalyMap {
        assert_eq!(self.added, self.rows.len() * self.columns.len(), "a part for each window");
        self.map
    }
}
