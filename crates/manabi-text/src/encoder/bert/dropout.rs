//! Dropout (Srivastava et al. 2014) whose numbers are a function of a text's key, the layer and the place.

use candle_core::Tensor;
use manabi_core::{Result, encoder::Mode};
use rayon::prelude::*;

use crate::batch::TextBatch;

/// Dropout of one batch.
pub(super) struct Dropout<'a> {
    batch: &'a TextBatch,
    rate: f32,
}

impl<'a> Dropout<'a> {
    /// Of `batch`: none in evaluation, and none where the batch has no keys.
    pub fn of(batch: &'a TextBatch, rate: f32, mode: Mode) -> Self {
        let rate = if mode == Mode::Eval || batch.dropout.is_empty() { 0.0 } else { rate };
        Self { batch, rate }
    }

    /// `x (ΣT, D)` with a share of its values zero and the others larger by as much; `layer` counts through the encoder.
    pub fn apply(&self, x: Tensor, layer: u64) -> Result<Tensor> {
        if self.rate <= 0.0 {
            return Ok(x);
        }
        let (rows, dim) = x.dims2()?;
        let mut mask = vec![0.0f32; rows * dim];
        let keep = 1.0 / (1.0 - self.rate);
        let limit = (f64::from(self.rate) * f64::from(u32::MAX)) as u32;
        // Each row begins a stream of its own, so that the number of threads changes nothing.
        let keys: Vec<u64> = self
            .batch
            .lengths
            .iter()
            .zip(&self.batch.dropout)
            .flat_map(|(length, key)| (0..*length as u64).map(move |place| mixed(key ^ mixed(place ^ (layer << 32)))))
            .collect();
        mask.par_chunks_mut(dim).zip(&keys).for_each(|(row, key)| {
            let mut state = *key;
            for pair in row.chunks_mut(2) {
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let bits = mixed(state);
                for (value, half) in pair.iter_mut().zip([bits as u32, (bits >> 32) as u32]) {
                    *value = if half < limit { 0.0 } else { keep };
                }
            }
        });
        Ok((x * Tensor::from_vec(mask, (rows, dim), &self.batch.device)?)?)
    }
}

/// The finaliser of SplitMix64 (Steele et al. 2014).
fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    fn batch(keys: &[u64]) -> TextBatch {
        TextBatch {
            ids: vec![1; 40 * keys.len()],
            lengths: vec![40; keys.len()],
            begins: vec![true; 40 * keys.len()],
            dropout: keys.to_vec(),
            marks: Default::default(),
            device: Device::Cpu,
        }
    }

    fn dropped(batch: &TextBatch, layer: u64, mode: Mode) -> Vec<f32> {
        let x = Tensor::ones((batch.ids.len(), 64), DType::F32, &Device::Cpu).unwrap();
        Dropout::of(batch, 0.1, mode).apply(x, layer).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_asked_share_is_dropped_and_the_mean_stays() {
        let values = dropped(&batch(&[7, 8]), 1, Mode::Train);
        let zeros = values.iter().filter(|v| **v == 0.0).count() as f64 / values.len() as f64;
        assert!((zeros - 0.1).abs() < 0.02, "{zeros}");
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
    }

    #[test]
    fn keys_and_layers_drop_others_and_evaluation_drops_none() {
        let one = dropped(&batch(&[7, 8]), 1, Mode::Train);
        assert_eq!(one, dropped(&batch(&[7, 8]), 1, Mode::Train));
        assert_ne!(one, dropped(&batch(&[7, 8]), 2, Mode::Train));
        assert_ne!(one[..2560], one[2560..]);
        assert!(dropped(&batch(&[7, 8]), 1, Mode::Eval).iter().all(|v| *v == 1.0));
        // A text drops the same wherever it stands in a batch.
        assert_eq!(one[2560..], dropped(&batch(&[8]), 1, Mode::Train)[..]);
    }
}
