//! Mean and standard deviation of each channel, from training rows only.

use manabi_core::{Error, Result, data::Source};
use rayon::prelude::*;

use crate::image::{Image, with_channels};

/// At most this many rows are looked at, evenly spread.
const MAX_ROWS: usize = 10_000;

/// Mean and standard deviation of each channel over `[0, 1]` values.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// One mean a channel.
    pub mean: Vec<f32>,
    /// One standard deviation a channel, at least 1/255.
    pub std: Vec<f32>,
}

/// Up to `limit` of `rows`, evenly spread.
pub(crate) fn spread(rows: &[usize], limit: usize) -> impl Iterator<Item = usize> + '_ {
    let count = rows.len().min(limit);
    (0..count).map(move |i| rows[i * rows.len() / count])
}

/// The statistics of the rows `train`, each image weighted by its pixels.
pub fn statistics(source: &dyn Source<Image>, train: &[usize], channels: usize) -> Result<Statistics> {
    let rows: Vec<usize> = spread(train, MAX_ROWS).collect();
    if rows.is_empty() {
        return Err(Error::data("there is no training row to take mean and deviation from"));
    }
    let parts: Vec<Vec<(f64, f64, f64)>> = rows
        .par_iter()
        .map(|row| {
            let image = source.load(*row)?;
            let values = with_channels(image.to_f32(), image.channels, channels);
            Ok(values.chunks_exact(values.len() / channels).map(sums).collect())
        })
        .collect::<Result<_>>()?;
    let (mut mean, mut std) = (Vec::new(), Vec::new());
    for channel in 0..channels {
        let (mut n, mut sum, mut square) = (0.0, 0.0, 0.0);
        for part in &parts {
            let (pn, ps, pq) = part[channel];
            (n, sum, square) = (n + pn, sum + ps, square + pq);
        }
        let average = sum / n;
        mean.push(average as f32);
        std.push((square / n - average * average).max(0.0).sqrt().max(1.0 / 255.0) as f32);
    }
    Ok(Statistics { mean, std })
}

/// Count, sum and sum of squares.
fn sums(plane: &[f32]) -> (f64, f64, f64) {
    plane.iter().fold((0.0, 0.0, 0.0), |(n, s, q), v| {
        let v = f64::from(*v);
        (n + 1.0, s + v, q + v * v)
    })
}

#[cfg(test)]
mod tests {
    use manabi_core::data::{Entry, Listing, MemorySource};

    use super::*;
    use crate::image::Pixels;

    #[test]
    fn statistics_come_from_the_training_rows_alone() {
        let images = [0u8, 255, 128].map(|v| Image::new(2, 1, 1, Pixels::U8(vec![v; 2])).unwrap());
        let entries = (0..3).map(|i| Entry::new(i.to_string(), "")).collect();
        let source = MemorySource::new(Listing { entries, ..Listing::default() }, images.into()).unwrap();
        let s = statistics(&source, &[0, 1], 3).unwrap();
        assert_eq!((s.mean, s.std), (vec![0.5; 3], vec![0.5; 3]));
        // A constant image has no deviation to divide by.
        assert_eq!(statistics(&source, &[0], 1).unwrap().std, [1.0 / 255.0]);
        assert!(statistics(&source, &[], 1).is_err());
    }
}
