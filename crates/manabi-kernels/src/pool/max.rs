//! The maximum of each window, y = max of its pixels.
//!
//! Shapes: (N, C, H, W) to (N, C, H′, W′), (N, C, T) to (N, C, T′), with H′ = (H + 2 padding − kernel) / stride + 1. The
//! gradient goes to the first largest pixel of a window, which the forward pass notes. NaN wins. Cost: one comparison a
//! pixel of each window; each task takes whole maps.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Tensor, bail};
use rayon::prelude::*;

use super::windows::Windows;
use crate::memory::built;
use crate::storage::{Forward, fast, slice, tensor_like, with};

/// The maximum of each `kernel` x `kernel` window, `stride` apart, over maps (N, C, H, W) padded by `padding`.
pub fn max_pool2d(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Tensor> {
    max_pool(x, Windows::new(x, kernel, stride, padding)?)
}

/// The maximum of each window of `kernel` values, `stride` apart, over series (N, C, T) padded by `padding`.
pub fn max_pool1d(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Tensor> {
    x.dims3()?;
    let x = x.unsqueeze(2)?;
    max_pool(&x, Windows::of_series(&x, kernel, stride, padding)?)?.squeeze(2)
}

fn max_pool(x: &Tensor, windows: Windows) -> Result<Tensor> {
    if !fast(&[x]) {
        return windows.over_taps(&windows.pad(x)?, |a, b| a.maximum(b));
    }
    x.contiguous()?.apply_op1(MaxPool { windows, picks: OnceLock::new() })
}

struct MaxPool {
    windows: Windows,
    /// For each output the pixel of its map that it came from.
    picks: OnceLock<Vec<u32>>,
}

fn max_map(s: &Windows, x: &[f32], y: &mut [f32], picks: &mut [u32]) {
    let w = s.x.size;
    for (oy, (y, picks)) in y.chunks_exact_mut(s.x.out).zip(picks.chunks_exact_mut(s.x.out)).enumerate() {
        let rows = s.y.span(oy);
        for (ox, (y, pick)) in y.iter_mut().zip(picks).enumerate() {
            let columns = s.x.span(ox);
            let mut best = rows.start * w + columns.start;
            let mut top = x[best];
            for iy in rows.clone() {
                let first = iy * w + columns.start;
                for (i, &v) in x[first..first + columns.len()].iter().enumerate() {
                    // NaN wins, so that divergence is seen. Without a branch, which could not be predicted.
                    let wins = (v > top) | v.is_nan();
                    best = if wins { first + i } else { best };
                    top = if wins { v } else { top };
                }
            }
            (*y, *pick) = (top, best as u32);
        }
    }
}

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "manabi-max-pool"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let x = slice(storage, layout, self.name())?;
        let s = self.windows;
        let (area, out) = (s.area(), s.out());
        let mut picks = vec![0u32; x.len() / area * out];
        let fill = |y: &mut [f32]| {
            let maps = y.par_chunks_mut(out).zip(picks.par_chunks_mut(out)).zip(x.par_chunks(area));
            maps.with_min_len(s.at_once()).for_each(|((y, picks), x)| max_map(&s, x, y, picks));
        };
        // SAFETY: each map writes all its outputs.
        let y = unsafe { built(x.len() / area * out, fill) };
        // The forward pass runs once for each instance.
        let _ = self.picks.set(picks);
        Ok((CpuStorage::F32(y), s.shape(layout)?.into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let s = self.windows;
        let (area, out) = (s.area(), s.out());
        let Some(picks) = self.picks.get() else { bail!("max pooling: backward before forward") };
        let gx = with(grad, |g| {
            let fill = |gx: &mut [f32]| {
                let maps = gx.par_chunks_mut(area).zip(picks.par_chunks(out)).zip(g.par_chunks(out));
                maps.with_min_len(s.at_once()).for_each(|((gx, picks), g)| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, figures, finite_differences, flat, in_f64, same_gradients, sine, var, weighted};
    use candle_core::{DType, Device};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn maxima_agree_with_the_composition_of_candles_operations(
            n in 1usize..4, c in 1usize..20, h in 4usize..12, w in 4usize..12,
            kernel in 1usize..6, stride in 1usize..4, padding in 0usize..3, seed: u64,
        ) {
            prop_assume!(2 * padding <= kernel && h.min(w) + 2 * padding >= kernel);
            let x = var(&[n, c, h, w], seed);
            let plain = |s: Windows, x: &Tensor| s.over_taps(&s.pad(x).unwrap(), |a, b| a.maximum(b)).unwrap();
            let reference = || plain(Windows::new(&x, kernel, stride, padding).unwrap(), &x);
            same_gradients(&[&x], || max_pool2d(&x, kernel, stride, padding).unwrap(), reference, 1e-5);
            let series = var(&[n, c, w], seed);
            let reference = || {
                let row = series.unsqueeze(2).unwrap();
                plain(Windows::of_series(&row, kernel, stride, padding).unwrap(), &row).squeeze(2).unwrap()
            };
            same_gradients(&[&series], || max_pool1d(&series, kernel, stride, padding).unwrap(), reference, 1e-5);
        }
    }

    #[test]
    fn the_values_agree_with_candles_pooling() {
        let x = var(&[2, 3, 8, 8], 1);
        for (kernel, stride) in [(2, 2), (3, 2), (3, 1)] {
            let max = max_pool2d(&x, kernel, stride, 0).unwrap();
            assert_eq!(flat(&max), flat(&x.max_pool2d_with_stride(kernel, stride).unwrap()));
        }
    }

    #[test]
    fn the_gradients_of_maxima_agree_with_finite_differences() {
        let x = var(&[2, 2, 7, 7], 3);
        finite_differences(&[&x], 1e-3, 2e-2, || max_pool2d(&x, 3, 2, 1).unwrap());
        let x = var(&[2, 2, 11], 3);
        finite_differences(&[&x], 1e-3, 2e-2, || max_pool1d(&x, 4, 3, 2).unwrap());
    }

    // x = sin(0.7 i) as (1, 2, 5, 5); y = F.max_pool2d(x, 3, 2, 1); (y * cos(arange(18)).reshape(y.shape)).sum().backward()
    #[test]
    fn overlapping_padded_windows_have_pytorchs_figures() {
        let x = sine(&[1, 2, 5, 5], 0.0);
        let y = max_pool2d(&x, 3, 2, 1).unwrap();
        assert_eq!(y.dims(), [1, 2, 3, 3]);
        figures(
            "value",
            &y,
            &[
                0.644218, 0.98545, 0.863209, 0.988168, 0.988168, 0.66957, 0.990607, 0.845747, 0.66957, 0.836656,
                0.681964, 0.992766, 0.836656, 0.994645, 0.994645, 0.70617, 0.996242, 0.817767,
            ],
        );
        figures(
            "gradient",
            weighted(&y).backward().unwrap().get(&x).unwrap(),
            &[
                0.0, 1.0, 0.540302, -0.416147, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.643636, 0.0, 0.0, 0.0, 0.0, 0.0,
                0.0, 0.0, 0.138162, 0.96017, 0.753902, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -0.839072, 0.004426, -0.067276,
                0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.044184, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -0.759688, -0.957659,
                -0.275163, 0.0,
            ],
        );
    }

    // x = sin(0.7 i) as (1, 2, 10); y = F.max_pool1d(x, 3, 2, 1); (y * cos(arange(10)).reshape(y.shape)).sum().backward()
    #[test]
    fn maxima_of_series_have_pytorchs_figures() {
        let x = sine(&[1, 2, 10], 0.0);
        let y = max_pool1d(&x, 3, 2, 1).unwrap();
        figures(
            "value",
            &y,
            &[0.644218, 0.98545, 0.863209, -0.350783, 0.016814, 0.988168, 0.988168, 0.319099, -0.618137, 0.66957],
        );
        figures(
            "gradient",
            weighted(&y).backward().unwrap().get(&x).unwrap(),
            &[
                0.0, 1.0, 0.540302, -0.416147, 0.0, -0.989993, 0.0, 0.0, 0.0, -0.653644, 0.0, 1.243832, 0.0, 0.753902,
                0.0, 0.0, 0.0, -0.1455, 0.0, -0.91113,
            ],
        );
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
    fn other_types_strided_inputs_and_single_pixels_give_the_same() {
        let x = var(&[2, 9, 5], 1);
        let strided = x.transpose(1, 2).unwrap();
        let y = max_pool1d(&strided, 3, 2, 1).unwrap();
        close("strided", &y, &max_pool1d(&strided.contiguous().unwrap(), 3, 2, 1).unwrap(), 0.0);
        close("in f64", &y, &in_f64(|t| max_pool1d(&t[0], 3, 2, 1), &[&strided]), 1e-6);
        let one = var(&[2, 3, 1], 1);
        assert_eq!(flat(&max_pool1d(&one, 1, 7, 0).unwrap()), flat(&one));
        assert_eq!(flat(&max_pool1d(&one, 3, 2, 1).unwrap()), flat(&one));
        assert_eq!(max_pool1d(&var(&[0, 3, 4], 1), 2, 2, 0).unwrap().dims(), [0, 3, 2]);
    }

    #[test]
    fn nan_wins_its_windows() {
        let x = Tensor::new(&[[[f32::NAN, 1.0, 2.0, 3.0]]], &Device::Cpu).unwrap();
        let y = flat(&max_pool1d(&x, 2, 2, 0).unwrap());
        assert!(y[0].is_nan() && y[1] == 3.0, "{y:?}");
    }

    #[test]
    fn a_window_that_does_not_fit_is_refused_with_both_numbers() {
        let x = var(&[1, 1, 4, 4], 1);
        let message = max_pool2d(&x, 7, 1, 0).unwrap_err().to_string();
        assert!(message.contains('7') && message.contains('4'), "{message}");
        assert!(max_pool2d(&x, 2, 0, 0).is_err());
        assert!(max_pool2d(&x, 2, 1, 2).is_err());
        assert!(max_pool1d(&x, 2, 1, 0).is_err());
        assert!(max_pool1d(&var(&[1, 1, 0], 1), 1, 1, 0).is_err());
    }
}
