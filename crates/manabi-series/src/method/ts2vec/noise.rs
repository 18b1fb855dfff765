//! What TS2Vec hides: time stamps of the latents, and elements of the representations (dropout). Functions of the seed,
//! the step and the row's sample.

use candle_core::{Device, Tensor};
use manabi_core::{
    Result,
    method::Step,
    rng::{Key, Purpose},
};
use rayon::prelude::*;

fn key(step: &Step, purpose: Purpose, row: usize, view: u32) -> Key {
    let sample = step.samples.get(row).copied().unwrap_or(row);
    // A sample that a batch holds twice gets two streams.
    let view = view + 2 * row as u32;
    Key::new(step.seed, purpose).epoch(step.index).sample(sample as u64).view(view)
}

/// `(N, L)`: 0 for a share `hidden` of the time stamps, each drawn alone, 1 for the others.
pub(super) fn kept_time_stamps(
    step: &Step,
    view: u32,
    (n, l): (usize, usize),
    hidden: f64,
    device: &Device,
) -> Result<Tensor> {
    let mut kept = vec![1f32; n * l];
    for (row, kept) in kept.chunks_mut(l.max(1)).enumerate() {
        let mut rng = key(step, Purpose::Mask, row, view).rng();
        kept.iter_mut().filter(|_| rng.chance(hidden as f32)).for_each(|k| *k = 0.0);
    }
    Ok(Tensor::from_vec(kept, (n, l), device)?)
}

/// `z (N, T, D)` with a share `p` of its elements set to zero and the others divided by `1 − p`.
pub(super) fn dropout(z: &Tensor, step: &Step, view: u32, p: f64) -> Result<Tensor> {
    if p <= 0.0 {
        return Ok(z.clone());
    }
    // In the order in which encoders have it: time last.
    let z = z.transpose(1, 2)?.contiguous()?;
    let (scale, below) = ((1.0 / (1.0 - p)) as f32, (p * 65536.0) as u64);
    let (n, d, t) = z.dims3()?;
    let mut mask = vec![0f32; n * d * t];
    mask.par_chunks_mut((d * t).max(1)).enumerate().for_each(|(row, mask)| {
        let mut rng = key(step, Purpose::Dropout, row, view).rng();
        // Four numbers of 16 bits from each draw.
        for mask in mask.chunks_mut(4) {
            let bits = rng.bits();
            for (i, m) in mask.iter_mut().enumerate() {
                *m = if (bits >> (16 * i)) & 0xffff < below { 0.0 } else { scale };
            }
        }
    });
    let mask = Tensor::from_vec(mask, (n, d, t), z.device())?;
    Ok((z * mask)?.transpose(1, 2)?)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;

    fn step(index: u64) -> Step<'static> {
        Step { index, total: 10, epoch: 0, seed: 3, samples: &[4, 9, 4], labels: &[] }
    }

    fn flat(t: &Tensor) -> Vec<f32> {
        t.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn half_of_the_time_stamps_are_hidden_and_rows_views_and_steps_differ() {
        let kept = |index, view| flat(&kept_time_stamps(&step(index), view, (3, 1000), 0.5, &Device::Cpu).unwrap());
        let first = kept(0, 0);
        for row in first.chunks(1000) {
            let sum: f32 = row.iter().sum();
            assert!((430.0..570.0).contains(&sum), "{sum}");
        }
        assert_ne!(first[..1000], first[1000..2000]);
        assert_ne!(first[..1000], first[2000..]);
        assert_ne!(first, kept(0, 1));
        assert_ne!(first, kept(1, 0));
        assert_eq!(first, kept(0, 0));
    }

    #[test]
    fn dropout_keeps_the_mean_and_none_keeps_all() {
        let ones = Tensor::ones((3, 100, 101), DType::F32, &Device::Cpu).unwrap();
        let dropped = flat(&dropout(&ones, &step(0), 0, 0.1).unwrap());
        let zeros = dropped.iter().filter(|v| **v == 0.0).count() as f64 / dropped.len() as f64;
        let mean = dropped.iter().map(|v| f64::from(*v)).sum::<f64>() / dropped.len() as f64;
        assert!((zeros - 0.1).abs() < 0.01 && (mean - 1.0).abs() < 0.02, "{zeros} {mean}");
        assert_eq!(flat(&dropout(&ones, &step(0), 0, 0.0).unwrap()), flat(&ones));
    }
}
