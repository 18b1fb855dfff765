//! Pooling over windows of the maps of (N, C, H, W).
//!
//! Windows may overlap, and the maximum may be taken with padding, which never wins. Backward the gradient of a maximum
//! goes to the first largest pixel of its window, that of a mean to all its pixels. Each task takes whole maps.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Tensor, bail};
use rayon::prelude::*;

use crate::memory::{build, built};
use crate::storage::{Forward, fast, slice, tensor_like, with};
use crate::vector::sum_by;

/// The maximum of each `kernel` x `kernel` window, `stride` apart, over maps padded by `padding`.
pub fn max_pool2d(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Tensor> {
    let windows = Windows::new(x, kernel, stride, padding)?;
    if !fast(&[x]) {
        let x = match padding {
            0 => x.clone(),
            p => pad(x, p)?,
        };
        // The maximum over the shifted maps: candle's own pooling has no gradient for overlapping windows.
        return windows.over_taps(&x, |a, b| a.maximum(b));
    }
    x.contiguous()?.apply_op1(MaxPool { windows, picks: OnceLock::new() })
}

/// The mean of each `kernel` x `kernel` window, `stride` apart.
pub fn avg_pool2d(x: &Tensor, kernel: usize, stride: usize) -> Result<Tensor> {
    let windows = Windows::new(x, kernel, stride, 0)?;
    if !fast(&[x]) {
        return windows.over_taps(x, |a, b| a + b)? / (kernel * kernel) as f64;
    }
    x.contiguous()?.apply_op1(AvgPool { windows })
}

/// The mean of each map: (N, C, H, W) to (N, C).
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    if h * w == 0 {
        bail!("global_avg_pool: empty maps of {h} x {w}")
    }
    if !fast(&[x]) {
        return x.mean((2, 3));
    }
    x.contiguous()?.apply_op1(GlobalAvgPool)
}

/// Pads the maps with the lowest value of the type.
fn pad(x: &Tensor, padding: usize) -> Result<Tensor> {
    // Below every element, so that padding never ties with one and takes a share of its gradient.
    let lowest = (x.flatten_all()?.min(0)?.detach() - 1.0)?;
    let shifted = x.broadcast_sub(&lowest)?;
    let padded = shifted.pad_with_zeros(2, padding, padding)?.pad_with_zeros(3, padding, padding)?;
    padded.broadcast_add(&lowest)
}

#[derive(Clone, Copy)]
struct Windows {
    kernel: usize,
    stride: usize,
    padding: usize,
    h: usize,
    w: usize,
    oh: usize,
    ow: usize,
}

impl Windows {
    fn new(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Self> {
        let (_, _, h, w) = x.dims4()?;
        if kernel == 0 || stride == 0 {
            bail!("pooling: kernel {kernel} and stride {stride} must be at least 1")
        }
        if 2 * padding > kernel {
            bail!("pooling: padding {padding} is more than half of the kernel, {kernel}")
        }
        if h == 0 || w == 0 || h + 2 * padding < kernel || w + 2 * padding < kernel {
            bail!("pooling: a window of {kernel} does not fit in {h} x {w} padded by {padding}")
        }
        let positions = |size: usize| (size + 2 * padding - kernel) / stride + 1;
        Ok(Self { kernel, stride, padding, h, w, oh: positions(h), ow: positions(w) })
    }

    /// The pixels of a window along one side.
    #[inline(always)]
    fn span(&self, position: usize, size: usize) -> std::ops::Range<usize> {
        let start = position * self.stride;
        start.saturating_sub(self.padding)..(start + self.kernel - self.padding).min(size)
    }

    /// Combines, over all taps of the kernel, the maps that hold that tap of every window.
    fn over_taps(&self, x: &Tensor, combine: impl Fn(&Tensor, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let every = |first: usize, count: usize| {
            let ids: Vec<u32> = (0..count).map(|i| (first + i * self.stride) as u32).collect();
            Tensor::new(&ids[..], x.device())
        };
        let mut all: Option<Tensor> = None;
        for ky in 0..self.kernel {
            let rows = x.index_select(&every(ky, self.oh)?, 2)?;
            for kx in 0..self.kernel {
                let tap = rows.index_select(&every(kx, self.ow)?, 3)?;
                all = Some(match &all {
                    Some(all) => combine(all, &tap)?,
                    None => tap,
                });
            }
        }
        all.map_or_else(|| bail!("pooling: empty kernel {}", self.kernel), Ok)
    }

    fn shape(&self, layout: &Layout) -> Result<(usize, usize, usize, usize)> {
        let (n, c, _, _) = layout.shape().dims4()?;
        Ok((n, c, self.oh, self.ow))
    }
}

struct MaxPool {
    windows: Windows,
    /// For each output the pixel of its map that it came from.
    picks: OnceLock<Vec<u32>>,
}

struct AvgPool {
    windows: Windows,
}

struct GlobalAvgPool;

fn max_map(s: &Windows, x: &[f32], y: &mut [f32], picks: &mut [u32]) {
    for oy in 0..s.oh {
        for ox in 0..s.ow {
            let (rows, columns) = (s.span(oy, s.h), s.span(ox, s.w));
            let mut best = rows.start * s.w + columns.start;
            for iy in rows {
                for i in iy * s.w + columns.start..iy * s.w + columns.end {
                    // NaN wins, so that divergence is seen.
                    if x[i] > x[best] || x[i].is_nan() {
                        best = i;
                    }
                }
            }
            y[oy * s.ow + ox] = x[best];
            picks[oy * s.ow + ox] = best as u32;
        }
    }
}

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "manabi-max-pool2d"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let x = slice(storage, layout, self.name())?;
        let s = self.windows;
        let (area, out) = (s.h * s.w, s.oh * s.ow);
        let mut picks = vec![0u32; x.len() / area * out];
        let fill = |y: &mut [f32]| {
            let maps = y.par_chunks_mut(out).zip(picks.par_chunks_mut(out)).zip(x.par_chunks(area));
            maps.with_min_len(16).for_each(|((y, picks), x)| max_map(&s, x, y, picks));
        };
        // SAFETY: each map writes all its outputs.
        let y = unsafe { built(x.len() / area * out, fill) };
        // The forward pass runs once for each instance.
        let _ = self.picks.set(picks);
        Ok((CpuStorage::F32(y), s.shape(layout)?.into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let s = self.windows;
        let (area, out) = (s.h * s.w, s.oh * s.ow);
        let Some(picks) = self.picks.get() else { bail!("max_pool2d: backward before forward") };
        let gx = with(grad, |g| {
            let fill = |gx: &mut [f32]| {
                let maps = gx.par_chunks_mut(area).zip(picks.par_chunks(out)).zip(g.par_chunks(out));
                maps.with_min_len(16).for_each(|((gx, picks), g)| {
                    gx.fill(0.0);
                    for (pick, g) in picks.iter().zip(g) {
                        gx[*pick as usize] += g;
                    }
                });
            };
            // SAFETY: each map is cleared before anything is added.
            Ok(unsafe { built(x.elem_count(), fill) })
        })?;
        Ok(Some(tensor_like(gx, x)?))
    }
}

impl CustomOp1 for AvgPool {
    fn name(&self) -> &'static str {
        "manabi-avg-pool2d"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let x = slice(storage, layout, self.name())?;
        let s = self.windows;
        let (area, out) = (s.h * s.w, s.oh * s.ow);
        let share = 1.0 / (s.kernel * s.kernel) as f32;
        let fill = |y: &mut [f32]| {
            y.par_chunks_mut(out).zip(x.par_chunks(area)).with_min_len(16).for_each(|(y, x)| {
                for (i, y) in y.iter_mut().enumerate() {
                    let columns = s.span(i % s.ow, s.w);
                    let rows = s.span(i / s.ow, s.h);
                    let row = |r: usize| x[r * s.w + columns.start..r * s.w + columns.end].iter().sum::<f32>();
                    *y = rows.map(row).sum::<f32>() * share;
                }
            });
        };
        // SAFETY: each map writes all its outputs.
        let y = unsafe { built(x.len() / area * out, fill) };
        Ok((CpuStorage::F32(y), s.shape(layout)?.into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let s = self.windows;
        let (area, out) = (s.h * s.w, s.oh * s.ow);
        let share = 1.0 / (s.kernel * s.kernel) as f32;
        let gx = with(grad, |g| {
            let fill = |gx: &mut [f32]| {
                gx.par_chunks_mut(area).zip(g.par_chunks(out)).with_min_len(16).for_each(|(gx, g)| {
                    gx.fill(0.0);
                    for (i, g) in g.iter().enumerate() {
                        let columns = s.span(i % s.ow, s.w);
                        for r in s.span(i / s.ow, s.h) {
                            for gx in &mut gx[r * s.w + columns.start..r * s.w + columns.end] {
                                *gx += g * share;
                            }
                        }
                    }
                });
            };
            // SAFETY: each map is cleared before anything is added.
            Ok(unsafe { built(x.elem_count(), fill) })
        })?;
        Ok(Some(tensor_like(gx, x)?))
    }
}

wide! {
    fn mean(map: &[f32]) -> f32 {
        sum_by(map.len(), |i| map[i]) / map.len() as f32
    }
}

impl CustomOp1 for GlobalAvgPool {
    fn name(&self) -> &'static str {
        "manabi-global-avg-pool"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let (n, c, h, w) = layout.shape().dims4()?;
        let x = slice(storage, layout, self.name())?;
        let y = x.par_chunks(h * w).with_min_len(64).map(mean).collect();
        Ok((CpuStorage::F32(y), (n, c).into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, _, h, w) = x.dims4()?;
        let area = h * w;
        let gx = with(grad, |g| {
            let fill = |gx: &mut [f32]| {
                let maps = gx.par_chunks_mut(area).zip(g).with_min_len(64);
                maps.for_each(|(gx, g)| gx.fill(g / area as f32));
                Ok::<(), candle_core::Error>(())
            };
            // SAFETY: each map is written whole.
            unsafe { build(x.elem_count(), fill) }
        })?;
        Ok(Some(tensor_like(gx, x)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{finite_differences, flat, same_gradients, var};
    use candle_core::{DType, Device};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn pooling_agrees_with_the_composition_of_candles_operations(
            n in 1usize..4, c in 1usize..20, h in 4usize..12, w in 4usize..12,
            kernel in 1usize..5, stride in 1usize..4, padding in 0usize..2, seed: u64,
        ) {
            prop_assume!(2 * padding <= kernel);
            let x = var(&[n, c, h, w], seed);
            let s = Windows::new(&x, kernel, stride, padding).unwrap();
            let padded = || if padding == 0 { x.as_tensor().clone() } else { pad(&x, padding).unwrap() };
            let plain = || s.over_taps(&padded(), |a, b| a.maximum(b)).unwrap();
            same_gradients(&[&x], || max_pool2d(&x, kernel, stride, padding).unwrap(), plain, 1e-5);
            let s = Windows::new(&x, kernel, stride, 0).unwrap();
            let plain = || (s.over_taps(&x, |a, b| a + b).unwrap() / (kernel * kernel) as f64).unwrap();
            same_gradients(&[&x], || avg_pool2d(&x, kernel, stride).unwrap(), plain, 1e-5);
            same_gradients(&[&x], || global_avg_pool(&x).unwrap(), || x.mean((2, 3)).unwrap(), 1e-5);
        }
    }

    #[test]
    fn the_values_agree_with_candles_pooling() {
        let x = var(&[2, 3, 8, 8], 1);
        for (kernel, stride) in [(2, 2), (3, 2), (3, 1)] {
            let max = max_pool2d(&x, kernel, stride, 0).unwrap();
            assert_eq!(flat(&max), flat(&x.max_pool2d_with_stride(kernel, stride).unwrap()));
            let mean = avg_pool2d(&x, kernel, stride).unwrap();
            crate::testing::close("mean", &mean, &x.avg_pool2d_with_stride(kernel, stride).unwrap(), 1e-5);
        }
    }

    #[test]
    fn the_gradients_of_pooling_agree_with_finite_differences() {
        let x = var(&[2, 2, 7, 7], 3);
        finite_differences(&[&x], 1e-3, 2e-2, || max_pool2d(&x, 3, 2, 1).unwrap());
        finite_differences(&[&x], 1e-2, 1e-2, || avg_pool2d(&x, 3, 2).unwrap());
        finite_differences(&[&x], 1e-2, 1e-2, || global_avg_pool(&x).unwrap());
    }

    #[test]
    fn padding_never_wins_even_among_negative_values() {
        let x = Tensor::full(-5f32, (1, 1, 4, 4), &Device::Cpu).unwrap();
        for x in [x.clone(), x.to_dtype(DType::F64).unwrap()] {
            let y = max_pool2d(&x, 3, 2, 1).unwrap().to_dtype(DType::F32).unwrap();
            assert_eq!((y.dims(), flat(&y)), (&[1, 1, 2, 2][..], vec![-5.0; 4]));
        }
    }

    #[test]
    fn a_window_that_does_not_fit_is_refused_with_both_numbers() {
        let x = var(&[1, 1, 4, 4], 1);
        let message = max_pool2d(&x, 7, 1, 0).unwrap_err().to_string();
        assert!(message.contains('7') && message.contains('4'), "{message}");
        assert!(max_pool2d(&x, 2, 0, 0).is_err());
        assert!(max_pool2d(&x, 2, 1, 2).is_err());
    }
}
