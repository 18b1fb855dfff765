//! Statistics over time of frames `(N, C, T)`.

use candle_core::Tensor;
use manabi_core::Result;
use manabi_kernels::pool::global_avg_pool1d;

/// Mean plus maximum over time, `(N, C)`: BYOL-A's temporal pooling.
pub fn mean_and_max(x: &Tensor) -> Result<Tensor> {
    Ok((global_avg_pool1d(x)? + x.max(2)?)?)
}

/// Mean over time, `(N, C)`.
pub fn mean(x: &Tensor) -> Result<Tensor> {
    Ok(global_avg_pool1d(x)?)
}

/// Standard deviation over time, `(N, C)`; 0.01 is added in quadrature, so that a constant has a gradient.
pub fn deviation(x: &Tensor) -> Result<Tensor> {
    let mean = global_avg_pool1d(x)?;
    let square = global_avg_pool1d(&x.sqr()?)?;
    // Rounding may leave the difference just below zero.
    Ok(((square - mean.sqr()?)?.relu()? + 1e-4)?.sqrt()?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_statistics_of_two_lines_are_known() {
        let x = Tensor::new(&[[[1f32, 2., 3.], [5., 5., 5.]]], &Device::Cpu).unwrap();
        let all = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(all(mean_and_max(&x).unwrap()), [5.0, 10.0]);
        assert_eq!(all(mean(&x).unwrap()), [2.0, 5.0]);
        let deviations = all(deviation(&x).unwrap());
        assert!((deviations[0] - (2f32 / 3.0 + 1e-4).sqrt()).abs() < 1e-5 && (deviations[1] - 0.01).abs() < 1e-3);
    }
}
