//! From which score on a row is flagged: set by normal rows alone, never by the labels that it is measured with.
//!
//! A normal row that a score was fitted on looks more normal than a new one, so each is scored by a fit on the others:
//! the rows are cut into five folds ([`split::kfold`], never through a group), and each fold is scored by what the other four
//! say. The threshold is the conformal quantile (Vovk et al. 2005, *Algorithmic Learning in a Random World*): the
//! `⌈(n + 1) · 0.99⌉`-th smallest of these `n` scores, the largest where `n < 99`. Of new rows that are like the normal ones
//! no more than about 1 % (below 99 rows `1/(n + 1)`) lie above it.
//!
//! Cost: five fits.

use super::{
    super::{features::Features, split},
    Detector,
};
use crate::{Error, Result};

/// The share of normal rows that stays below the threshold, where nothing else is asked for.
pub const QUANTILE: f64 = 0.99;
/// Folds.
const FOLDS: usize = 5;

/// What fits one score or several on normal rows.
pub type Fit<'a> = dyn Fn(&Features) -> Result<Vec<Box<dyn Detector>>> + 'a;

/// The scores of each normal row by fits on others: one list for each detector of `fit`, in its order, rows in theirs.
///
/// Rows that are all of one group (one long recording) are cut into blocks of consecutive rows instead.
pub fn held_out_scores(normal: &Features, groups: Option<&[u64]>, seed: u64, fit: &Fit) -> Result<Vec<Vec<f64>>> {
    let n = normal.rows();
    let mut distinct = groups.map_or_else(|| (0..n as u64).collect(), <[u64]>::to_vec);
    distinct.sort_unstable();
    distinct.dedup();
    let blocks: Vec<u64>;
    let (groups, units) = match groups {
        Some(_) if distinct.len() < 2 => {
            let folds = FOLDS.min(n);
            blocks = (0..n).map(|row| (row * folds / n.max(1)) as u64).collect();
            (Some(blocks.as_slice()), folds)
        }
        groups => (groups, distinct.len()),
    };
    if n < 4 || units < 2 {
        return Err(Error::data(format!(
            "{n} normal rows are too few to set a threshold by; 4 are the least, some hundreds make it a good one"
        )));
    }
    let mut all: Vec<Vec<f64>> = Vec::new();
    for fold in split::kfold(&vec![None; n], groups, FOLDS.min(units), seed)? {
        let detectors = fit(&normal.select(&fold.train))?;
        let held_out = normal.select(&fold.held_out);
        all.resize(detectors.len(), vec![0.0; n]);
        for (scores, detector) in all.iter_mut().zip(&detectors) {
            for (&row, score) in fold.held_out.iter().zip(detector.scores(&held_out)?) {
                scores[row] = score;
            }
        }
    }
    Ok(all)
}

/// The conformal quantile of the scores of normal rows: what lies above it is flagged.
pub fn threshold(normal: &[f64], quantile: f64) -> Result<f64> {
    if !(quantile > 0.0 && quantile < 1.0) {
        return Err(Error::config(format!("a quantile of {quantile} is not between 0 and 1")));
    }
    let mut sorted = normal.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    // Rounding must not push a whole number up by one.
    let rank = ((sorted.len() + 1) as f64 * quantile - 1e-9).ceil() as usize;
    sorted
        .get(rank.clamp(1, sorted.len().max(1)) - 1)
        .copied()
        .ok_or_else(|| Error::data("no normal rows to set a threshold by"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{
        anomaly::{knn, zscore},
        neighbors::tests::noise,
    };

    fn both(normal: &Features) -> Result<Vec<Box<dyn Detector>>> {
        Ok(vec![
            Box::new(knn::NearestNormal::fit(normal, knn::Config { k: 1, ..knn::Config::default() })?),
            Box::new(zscore::ZScore::fit(normal, zscore::Over::Mean)?),
        ])
    }

    #[test]
    fn no_row_is_scored_by_a_fit_on_itself_or_on_its_group() {
        // Every row stands there twice: by row its copy is found at distance 0, by group it is not.
        let rows = noise(20, 3, 5);
        let twice = rows.select(&(0..40).map(|i| i / 2).collect::<Vec<_>>());
        let groups: Vec<u64> = (0..40).map(|i| i / 2).collect();
        let grouped = held_out_scores(&twice, Some(&groups), 1, &both).unwrap();
        assert!(grouped[0].iter().all(|s| *s > 0.0) && grouped.len() == 2);
        assert!(held_out_scores(&twice, None, 1, &both).unwrap()[0].contains(&0.0));
        assert_eq!(grouped, held_out_scores(&twice, Some(&groups), 1, &both).unwrap());
    }

    #[test]
    fn one_group_is_cut_into_blocks_and_three_rows_are_too_few() {
        let rows = noise(20, 3, 5);
        let scores = held_out_scores(&rows, Some(&[7; 20]), 1, &both).unwrap();
        // The first block is scored by the rows from 4 on.
        let rest = both(&rows.select(&(4..20).collect::<Vec<_>>())).unwrap();
        assert_eq!(scores[1][..4], rest[1].scores(&rows.select(&[0, 1, 2, 3])).unwrap());
        assert!(held_out_scores(&noise(3, 3, 5), None, 1, &both).unwrap_err().to_string().contains("too few"));
    }

    #[test]
    fn the_quantile_is_the_conformal_one() {
        let scores: Vec<f64> = (1..=199).rev().map(f64::from).collect();
        assert_eq!(threshold(&scores, 0.99).unwrap(), 198.0);
        assert_eq!(threshold(&scores[..98], 0.99).unwrap(), 199.0);
        assert_eq!(threshold(&[3.0], 0.5).unwrap(), 3.0);
        assert!(threshold(&[], 0.9).is_err() && threshold(&[1.0], 1.0).is_err());
    }

    #[test]
    fn about_one_in_a_hundred_new_normal_rows_is_flagged() {
        let (normal, new) = (noise(1000, 8, 1), noise(4000, 8, 2));
        let scores = held_out_scores(&normal, None, 0, &both).unwrap();
        for (scores, detector) in scores.iter().zip(both(&normal).unwrap()) {
            let above = threshold(scores, QUANTILE).unwrap();
            let flagged = detector.scores(&new).unwrap().iter().filter(|s| **s > above).count();
            assert!((10..=80).contains(&flagged), "{flagged} of 4000");
        }
    }
}
