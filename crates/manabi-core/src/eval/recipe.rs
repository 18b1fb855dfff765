//! How a classifier is trained on labels, from scratch or from a pre-trained encoder.

use super::metrics::Metric;

/// How a classifier is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Optimiser steps.
    pub steps: u64,
    /// Rows a step.
    pub batch: usize,
    /// Peak learning rate, of a random and of a pre-trained encoder alike.
    pub lr: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// Label smoothing.
    pub smoothing: f64,
    /// Decay of the average of the weights.
    pub ema: f64,
    /// Share of the way from the start (pre-trained encoder, probe's head) to the trained weights that is kept.
    pub blend: f64,
    /// Train for balanced accuracy, as the probes beside it do where that is the metric.
    pub balanced: bool,
}

impl Recipe {
    /// The recipe for `labels` labels, the same from scratch and for fine-tuning: 128 passes over them, within 300 to
    /// 2 000 steps. From scratch on 500 labels of CIFAR-10, 1 000 steps are worth 1.9 points over 300. The share of
    /// the trained weights rises from a half (up to 100 labels) over three quarters (500) to all (from 2 500 on): few
    /// labels bend the encoder to themselves, many know better than pre-training did. Choosing it on held-out labels
    /// was tried: a quarter of 100 to 600 labels cannot tell the shares apart (docs/BENCHMARKS.md).
    pub fn for_labels(labels: usize) -> Self {
        let batch = labels.clamp(2, 64);
        let steps = (128 * labels / batch).clamp(300, 2000) as u64;
        let blend = (0.5 + 0.25 * (labels.max(1) as f64 / 100.0).log(5.0)).clamp(0.5, 1.0);
        Self { steps, batch, lr: 5e-3, weight_decay: 1e-2, smoothing: 0.1, ema: 0.98, blend, balanced: false }
    }

    /// The same, for this metric.
    pub fn scored_by(self, metric: Metric) -> Self {
        Self { balanced: metric == Metric::BalancedAccuracy, ..self }
    }

    /// The same with a share of the steps, for a study of few minutes: both sides get the same share.
    pub fn shortened(self, effort: f64) -> Self {
        Self { steps: ((self.steps as f64 * effort) as u64).max(50), ..self }
    }

    /// Rows that pass through the encoder in training.
    pub fn passes(&self) -> u64 {
        self.steps * self.batch as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_labels_the_further_fine_tuning_goes() {
        let share = |labels| Recipe::for_labels(labels).blend;
        assert_eq!([share(0), share(100), share(5000), share(60_000)], [0.5, 0.5, 1.0, 1.0]);
        assert!((share(500) - 0.75).abs() < 1e-9 && (share(2500) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn only_balanced_accuracy_asks_for_balanced_training() {
        assert!(Recipe::for_labels(9).scored_by(Metric::BalancedAccuracy).balanced);
        assert!(!Recipe::for_labels(9).scored_by(Metric::Accuracy).balanced);
    }
}
