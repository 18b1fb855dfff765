//! How many standard deviations single columns are from their normal mean: the control chart (Shewhart 1931), which no
//! learnt score is worth its cost without beating.
//!
//! `z = (x - mean) / std` by the normal rows; the score is the largest or the mean `|z|` of a row. The largest sees one
//! column that is far off, the mean a small shift of many.
//!
//! Shapes: normal `(N, D)`, rows `(Q, D)`, scores `(Q,)`. Cost: `Q D`.

use super::{
    super::{features::Features, scale::Scale},
    Detector,
};
use crate::Result;

/// How the columns of a row become one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The largest `|z|`.
    Largest,
    /// The mean `|z|`.
    Mean,
}

/// The score, fitted.
#[derive(Clone, Debug)]
pub struct ZScore {
    scale: Scale,
    over: Over,
}

impl ZScore {
    /// Takes mean and deviation from normal rows.
    pub fn fit(normal: &Features, over: Over) -> Result<Self> {
        Ok(Self { scale: Scale::fit(normal)?, over })
    }
}

impl Detector for ZScore {
    fn scores(&self, rows: &Features) -> Result<Vec<f64>> {
        let scaled = self.scale.apply(rows)?;
        let score = |row: &[f32]| {
            let z = row.iter().map(|z| f64::from(z.abs()));
            match self.over {
                Over::Largest => z.fold(0.0, f64::max),
                Over::Mean => z.sum::<f64>() / row.len() as f64,
            }
        };
        super::ranked(scaled.data().chunks_exact(scaled.dim()).map(score).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_follow_their_formulas() {
        // Columns of mean 1 and 10, deviation 1 and 2.
        let normal = Features::new(2, 2, vec![0.0, 8.0, 2.0, 12.0]).unwrap();
        let rows = Features::new(2, 2, vec![4.0, 9.0, 1.0, 10.0]).unwrap();
        let scores = |over| ZScore::fit(&normal, over).unwrap().scores(&rows).unwrap();
        assert_eq!(scores(Over::Largest), [3.0, 0.0]);
        assert_eq!(scores(Over::Mean), [1.75, 0.0]);
    }

    #[test]
    fn one_row_is_no_normal_state() {
        let one = Features::new(1, 2, vec![0.0, 8.0]).unwrap();
        assert!(ZScore::fit(&one, Over::Mean).unwrap_err().to_string().contains("at least 2 are needed"));
    }
}
