//! The mean of each whole map or series, y = Σ pixels / their number.
//!
//! Shapes: (N, C, H, W) or (N, C, T) to (N, C). The gradient is shared by all pixels. Cost: x read once; each task takes
//! whole maps, whose sums run over sixteen lanes.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Tensor, bail};
use rayon::prelude::*;

use crate::memory::built;
use crate::storage::{Forward, PIECE, fast, slice, tensor_like, with};
use crate::vector::sum_over;

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

/// The mean of each series: (N, C, T) to (N, C).
pub fn global_avg_pool1d(x: &Tensor) -> Result<Tensor> {
    x.dims3()?;
    global_avg_pool(&x.unsqueeze(2)?)
}

struct GlobalAvgPool;

wide! {
    fn mean(map: &[f32]) -> f32 {
        sum_over([map], |[v]| v) / map.len() as f32
    }
}

impl CustomOp1 for GlobalAvgPool {
    fn name(&self) -> &'static str {
        "manabi-global-avg-pool"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let (n, c, h, w) = layout.shape().dims4()?;
        let x = slice(storage, layout, self.name())?;
        let area = h * w;
        let y = x.par_chunks(area).with_min_len((PIECE / area).max(1)).map(mean).collect();
        Ok((CpuStorage::F32(y), (n, c).into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, _, h, w) = x.dims4()?;
        let area = h * w;
        let gx = with(grad, |g| {
            let fill = |gx: &mut [f32]| {
                let maps = gx.par_chunks_mut(area).zip(g).with_min_len((PIECE / area).max(1));
                maps.for_each(|(gx, g)| gx.fill(g / area as f32));
            };
            // SAFETY: each map is written whole.
            Ok(unsafe { built(x.elem_count(), fill) })
        })?;
        Ok(Some(tensor_like(gx, x)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, finite_differences, flat, in_f64, same_gradients, var};
    use candle_core::Device;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn means_of_whole_maps_agree_with_candle(
            n in 1usize..4, c in 1usize..90, h in 1usize..12, w in 1usize..12, seed: u64,
        ) {
            let x = var(&[n, c, h, w], seed);
            same_gradients(&[&x], || global_avg_pool(&x).unwrap(), || x.mean((2, 3)).unwrap(), 1e-5);
            let x = var(&[n, c, w], seed);
            same_gradients(&[&x], || global_avg_pool1d(&x).unwrap(), || x.mean(2).unwrap(), 1e-5);
        }
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let x = var(&[2, 2, 3, 4], 3);
        finite_differences(&[&x], 1e-2, 1e-2, || global_avg_pool(&x).unwrap());
        let x = var(&[2, 2, 5], 3);
        finite_differences(&[&x], 1e-2, 1e-2, || global_avg_pool1d(&x).unwrap());
    }

    #[test]
    fn other_types_strided_inputs_and_nan_give_the_same() {
        let x = var(&[2, 9, 5], 1);
        let strided = x.transpose(1, 2).unwrap();
        let y = global_avg_pool1d(&strided).unwrap();
        close("strided", &y, &global_avg_pool1d(&strided.contiguous().unwrap()).unwrap(), 0.0);
        close("in f64", &y, &in_f64(|t| global_avg_pool1d(&t[0]), &[&strided]), 1e-6);
        let x = Tensor::new(&[[[f32::NAN, 1.0], [2.0, 3.0]]], &Device::Cpu).unwrap();
        let y = flat(&global_avg_pool1d(&x).unwrap());
        assert!(y[0].is_nan() && y[1] == 2.5, "{y:?}");
    }

    #[test]
    fn empty_maps_are_refused_and_an_empty_batch_is_not() {
        let message = global_avg_pool(&var(&[2, 3, 0, 4], 1)).unwrap_err().to_string();
        assert!(message.contains("0 x 4"), "{message}");
        assert!(global_avg_pool1d(&var(&[2, 3, 0], 1)).is_err());
        assert_eq!(global_avg_pool1d(&var(&[0, 3, 2], 1)).unwrap().dims(), [0, 3]);
    }
}
