//! What the encoders' tests share.

use candle_core::{Device, Tensor};

use crate::batch::SeriesBatch;

/// `n` series without a pattern that a norm or an average could cancel; every seventh time stamp missing if `gaps`.
pub fn input(n: usize, channels: usize, length: usize, gaps: bool) -> SeriesBatch {
    let value = |i: usize| ((i * 7919 % 1013) as f32 / 506.5 - 1.0) + (i as f32 * 0.013).sin();
    let count = n * channels * length;
    let values = Tensor::from_vec((0..count).map(value).collect::<Vec<_>>(), (n, channels, length), &Device::Cpu);
    let marks: Vec<f32> = (0..n * length).map(|i| if i % 7 == 3 { 0.0 } else { 1.0 }).collect();
    let seen = gaps.then(|| Tensor::from_vec(marks, (n, length), &Device::Cpu).unwrap());
    SeriesBatch::new(values.unwrap(), seen).unwrap()
}

/// The largest difference of two tensors of one shape.
pub fn apart(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    flat(a).iter().zip(flat(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
