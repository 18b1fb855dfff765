//! What an encoder of time series is given: values, and where there were any.

use candle_core::{DType, Tensor};
use manabi_core::{Error, Result};

/// A batch of series of one length.
#[derive(Clone, Debug)]
pub struct SeriesBatch {
    /// `(N, C, L)` `f32`, normalised; 0 where nothing was measured.
    pub values: Tensor,
    /// `(N, L)` `f32`: 1 where something was measured, 0 where not; `None` if something was everywhere.
    pub seen: Option<Tensor>,
}

impl SeriesBatch {
    /// Checks that values and `seen` belong together.
    ///
    /// # Errors
    /// Where the values are not `(N, C, L)` with at least one channel and one time stamp, or `seen` is not `(N, L)`.
    pub fn new(values: Tensor, seen: Option<Tensor>) -> Result<Self> {
        let &[n, c, l] = values.dims() else {
            return Err(Error::data(format!(
                "a batch of series has 3 dimensions (rows, channels, time stamps), not {:?}",
                values.dims()
            )));
        };
        if c == 0 || l == 0 {
            return Err(Error::data(format!("series of {c} channels and {l} time stamps are empty")));
        }
        if values.dtype() != DType::F32 {
            return Err(Error::data(format!("series are f32, not {:?}", values.dtype())));
        }
        if let Some(seen) = &seen
            && (seen.dims() != [n, l] || seen.dtype() != DType::F32)
        {
            return Err(Error::data(format!(
                "what was seen of {n} series of {l} time stamps is {:?} {:?}, not [{n}, {l}] F32",
                seen.dims(),
                seen.dtype()
            )));
        }
        Ok(Self { values, seen })
    }

    /// Rows, channels, time stamps.
    pub fn dims(&self) -> Result<(usize, usize, usize)> {
        Ok(self.values.dims3()?)
    }

    /// The time stamps `start..start + len` of every row.
    ///
    /// # Errors
    /// Where the series are shorter, or `len` is 0.
    pub fn crop(&self, start: usize, len: usize) -> Result<Self> {
        self.check_crop(start, len)?;
        let seen = self.seen.as_ref().map(|s| s.narrow(1, start, len)?.contiguous()).transpose()?;
        Ok(Self { values: self.values.narrow(2, start, len)?.contiguous()?, seen })
    }

    /// The time stamps `start..start + len` of each row, with a start of its own.
    ///
    /// # Errors
    /// Where there are not as many starts as rows, or a crop does not lie in the series.
    pub fn crop_rows(&self, starts: &[usize], len: usize) -> Result<Self> {
        let (n, ..) = self.dims()?;
        if starts.len() != n || n == 0 {
            return Err(Error::data(format!("{} starts of crops for {n} series", starts.len())));
        }
        let row = |(i, &start): (usize, &usize)| {
            let seen = self.seen.as_ref().map(|s| s.narrow(0, i, 1)).transpose()?;
            Self { values: self.values.narrow(0, i, 1)?, seen }.crop(start, len)
        };
        Self::concat(&starts.iter().enumerate().map(row).collect::<Result<Vec<_>>>()?)
    }

    /// The rows of several batches of the same channels and length, one batch after the other.
    ///
    /// # Errors
    /// Where there is none, or their sizes differ.
    pub fn concat(parts: &[Self]) -> Result<Self> {
        let Some(first) = parts.first() else {
            return Err(Error::data("there is no batch of series to join"));
        };
        let (_, c, l) = first.dims()?;
        for part in parts {
            let (_, other_c, other_l) = part.dims()?;
            if (other_c, other_l) != (c, l) {
                return Err(Error::data(format!(
                    "series of {other_c} channels and {other_l} time stamps cannot join those of {c} and {l}"
                )));
            }
        }
        let values = Tensor::cat(&parts.iter().map(|p| &p.values).collect::<Vec<_>>(), 0)?;
        let seen = match parts.iter().any(|p| p.seen.is_some()) {
            true => Some(Tensor::cat(&parts.iter().map(Self::seen).collect::<Result<Vec<_>>>()?, 0)?),
            false => None,
        };
        Ok(Self { values, seen })
    }

    /// The same values with less to be seen: `kept (N, L)` is 1 where a time stamp stays visible.
    ///
    /// # Errors
    /// Where the shape is another one.
    pub fn hide(&self, kept: &Tensor) -> Result<Self> {
        let seen = match &self.seen {
            Some(seen) if seen.dims() == kept.dims() => (seen * kept)?,
            _ => kept.clone(),
        };
        Self::new(self.values.clone(), Some(seen))
    }

    /// `(N, L)`, with ones where nothing is said.
    pub fn seen(&self) -> Result<Tensor> {
        let (n, _, l) = self.dims()?;
        match &self.seen {
            Some(seen) => Ok(seen.clone()),
            None => Ok(Tensor::ones((n, l), DType::F32, self.values.device())?),
        }
    }

    fn check_crop(&self, start: usize, len: usize) -> Result<()> {
        let (_, _, l) = self.dims()?;
        match start.checked_add(len) {
            Some(end) if len > 0 && end <= l => Ok(()),
            _ => {
                Err(Error::data(format!("a crop of {len} time stamps from {start} on does not lie in a series of {l}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn batch(n: usize, l: usize, seen: bool) -> SeriesBatch {
        let values = Tensor::arange(0f32, (n * 2 * l) as f32, &Device::Cpu).unwrap().reshape((n, 2, l)).unwrap();
        let marks: Vec<f32> = (0..n * l).map(|i| (i % 3 != 0) as u8 as f32).collect();
        let seen = seen.then(|| Tensor::from_vec(marks, (n, l), &Device::Cpu).unwrap());
        SeriesBatch::new(values, seen).unwrap()
    }

    fn flat(t: &Tensor) -> Vec<f32> {
        t.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn a_crop_takes_values_and_marks_together() {
        let crop = batch(2, 5, true).crop(1, 2).unwrap();
        assert_eq!(flat(&crop.values), [1.0, 2.0, 6.0, 7.0, 11.0, 12.0, 16.0, 17.0]);
        assert_eq!(flat(&crop.seen.unwrap()), [1.0, 1.0, 0.0, 1.0]);
    }

    #[test]
    fn rows_are_cropped_from_starts_of_their_own() {
        let crop = batch(2, 5, true).crop_rows(&[0, 3], 2).unwrap();
        assert_eq!(flat(&crop.values), [0.0, 1.0, 5.0, 6.0, 13.0, 14.0, 18.0, 19.0]);
        assert_eq!(flat(&crop.seen.unwrap()), [0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_crop_outside_of_the_series_is_refused_with_its_numbers() {
        for (start, len) in [(4, 2), (0, 0), (usize::MAX, 2)] {
            let message = batch(2, 5, false).crop(start, len).unwrap_err().to_string();
            assert!(message.contains(&start.to_string()) && message.contains("series of 5"), "{message}");
        }
        assert!(batch(2, 5, false).crop_rows(&[0], 2).is_err());
    }

    #[test]
    fn joined_batches_are_seen_where_nothing_is_said() {
        let all = SeriesBatch::concat(&[batch(1, 3, false), batch(1, 3, true)]).unwrap();
        assert_eq!(all.values.dims(), [2, 2, 3]);
        assert_eq!(flat(&all.seen.unwrap()), [1.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
        assert!(SeriesBatch::concat(&[batch(1, 3, false), batch(1, 3, false)]).unwrap().seen.is_none());
        assert!(SeriesBatch::concat(&[batch(1, 3, false), batch(1, 4, false)]).is_err());
        assert!(SeriesBatch::concat(&[]).is_err());
    }

    #[test]
    fn what_is_hidden_adds_to_what_was_missing() {
        let kept = Tensor::new(&[[1f32, 1.0, 0.0]], &Device::Cpu).unwrap();
        assert_eq!(flat(&batch(1, 3, true).hide(&kept).unwrap().seen.unwrap()), [0.0, 1.0, 0.0]);
        assert_eq!(flat(&batch(1, 3, false).hide(&kept).unwrap().seen.unwrap()), [1.0, 1.0, 0.0]);
        assert!(batch(1, 4, true).hide(&kept).is_err());
    }

    #[test]
    fn shapes_that_do_not_belong_together_are_refused() {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        assert!(SeriesBatch::new(zeros(&[2, 3]), None).is_err());
        assert!(SeriesBatch::new(zeros(&[2, 0, 3]), None).is_err());
        let message = SeriesBatch::new(zeros(&[2, 1, 3]), Some(zeros(&[2, 4]))).unwrap_err().to_string();
        assert!(message.contains("[2, 4]") && message.contains("[2, 3]"), "{message}");
    }
}
