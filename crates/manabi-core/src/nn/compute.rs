//! How layers compute, besides what they compute.

pub use manabi_kernels::Precision;

/// Carried by [`super::Params`] to every layer that is built on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compute {
    /// The factors of matrix products.
    pub precision: Precision,
    /// Forget what is inside a block after the forward pass, and compute it again in the backward pass: a fifth
    /// to a quarter more time, and the memory of one block's inside instead of all.
    pub recompute: bool,
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;
    use crate::nn::{Conv2d, Linear, Params};

    fn rounded(t: &Tensor) -> Tensor {
        t.to_dtype(DType::BF16).unwrap().to_dtype(DType::F32).unwrap()
    }

    fn apart(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    #[test]
    fn layers_round_their_factors_where_the_store_says_so() {
        let store = |precision| Params::new(5, &Device::Cpu).with_compute(Compute { precision, ..Compute::default() });
        let run = |params: &Params, x: &Tensor| {
            let linear = Linear::without_bias(&params.pp("linear"), 6, 5).unwrap();
            let conv = Conv2d::new(&params.pp("conv"), 2, 4, 3, 2).unwrap();
            let patches = Conv2d::patches(&params.pp("patches"), 2, 4, 3).unwrap();
            let layers = [linear.forward(x), conv.forward(x), patches.forward(x)];
            layers.map(|y| y.unwrap().flatten_all().unwrap())
        };
        let values: Vec<f32> = (0..3 * 2 * 6 * 6).map(|i| (i as f32 * 0.7).sin()).collect();
        let x = Tensor::from_vec(values, (3, 2, 6, 6), &Device::Cpu).unwrap();
        let (exact, bf16) = (store(Precision::F32), store(Precision::Bf16));
        let (exact_y, bf16_y) = (run(&exact, &x), run(&bf16, &x));
        let near = bf16.snapshot().unwrap().into_iter().map(|(name, t)| (name, rounded(&t))).collect();
        exact.load(&near).unwrap();
        for ((y, exact), near) in bf16_y.iter().zip(&exact_y).zip(run(&exact, &rounded(&x))) {
            assert!(apart(y, exact) > 1e-4, "nothing was rounded: {}", apart(y, exact));
            assert!(apart(y, &near) < 1e-5, "{}", apart(y, &near));
        }
    }
}
