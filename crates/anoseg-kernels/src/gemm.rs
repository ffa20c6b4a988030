//! A checked face of the `gemm` crate's matrix product.

use gemm::Parallelism;

/// A matrix inside a slice: element `(i, j)` is at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

/// A matrix with adjacent columns, to write to: element `(i, j)` is at `i * row_stride + j`.
pub(crate) struct MatrixMut<'a> {
    pub(crate) data: &'a mut [f32],
    pub(crate) row_stride: usize,
}

/// How far the last element of a `rows` x `columns` matrix lies, plus one.
fn extent(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    if rows == 0 || columns == 0 { 0 } else { (rows - 1) * row_stride + (columns - 1) * column_stride + 1 }
}

/// `dst (m x n) = [dst +] lhs (m x k) * rhs (k x n)`, on the calling thread.
///
/// # Panics
/// If a slice is too short for its matrix.
pub(crate) fn multiply(
    [m, n, k]: [usize; 3],
    dst: MatrixMut<'_>,
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    accumulate: bool,
) {
    assert!(dst.row_stride >= n, "rows of the result overlap");
    assert!(dst.data.len() >= extent(m, n, dst.row_stride, 1), "the result is too short");
    assert!(
        lhs.data.len() >= extent(m, k, lhs.row_stride, lhs.column_stride),
        "the left matrix is too short"
    );
    assert!(
        rhs.data.len() >= extent(k, n, rhs.row_stride, rhs.column_stride),
        "the right matrix is too short"
    );
    // SAFETY: the asserts above bound every element that the product reads or writes, `dst` is borrowed
    // mutably so it overlaps neither input, and its rows do not overlap each other.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst.data.as_mut_ptr(),
            1,
            dst.row_stride as isize,
            accumulate,
            lhs.data.as_ptr(),
            lhs.column_stride as isize,
            lhs.row_stride as isize,
            rhs.data.as_ptr(),
            rhs.column_stride as isize,
            rhs.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
