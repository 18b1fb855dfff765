//! A view of a matrix in a slice, with any step between rows and between columns.

use candle_core::{Result, bail};

/// A matrix in a slice: element (i, j) is at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// The elements.
    pub data: &'a [f32],
    /// The step from a row to the next.
    pub row_stride: usize,
    /// The step from a column to the next.
    pub column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows one after the other, `width` elements each.
    pub fn rows(data: &'a [f32], width: usize) -> Self {
        Self { data, row_stride: width, column_stride: 1 }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        Self { data: self.data, row_stride: self.column_stride, column_stride: self.row_stride }
    }

    /// The matrix without its first `rows` rows.
    pub fn from_row(self, rows: usize) -> Self {
        Self { data: self.data.get(rows * self.row_stride..).unwrap_or_default(), ..self }
    }

    /// Fails unless the slice holds every element of `rows` x `columns`.
    pub(super) fn check(&self, what: &str, rows: usize, columns: usize) -> Result<()> {
        if rows > 0 && columns > 0 {
            let last = (rows - 1) * self.row_stride + (columns - 1) * self.column_stride;
            if last >= self.data.len() {
                bail!(
                    "sgemm: {what} ({rows} x {columns}) needs {} elements, the slice has {}",
                    last + 1,
                    self.data.len()
                )
            }
        }
        Ok(())
    }

    /// The address of element (i, j).
    #[inline(always)]
    pub(super) fn at(&self, i: usize, j: usize) -> *const f32 {
        self.data.as_ptr().wrapping_add(i * self.row_stride + j * self.column_stride)
    }
}
