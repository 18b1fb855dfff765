//! Views stacked into a batch.

use candle_core::{Device, Tensor};
use manabi_core::{Error, Result};

use crate::{batch::SeriesBatch, series::Series};

/// Values `(N, C, L)` with 0 for what is missing, and which steps were seen `(N, L)` if any was not. Views are
/// normalised when they are made; all must be of one size.
pub fn collate(views: &[Series], device: &Device) -> Result<SeriesBatch> {
    let Some(first) = views.first() else {
        return Err(Error::data("a batch of no series"));
    };
    let (channels, length) = (first.channels, first.length);
    if let Some(other) = views.iter().find(|v| (v.channels, v.length) != (channels, length)) {
        return Err(Error::data(format!(
            "a batch holds series of {channels} channels and {length} steps and of {} and {}; make views of one size \
             first",
            other.channels, other.length
        )));
    }
    let mut values = Vec::with_capacity(views.len() * channels * length);
    for view in views {
        values.extend(view.values.iter().map(|v| if v.is_nan() { 0.0 } else { *v }));
    }
    let seen: Vec<f32> = views.iter().flat_map(Series::seen).collect();
    let seen = match seen.contains(&0.0) {
        true => Some(Tensor::from_vec(seen, (views.len(), length), device)?),
        false => None,
    };
    SeriesBatch::new(Tensor::from_vec(values, (views.len(), channels, length), device)?, seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: f32 = f32::NAN;

    #[test]
    fn missing_values_are_zero_and_unseen_where_no_channel_was_measured() {
        let a = Series::new(2, 3, vec![1.0, N, N, 4.0, 5.0, N]).unwrap();
        let b = Series::new(2, 3, vec![1.0; 6]).unwrap();
        let batch = collate(&[a, b.clone()], &Device::Cpu).unwrap();
        assert_eq!(batch.values.dims(), [2, 2, 3]);
        let values = batch.values.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values[..6], [1.0, 0.0, 0.0, 4.0, 5.0, 0.0]);
        assert_eq!(batch.seen.unwrap().to_vec2::<f32>().unwrap(), [[1.0, 1.0, 0.0], [1.0; 3]]);
        assert!(collate(&[b], &Device::Cpu).unwrap().seen.is_none());
    }

    #[test]
    fn batches_of_several_sizes_or_none_are_refused() {
        let (a, b) = (Series::new(1, 4, vec![0.0; 4]).unwrap(), Series::new(2, 2, vec![0.0; 4]).unwrap());
        let message = collate(&[a, b], &Device::Cpu).unwrap_err().to_string();
        assert!(message.contains("1 channels and 4 steps and of 2 and 2"), "{message}");
        assert!(collate(&[], &Device::Cpu).is_err());
    }
}
