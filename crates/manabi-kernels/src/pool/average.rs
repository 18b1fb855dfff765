//! The mean of each window, y = Σ pixels / kernel².
//!
//! Shapes: (N, C, H, W) to (N, C, H′, W′), (N, C, T) to (N, C, T′), with H′ = (H − kernel) / stride + 1. The gradient is
//! shared by all pixels of a window. Cost: one addition a pixel of each window; each task takes whole maps.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Tensor};
use rayon::prelude::*;

use super::windows::Windows;
use crate::memory::built;
use crate::storage::{Forward, fast, slice, tensor_like, with};

/// The mean of each `kernel` x `kernel` window, `stride` apart, over maps (N, C, H, W).
pub fn avg_pool2d(x: &Tensor, kernel: usize, stride: usize) -> Result<Tensor> {
    avg_pool(x, Windows::new(x, kernel, stride, 0)?)
}

/// The mean of each window of `kernel` values, `stride` apart, over series (N, C, T).
pub fn avg_pool1d(x: &Tensor, kernel: usize, stride: usize) -> Result<Tensor> {
    x.dims3()?;
    let x = x.unsqueeze(2)?;
    avg_pool(&x, Windows::of_series(&x, kernel, stride, 0)?)?.squeeze(2)
}

fn avg_pool(x: &Tensor, windows: Windows) -> Result<Tensor> {
    if !fast(&[x]) {
        return windows.over_taps(x, |a, b| a + b)? / windows.taps() as f64;
    }
    x.contiguous()?.apply_op1(AvgPool { windows })
}

struct AvgPool {
    windows: Windows,
}

/// Calls `f` for each tap of each row of windows, with the row's number and the tap's first pixel.
#[inline(always)]
fn each_tap(s: &Windows, mut f: impl FnMut(usize, usize)) {
    for oy in 0..s.y.out {
        for row in s.y.span(oy) {
            for first in s.x.span(0) {
                f(oy, row * s.x.size + first);
            }
        }
    }
}

wide! {
    fn mean_map(s: &Windows, x: &[f32], y: &mut [f32]) {
        y.fill(0.0);
        let (out, stride) = (s.x.out, s.x.stride);
        each_tap(s, |oy, first| {
            for (y, x) in y[oy * out..][..out].iter_mut().zip(x[first..].iter().step_by(stride)) {
                *y += x;
            }
        });
        let share = 1.0 / s.taps() as f32;
        for y in y {
            *y *= share;
        }
    }

    fn gradient_map(s: &Windows, g: &[f32], gx: &mut [f32]) {
        gx.fill(0.0);
        let (out, stride) = (s.x.out, s.x.stride);
        let share = 1.0 / s.taps() as f32;
        each_tap(s, |oy, first| {
            for (g, gx) in g[oy * out..][..out].iter().zip(gx[first..].iter_mut().step_by(stride)) {
                *gx += g * share;
            }
        });
    }
}

impl CustomOp1 for AvgPool {
    fn name(&self) -> &'static str {
        "manabi-avg-pool"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let x = slice(storage, layout, self.name())?;
        let s = self.windows;
        let (area, out) = (s.area(), s.out());
        let fill = |y: &mut [f32]| {
            let maps = y.par_chunks_mut(out).zip(x.par_chunks(area)).with_min_len(s.at_once());
            maps.for_each(|(y, x)| mean_map(&s, x, y));
        };
        // SAFETY: each map is cleared before anything is added.
        let y = unsafe { built(x.len() / area * out, fill) };
        Ok((CpuStorage::F32(y), s.shape(layout)?.into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let s = self.windows;
        let (area, out) = (s.area(), s.out());
        let gx = with(grad, |g| {
            let fill = |gx: &mut [f32]| {
                let maps = gx.par_chunks_mut(area).zip(g.par_chunks(out)).with_min_len(s.at_once());
                maps.for_each(|(gx, g)| gradient_map(&s, g, gx));
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
    use candle_core::Device;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn means_agree_with_the_composition_of_candles_operations(
            n in 1usize..4, c in 1usize..20, h in 5usize..12, w in 5usize..12,
            kernel in 1usize..6, stride in 1usize..4, seed: u64,
        ) {
            let x = var(&[n, c, h, w], seed);
            let plain = |s: Windows, x: &Tensor| (s.over_taps(x, |a, b| a + b).unwrap() / s.taps() as f64).unwrap();
            let reference = || plain(Windows::new(&x, kernel, stride, 0).unwrap(), &x);
            same_gradients(&[&x], || avg_pool2d(&x, kernel, stride).unwrap(), reference, 1e-5);
            let series = var(&[n, c, w], seed);
            let reference = || {
                let row = series.unsqueeze(2).unwrap();
                plain(Windows::of_series(&row, kernel, stride, 0).unwrap(), &row).squeeze(2).unwrap()
            };
            same_gradients(&[&series], || avg_pool1d(&series, kernel, stride).unwrap(), reference, 1e-5);
        }
    }

    #[test]
    fn the_values_agree_with_candles_pooling() {
        let x = var(&[2, 3, 8, 8], 1);
        for (kernel, stride) in [(2, 2), (3, 2), (3, 1)] {
            let mean = avg_pool2d(&x, kernel, stride).unwrap();
            close("mean", &mean, &x.avg_pool2d_with_stride(kernel, stride).unwrap(), 1e-5);
        }
    }

    #[test]
    fn the_gradients_of_means_agree_with_finite_differences() {
        let x = var(&[2, 2, 7, 7], 3);
        finite_differences(&[&x], 1e-2, 1e-2, || avg_pool2d(&x, 3, 2).unwrap());
        let x = var(&[2, 2, 11], 3);
        finite_differences(&[&x], 1e-2, 1e-2, || avg_pool1d(&x, 4, 3).unwrap());
    }

    // x = sin(0.7 i) as (1, 2, 10); y = F.avg_pool1d(x, 4, 3); (y * cos(arange(6)).reshape(y.shape)).sum().backward()
    #[test]
    fn means_of_series_have_pytorchs_figures() {
        let x = sine(&[1, 2, 10], 0.0);
        let y = avg_pool1d(&x, 4, 3).unwrap();
        assert_eq!(y.dims(), [1, 2, 3]);
        figures("value", &y, &[0.623219, -0.00604, -0.61712, 0.704713, -0.476563, -0.223531]);
        figures(
            "gradient",
            weighted(&y).backward().unwrap().get(&x).unwrap(),
            &[
                0.25, 0.25, 0.25, 0.385076, 0.135076, 0.135076, 0.031039, -0.104037, -0.104037, -0.104037, -0.247498,
                -0.247498, -0.247498, -0.410909, -0.163411, -0.163411, -0.092495, 0.070916, 0.070916, 0.070916,
            ],
        );
    }

    #[test]
    fn other_types_strided_inputs_and_nan_give_the_same() {
        let x = var(&[2, 9, 5], 1);
        let strided = x.transpose(1, 2).unwrap();
        let y = avg_pool1d(&strided, 3, 2).unwrap();
        close("strided", &y, &avg_pool1d(&strided.contiguous().unwrap(), 3, 2).unwrap(), 0.0);
        close("in f64", &y, &in_f64(|t| avg_pool1d(&t[0], 3, 2), &[&strided]), 1e-6);
        let x = Tensor::new(&[[[f32::NAN, 1.0, 2.0, 3.0]]], &Device::Cpu).unwrap();
        let y = flat(&avg_pool1d(&x, 2, 2).unwrap());
        assert!(y[0].is_nan() && y[1] == 2.5, "{y:?}");
    }

    #[test]
    fn a_window_that_does_not_fit_is_refused_with_both_numbers() {
        let message = avg_pool1d(&var(&[1, 1, 4], 1), 7, 1).unwrap_err().to_string();
        assert!(message.contains('7') && message.contains('4'), "{message}");
        assert!(avg_pool2d(&var(&[1, 1, 4, 4], 1), 2, 0).is_err());
        assert!(avg_pool2d(&var(&[1, 4, 4], 1), 2, 2).is_err());
    }
}
