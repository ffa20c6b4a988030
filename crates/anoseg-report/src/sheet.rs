//! Contact sheets: many images in one.

use anoseg_image::Image;

use crate::fit::fit_within;

const BACKGROUND: [f32; 3] = [0.93; 3];

/// Lays the images out in a grid, row by row: each in a square cell of `cell_size` pixels, scaled
/// down to fit if it is larger, centred, on light grey with gutters between and around the cells.
///
/// `columns` and `cell_size` count as at least 1; there are no more columns than cells. Without
/// cells the sheet is one empty cell.
pub fn contact_sheet(cells: &[Image], columns: usize, cell_size: usize) -> Image {
    let cell_size = cell_size.max(1);
    let columns = columns.clamp(1, cells.len().max(1));
    let rows = cells.len().div_ceil(columns).max(1);
    let gutter = gutter(cell_size);
    let extent = |cells: usize| cells * (cell_size + gutter) + gutter;
    let mut sheet = Image::filled(extent(columns), extent(rows), BACKGROUND);
    for (i, cell) in cells.iter().enumerate() {
        let image = fit_within(cell, cell_size);
        let left = extent(i % columns) + (cell_size - image.width()) / 2;
        let top = extent(i / columns) + (cell_size - image.height()) / 2;
        paste(&mut sheet, &image, left, top);
    }
    sheet
}

/// The space between cells, in pixels.
fn gutter(cell_size: usize) -> usize {
    (cell_size / 32).max(2)
}

fn paste(sheet: &mut Image, image: &Image, left: usize, top: usize) {
    for y in 0..image.height() {
        for x in 0..image.width() {
            sheet.set(left + x, top + y, image.get(x, y));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_land_in_reading_order() {
        let cells: Vec<Image> = (0..5).map(|i| Image::filled(40, 40, [i as f32 / 10.0; 3])).collect();
        let sheet = contact_sheet(&cells, 2, 20);
        assert_eq!((sheet.width(), sheet.height()), (2 * 22 + 2, 3 * 22 + 2));
        for i in 0..5 {
            let (x, y) = (2 + 22 * (i % 2) + 10, 2 + 22 * (i / 2) + 10);
            assert!((sheet.get(x, y)[0] - i as f32 / 10.0).abs() < 1e-5, "cell {i}");
        }
        assert_eq!(sheet.get(0, 0), BACKGROUND);
        assert_eq!(sheet.get(22 + 12, 2 * 22 + 12), BACKGROUND);
    }

    #[test]
    fn shapes_are_kept_and_centred() {
        let sheet = contact_sheet(&[Image::filled(100, 50, [0.0; 3])], 3, 50);
        assert_eq!(sheet.width(), 54);
        assert_eq!(sheet.get(25, 5), BACKGROUND);
        assert!(sheet.get(25, 27)[0] < 1e-5);
    }

    #[test]
    fn nothing_to_show_is_fine() {
        assert_eq!(contact_sheet(&[], 0, 0).width(), 5);
        contact_sheet(&[Image::filled(0, 0, [0.0; 3])], 4, 10);
    }
}
