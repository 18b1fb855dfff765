//! Where the windows lie, and their composition out of candle's operations.

use candle_core::{Layout, Result, Tensor, bail};

use crate::storage::PIECE;

/// The windows along one side of a map.
#[derive(Clone, Copy)]
pub(super) struct Side {
    kernel: usize,
    /// Pixels from one window to the next.
    pub(super) stride: usize,
    padding: usize,
    /// Pixels.
    pub(super) size: usize,
    /// Windows.
    pub(super) out: usize,
}

impl Side {
    fn new(size: usize, kernel: usize, stride: usize, padding: usize) -> Result<Self> {
        if kernel == 0 || stride == 0 {
            bail!("pooling: kernel {kernel} and stride {stride} must be at least 1")
        }
        // Then every window has a pixel.
        if padding > kernel / 2 {
            bail!("pooling: padding {padding} is more than half of the kernel, {kernel}")
        }
        if size == 0 || size + 2 * padding < kernel {
            bail!("pooling: a window of {kernel} does not fit in {size} padded by {padding}")
        }
        Ok(Self { kernel, stride, padding, size, out: (size + 2 * padding - kernel) / stride + 1 })
    }

    /// The pixels of a window.
    #[inline(always)]
    pub(super) fn span(&self, position: usize) -> std::ops::Range<usize> {
        let start = position * self.stride;
        start.saturating_sub(self.padding)..(start + self.kernel - self.padding).min(self.size)
    }

    /// The pixels of the padded map that are number `tap` of each window.
    fn tap(&self, tap: usize, x: &Tensor, dim: usize) -> Result<Tensor> {
        let ids: Vec<u32> = (0..self.out).map(|i| (tap + i * self.stride) as u32).collect();
        x.contiguous()?.index_select(&Tensor::new(&ids[..], x.device())?, dim)
    }
}

/// The windows of a map.
#[derive(Clone, Copy)]
pub(super) struct Windows {
    /// Down the map.
    pub(super) y: Side,
    /// Along a row.
    pub(super) x: Side,
}

impl Windows {
    /// Square windows of `x` (N, C, H, W).
    pub(super) fn new(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Self> {
        let (_, _, h, w) = x.dims4()?;
        Ok(Self { y: Side::new(h, kernel, stride, padding)?, x: Side::new(w, kernel, stride, padding)? })
    }

    /// Windows of one row of `x` (N, C, 1, T).
    pub(super) fn of_series(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Self> {
        let (_, _, h, w) = x.dims4()?;
        Ok(Self { y: Side::new(h, 1, 1, 0)?, x: Side::new(w, kernel, stride, padding)? })
    }

    /// Pixels of a map.
    pub(super) fn area(&self) -> usize {
        self.y.size * self.x.size
    }

    /// Windows of a map.
    pub(super) fn out(&self) -> usize {
        self.y.out * self.x.out
    }

    /// Pixels of a window, with padding.
    pub(super) fn taps(&self) -> usize {
        self.y.kernel * self.x.kernel
    }

    /// Maps a task takes at least.
    pub(super) fn at_once(&self) -> usize {
        (PIECE / self.area()).max(1)
    }

    pub(super) fn shape(&self, layout: &Layout) -> Result<(usize, usize, usize, usize)> {
        let (n, c, _, _) = layout.shape().dims4()?;
        Ok((n, c, self.y.out, self.x.out))
    }

    /// Pads the maps with minus infinity, which no element is below.
    pub(super) fn pad(&self, x: &Tensor) -> Result<Tensor> {
        let pad = |x: Tensor, dim: usize, size: usize| {
            if size == 0 {
                return Ok(x);
            }
            let mut dims = x.dims().to_vec();
            dims[dim] = size;
            let edge = Tensor::full(f32::NEG_INFINITY, dims, x.device())?.to_dtype(x.dtype())?;
            Tensor::cat(&[&edge, &x, &edge], dim)
        };
        pad(pad(x.clone(), 2, self.y.padding)?, 3, self.x.padding)
    }

    /// Combines, over all taps of the kernel, the maps that hold that tap of every window of the padded maps `x`.
    ///
    /// Not candle's own pooling, which has no gradient for overlapping windows.
    pub(super) fn over_taps(&self, x: &Tensor, combine: impl Fn(&Tensor, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let mut all: Option<Tensor> = None;
        for ky in 0..self.y.kernel {
            let rows = self.y.tap(ky, x, 2)?;
            for kx in 0..self.x.kernel {
                let tap = self.x.tap(kx, &rows, 3)?;
                all = Some(match &all {
                    Some(all) => combine(all, &tap)?,
                    None => tap,
                });
            }
        }
        all.map_or_else(|| bail!("pooling: empty kernel of {} taps", self.taps()), Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_has_a_pixel_and_lies_inside_whatever_the_setting() {
        let settings = (1..9).flat_map(|size| (1..6).map(move |kernel| (size, kernel)));
        for (size, kernel) in settings {
            for (stride, padding) in (1..6).flat_map(|stride| (0..4).map(move |padding| (stride, padding))) {
                let Ok(side) = Side::new(size, kernel, stride, padding) else {
                    assert!(2 * padding > kernel || size + 2 * padding < kernel);
                    continue;
                };
                for position in 0..side.out {
                    let span = side.span(position);
                    assert!(!span.is_empty() && span.end <= size, "{size} {kernel} {stride} {padding}: {span:?}");
                }
            }
        }
    }
}
