//! One scale for all columns, taken from the rows that are fitted on: `z = (x - mean) / std`, cut at ± 10⁶.
//!
//! A column that is constant among them is only centred, so that a change of it shows in its own unit. The cut keeps
//! squares of what is far outside finite, and changes nothing below a million deviations.
//!
//! Shapes: `(N, D)` in and out. Cost: `N D`.

use super::features::{Features, Standardizer};
use crate::{Error, Result};

/// Beyond so many standard deviations a value is cut.
const FAR: f32 = 1e6;

/// Mean and deviation of the columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale(Standardizer);

impl Scale {
    /// Takes both from at least two rows.
    pub fn fit(rows: &Features) -> Result<Self> {
        if rows.rows() < 2 {
            return Err(Error::data(format!("{} rows to take a scale from; at least 2 are needed", rows.rows())));
        }
        Ok(Self(Standardizer::fit(rows)?))
    }

    /// Rows on that scale.
    pub fn apply(&self, rows: &Features) -> Result<Features> {
        let scaled = self.0.apply(rows)?;
        let data = scaled.data().iter().map(|z| z.clamp(-FAR, FAR)).collect();
        Features::new(rows.rows(), rows.dim(), data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_far_outside_is_cut_and_a_constant_column_is_centred() {
        let normal = Features::new(2, 2, vec![0.0, 5.0, 2.0, 5.0]).unwrap();
        let scale = Scale::fit(&normal).unwrap();
        let far = Features::new(1, 2, vec![f32::MAX, 7.0]).unwrap();
        assert_eq!(scale.apply(&far).unwrap().data(), [1e6, 2.0]);
        assert!(Scale::fit(&normal.select(&[0])).unwrap_err().to_string().contains("at least 2"));
    }
}
