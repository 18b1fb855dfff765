//! Views stacked into one normalised tensor `(N, 1, F, T)`.

use candle_core::{Device, Tensor};
use manabi_core::{Error, Result};
use rayon::prelude::*;

use crate::clip::Clip;

/// `f32` tensor `(N, 1, F, T)` of `(value − mean) / deviation`; all views must be maps of one size.
pub fn collate(clips: &[Clip], (mean, deviation): (f32, f32), device: &Device) -> Result<Tensor> {
    let maps = clips.iter().map(Clip::map).collect::<Result<Vec<_>>>()?;
    let Some(first) = maps.first() else {
        return Err(Error::data("a batch of no clips"));
    };
    let (bins, frames) = (first.bins, first.frames);
    if let Some(other) = maps.iter().find(|m| (m.bins, m.frames) != (bins, frames)) {
        return Err(Error::data(format!(
            "a batch holds maps of {bins}×{frames} and of {}×{}; make views of one size first",
            other.bins, other.frames
        )));
    }
    let scale = 1.0 / deviation;
    let mut values = vec![0.0f32; maps.len() * bins * frames];
    values.par_chunks_mut(bins * frames).zip(&maps).for_each(|(to, map)| {
        to.iter_mut().zip(&map.values).for_each(|(to, v)| *to = (v - mean) * scale);
    });
    Ok(Tensor::from_vec(values, (maps.len(), 1, bins, frames), device)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clip::Wave, frontend::LogMel};

    fn map(frames: usize) -> Clip {
        Clip::Map(LogMel::new(2, frames, vec![-3.0; 2 * frames]).unwrap())
    }

    #[test]
    fn values_are_normalised() {
        let batch = collate(&[map(3), map(3)], (-7.0, 2.0), &Device::Cpu).unwrap();
        assert_eq!(batch.dims(), [2, 1, 2, 3]);
        assert!(batch.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|v| *v == 2.0));
    }

    #[test]
    fn batches_of_several_sizes_of_waveforms_or_of_nothing_are_refused() {
        let message = collate(&[map(3), map(4)], (0.0, 1.0), &Device::Cpu).unwrap_err().to_string();
        assert!(message.contains("2×3") && message.contains("2×4"), "{message}");
        assert!(collate(&[], (0.0, 1.0), &Device::Cpu).is_err());
        assert!(collate(&[Clip::Wave(Wave::new(vec![0.0], 8_000))], (0.0, 1.0), &Device::Cpu).is_err());
    }
}
