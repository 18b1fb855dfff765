//! Scores of predictions against the truth: accuracy, balanced accuracy, macro-F1, confusion matrix, AUROC.
//!
//! All agree with scikit-learn's `metrics` (figures in the tests): balanced accuracy averages the recall over the classes
//! that the truth has; macro-F1 averages over the classes that the truth or the predictions have; AUROC counts ties
//! as a half (Mann-Whitney), one class against the rest, averaged over classes.
//!
//! Shapes: labels `(N,)`, scores `(N, classes)` row-major. Cost: `N`, AUROC `classes · N log N`.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// The score that a comparison is decided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// The share of rows that are right.
    Accuracy,
    /// The mean over classes of the share of its rows that are right.
    BalancedAccuracy,
}

impl Metric {
    /// Accuracy where the classes are about equal; balanced accuracy where the largest has more than twice the rows of
    /// the smallest.
    pub fn pick(label_counts: &[usize]) -> Self {
        let present = label_counts.iter().filter(|&&n| n > 0);
        let (least, most) = present.fold((usize::MAX, 0), |(least, most), &n| (least.min(n), most.max(n)));
        if most > least.saturating_mul(2) { Self::BalancedAccuracy } else { Self::Accuracy }
    }

    /// The score of these predictions.
    pub fn score(self, truth: &[u32], predicted: &[u32]) -> Result<f64> {
        match self {
            Self::Accuracy => accuracy(truth, predicted),
            Self::BalancedAccuracy => balanced_accuracy(truth, predicted),
        }
    }

    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced accuracy",
        }
    }
}

/// How many rows of each class were taken for each class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// The classes of truth and predictions, in ascending order.
    pub classes: Vec<u32>,
    /// `counts[truth * classes.len() + predicted]`.
    pub counts: Vec<usize>,
}

impl Confusion {
    /// Counts the pairs.
    pub fn new(truth: &[u32], predicted: &[u32]) -> Result<Self> {
        same_length(truth.len(), predicted.len())?;
        let mut classes = [truth, predicted].concat();
        classes.sort_unstable();
        classes.dedup();
        let column: BTreeMap<u32, usize> = classes.iter().copied().zip(0..).collect();
        let mut counts = vec![0; classes.len() * classes.len()];
        for (t, p) in truth.iter().zip(predicted) {
            counts[column[t] * classes.len() + column[p]] += 1;
        }
        Ok(Self { classes, counts })
    }

    /// For each class: rows right, rows of it, rows taken for it.
    fn margins(&self) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
        let n = self.classes.len();
        (0..n).map(move |i| {
            let truth: usize = self.counts[i * n..(i + 1) * n].iter().sum();
            let predicted: usize = self.counts[i..].iter().step_by(n).sum();
            (self.counts[i * n + i] as f64, truth as f64, predicted as f64)
        })
    }
}

/// The share of rows that are right.
pub fn accuracy(truth: &[u32], predicted: &[u32]) -> Result<f64> {
    same_length(truth.len(), predicted.len())?;
    let right = truth.iter().zip(predicted).filter(|(t, p)| t == p).count();
    Ok(right as f64 / truth.len() as f64)
}

/// The mean over classes of the share of its rows that are right.
pub fn balanced_accuracy(truth: &[u32], predicted: &[u32]) -> Result<f64> {
    let confusion = Confusion::new(truth, predicted)?;
    Ok(mean(confusion.margins().filter(|m| m.1 > 0.0).map(|(right, truth, _)| right / truth)))
}

/// The mean over classes of the harmonic mean of precision and recall.
pub fn macro_f1(truth: &[u32], predicted: &[u32]) -> Result<f64> {
    let confusion = Confusion::new(truth, predicted)?;
    Ok(mean(confusion.margins().map(|(right, truth, predicted)| 2.0 * right / (truth + predicted))))
}

/// The area under the ROC curve: how often a positive row scores above a negative one.
pub fn auroc(positive: &[bool], scores: &[f32]) -> Result<f64> {
    same_length(positive.len(), scores.len())?;
    if let Some(at) = scores.iter().position(|s| s.is_nan()) {
        return Err(Error::Data(format!("the score of row {at} is not a number")));
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let positives = positive.iter().filter(|&&p| p).count() as f64;
    let negatives = positive.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return Err(Error::Data("an AUROC needs rows of both kinds".into()));
    }
    let (mut below, mut wins) = (0.0, 0.0);
    for tie in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let of_tie = tie.iter().filter(|&&i| positive[i]).count() as f64;
        let others = tie.len() as f64 - of_tie;
        wins += of_tie * (below + 0.5 * others);
        below += others;
    }
    Ok(wins / (positives * negatives))
}

/// The mean AUROC of each class against the rest; `scores` has a column for each of `classes`. Classes without a row,
/// or with all of them, are left out.
pub fn auroc_one_vs_rest(truth: &[u32], scores: &[f32], classes: &[u32]) -> Result<f64> {
    same_length(truth.len() * classes.len(), scores.len())?;
    let mut areas = Vec::with_capacity(classes.len());
    for (column, class) in classes.iter().enumerate() {
        let positive: Vec<bool> = truth.iter().map(|t| t == class).collect();
        if positive.contains(&true) && positive.contains(&false) {
            let column: Vec<f32> = scores.iter().skip(column).step_by(classes.len()).copied().collect();
            areas.push(auroc(&positive, &column)?);
        }
    }
    if areas.is_empty() {
        return Err(Error::Data("an AUROC needs rows of two classes".into()));
    }
    Ok(mean(areas.into_iter()))
}

fn same_length(truth: usize, other: usize) -> Result<()> {
    if truth == 0 || truth != other {
        return Err(Error::Data(format!("{truth} true labels, {other} predictions")));
    }
    Ok(())
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
    sum / count
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TRUTH: [u32; 10] = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2];
    const PREDICTED: [u32; 10] = [0, 0, 1, 3, 1, 1, 2, 2, 0, 2];

    // from sklearn.metrics import *; t = [0,0,0,0,1,1,1,2,2,2]; p = [0,0,1,3,1,1,2,2,0,2]
    // print(accuracy_score(t, p), balanced_accuracy_score(t, p), f1_score(t, p, average="macro"))
    // print(confusion_matrix(t, p).ravel())
    #[test]
    fn scores_are_those_of_scikit_learn() {
        assert_eq!(accuracy(&TRUTH, &PREDICTED).unwrap(), 0.6);
        assert!((balanced_accuracy(&TRUTH, &PREDICTED).unwrap() - 0.611_111_111_111).abs() < 1e-12);
        assert!((macro_f1(&TRUTH, &PREDICTED).unwrap() - 0.476_190_476_190).abs() < 1e-12);
        let confusion = Confusion::new(&TRUTH, &PREDICTED).unwrap();
        assert_eq!(confusion.classes, [0, 1, 2, 3]);
        assert_eq!(confusion.counts, [2, 1, 0, 1, 0, 2, 1, 0, 1, 0, 2, 0, 0, 0, 0, 0]);
    }

    // s = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4]; print(roc_auc_score([0, 0, 1, 1, 1, 0], s))
    // S = np.array([[.6,.3,.1],[.2,.5,.3],[.3,.3,.4],[.5,.2,.3],[.1,.8,.1],[.3,.4,.3]])
    // print(roc_auc_score([0, 1, 2, 0, 2, 1], S, multi_class="ovr"))
    #[test]
    fn areas_are_those_of_scikit_learn_ties_included() {
        let area = auroc(&[false, false, true, true, true, false], &[0.1, 0.4, 0.35, 0.8, 0.4, 0.4]).unwrap();
        assert!((area - 0.666_666_666_667).abs() < 1e-12);
        let scores = [0.6, 0.3, 0.1, 0.2, 0.5, 0.3, 0.3, 0.3, 0.4, 0.5, 0.2, 0.3, 0.1, 0.8, 0.1, 0.3, 0.4, 0.3];
        let area = auroc_one_vs_rest(&[0, 1, 2, 0, 2, 1], &scores, &[0, 1, 2]).unwrap();
        assert!((area - 0.770_833_333_333).abs() < 1e-12);
        assert!(auroc(&[true, true], &[0.0, 1.0]).is_err());
    }

    #[test]
    fn the_metric_follows_the_imbalance_and_empty_input_is_refused() {
        assert_eq!(Metric::pick(&[10, 20, 15]), Metric::Accuracy);
        assert_eq!(Metric::pick(&[10, 21, 0]), Metric::BalancedAccuracy);
        assert_eq!(Metric::Accuracy.score(&TRUTH, &PREDICTED).unwrap(), 0.6);
        assert!(accuracy(&[], &[]).is_err());
        assert!(macro_f1(&[1], &[]).is_err());
    }
}
