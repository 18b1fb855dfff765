//! Masked reconstruction (MAE, He et al., arXiv:2111.06377; SimMIM, Xie et al., arXiv:2111.09886):
//! squared error of the masked tokens alone, `ℓ = Σ m_t mean_c (p − y)² / Σ m_t`.

use candle_core::Tensor;

use crate::{Error, Result};

/// # Shapes
/// `prediction`, `target`: `(N, T, C)`; `mask`: `(N, T)`, 1 where masked → scalar.
pub fn masked_mse(prediction: &Tensor, target: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let masked = f64::from(mask.sum_all()?.to_scalar::<f32>()?);
    if masked < 1.0 {
        return Err(Error::config("masked reconstruction needs at least one masked token; raise the mask ratio"));
    }
    let error = (prediction - target.detach())?.sqr()?.mean(candle_core::D::Minus1)?; // (N, T)
    Ok(((error * mask)?.sum_all()? / masked)?)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use candle_core::Device;

    fn mask() -> Tensor {
        Tensor::new(&[[1f32, 0., 1.], [0., 0., 1.]], &Device::Cpu).unwrap()
    }

    // p, t = sin(0.7 i), sin(0.7 i + 1) as (2, 3, 2); m = [[1, 0, 1], [0, 0, 1]]
    // (((p - t) ** 2).mean(-1) * m).sum() / m.sum()
    #[test]
    fn value_and_gradient_are_pytorchs() {
        let (p, t) = (input(&[2, 3, 2], 0.0), input(&[2, 3, 2], 1.0));
        let loss = masked_mse(&p, &t, &mask()).unwrap();
        assert_figures(&loss, 0.38905789, &p, &[-0.28049033, -0.11581571, 0.0, 0.0]);
    }

    #[test]
    fn tokens_that_are_seen_cost_nothing_and_receive_no_gradient() {
        let (p, t) = (input(&[2, 3, 2], 0.0), input(&[2, 3, 2], 1.0));
        let grads = masked_mse(&p, &t, &mask()).unwrap().backward().unwrap();
        let g = grads.get(&p).unwrap().to_vec3::<f32>().unwrap();
        assert_eq!(g[0][1], [0.0, 0.0]);
        assert!(g[0][0].iter().all(|v| *v != 0.0));
    }
}
