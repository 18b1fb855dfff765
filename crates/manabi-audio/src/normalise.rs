//! What is taken from the training rows: the working length, and mean and deviation of the log-mel values.

use manabi_core::{Error, Result, data::Source};
use rayon::prelude::*;

use crate::{augment::crop::middle, clip::Clip, frontend::FrontEnd};

/// At most this many rows are looked at, evenly spread.
const MAX_ROWS: usize = 2_000;
/// The smallest deviation that is divided by: all recordings may be silent.
const SMALLEST: f64 = 0.1;

/// Up to `limit` of `rows`, evenly spread.
pub(crate) fn spread(rows: &[usize], limit: usize) -> Vec<usize> {
    let count = rows.len().min(limit);
    (0..count).map(|i| rows[i * rows.len() / count]).collect()
}

/// Rate, and lengths in seconds in rising order, of the rows `train`.
///
/// # Errors
/// If there is no row.
pub fn survey(source: &dyn Source<Clip>, train: &[usize]) -> Result<(u32, Vec<f64>)> {
    let found: Vec<(u32, f64)> = spread(train, MAX_ROWS)
        .into_par_iter()
        .map(|row| {
            let clip = source.load(row)?;
            let wave = clip.wave()?;
            Ok((wave.rate, wave.seconds()))
        })
        .collect::<Result<_>>()?;
    let Some(&(rate, _)) = found.first() else {
        return Err(Error::data("there is no training recording"));
    };
    if let Some((other, _)) = found.iter().find(|(r, _)| *r != rate) {
        return Err(Error::data(format!("recordings at {rate} Hz and at {other} Hz; open them with one rate")));
    }
    let mut seconds: Vec<f64> = found.into_iter().map(|(_, s)| s).collect();
    seconds.sort_by(f64::total_cmp);
    Ok((rate, seconds))
}

/// Mean and standard deviation of the log-mel values of the rows `train`, each heard as evaluation hears it but without
/// the silence that fills it up.
///
/// # Errors
/// If there is no row.
pub fn statistics(source: &dyn Source<Clip>, train: &[usize], front: &FrontEnd, frames: usize) -> Result<(f32, f32)> {
    let length = front.samples(frames);
    let parts: Vec<(f64, f64, f64)> = spread(train, MAX_ROWS)
        .into_par_iter()
        .map(|row| {
            let clip = source.load(row)?;
            let map = front.log_mel(middle(&clip.wave()?.samples, length))?;
            Ok(sums(&map.values))
        })
        .collect::<Result<_>>()?;
    let add = |a: (f64, f64, f64), b: &(f64, f64, f64)| (a.0 + b.0, a.1 + b.1, a.2 + b.2);
    let (n, sum, square) = parts.iter().fold((0.0, 0.0, 0.0), add);
    if n == 0.0 {
        return Err(Error::data("there is no training row to take mean and deviation from"));
    }
    let mean = sum / n;
    Ok((mean as f32, (square / n - mean * mean).max(0.0).sqrt().max(SMALLEST) as f32))
}

/// Count, sum and sum of squares.
fn sums(values: &[f32]) -> (f64, f64, f64) {
    values.iter().fold((0.0, 0.0, 0.0), |(n, s, q), v| {
        let v = f64::from(*v);
        (n + 1.0, s + v, q + v * v)
    })
}

#[cfg(test)]
mod tests {
    use manabi_core::data::{Entry, Listing, MemorySource};

    use super::*;
    use crate::{clip::Wave, frontend::FrontEndConfig};

    fn source(waves: Vec<Wave>) -> MemorySource<Clip> {
        let entries = (0..waves.len()).map(|i| Entry::new(i.to_string(), "")).collect();
        MemorySource::new(Listing { entries, ..Listing::default() }, waves.into_iter().map(Clip::Wave).collect())
            .unwrap()
    }

    #[test]
    fn statistics_come_from_the_training_rows_alone() {
        let front = FrontEnd::new(&FrontEndConfig::default(), 8_000).unwrap();
        let loud: Vec<f32> = (0..8_000).map(|i| (i as f32 * 0.5).sin()).collect();
        let source = source(vec![Wave::new(vec![0.0; 8_000], 8_000), Wave::new(loud, 8_000)]);
        let (mean, deviation) = statistics(&source, &[0], &front, 48).unwrap();
        assert!((mean - front.silence()).abs() < 1e-4);
        assert_eq!(deviation, 0.1);
        assert!(statistics(&source, &[0, 1], &front, 48).unwrap().1 > 1.0);
        assert!(statistics(&source, &[], &front, 48).is_err());
    }

    #[test]
    fn lengths_are_sorted_and_rates_must_agree() {
        let wave = |n: usize, rate| Wave::new(vec![0.0; n], rate);
        let lengths = survey(&source(vec![wave(300, 100), wave(100, 100)]), &[0, 1]).unwrap();
        assert_eq!(lengths, (100, vec![1.0, 3.0]));
        assert!(survey(&source(vec![wave(3, 100), wave(3, 200)]), &[0, 1]).unwrap_err().to_string().contains("200"));
    }
}
