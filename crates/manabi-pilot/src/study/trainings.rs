//! The rows that train networks: supervised from scratch, and fine-tuning from the pre-trained encoder.
//!
//! The two smallest label budgets are always trained, others while the time budget lasts, both sides of a budget or
//! neither; what the plan has kept for later ones is not spent before.

use std::collections::BTreeMap;

use candle_core::Tensor;
use manabi_core::{
    Result,
    data::Source,
    eval::{
        classifier::{self, Job},
        metrics::Metric,
        recipe::Recipe,
    },
    modality::Modality,
    nn::Compute,
    train::{Observer, Quiet},
};

use super::{
    cells::Cell,
    labelled::{Labelled, TRAINED_LEVELS},
    plan::{Allotment, training_seconds},
    stopwatch::Stopwatch,
};
use crate::report::Representation;

/// Fewer passes over the labels than this are remarked on.
const FEW_PASSES: f64 = 10.0;

/// Seconds that statistics, map and report take after the trainings, and more for each test row.
const CLOSING: (f64, f64) = (2.0, 1e-3);

/// What the trainings need.
pub struct Trainings<'a, M: Modality> {
    /// The modality, bound to the dataset.
    pub modality: &'a M,
    /// The same, whose encoder starts from chance.
    pub blank: &'a M,
    /// The dataset.
    pub source: &'a dyn Source<M::Sample>,
    /// Labels and draws.
    pub data: &'a Labelled,
    /// The pre-trained encoder.
    pub weights: &'a BTreeMap<String, Tensor>,
    /// Its method's name.
    pub method: &'a str,
    /// What rows are scored by.
    pub metric: Metric,
    /// What of the time they get.
    pub allotted: &'a Allotment,
    /// Rows a second in training on labels, for the estimate.
    pub rows_per_second: f64,
    /// How the layers compute while they train.
    pub compute: Compute,
}

impl<M: Modality> Trainings<'_, M> {
    /// Both rows at every budget that time allows, and a sentence for each that it did not or cut short.
    pub fn run(&self, watch: &Stopwatch, say: &mut dyn FnMut(&str)) -> Result<(Vec<Cell>, Vec<String>)> {
        let (mut cells, mut left_out) = (Vec::new(), Vec::new());
        let mut rate = self.rows_per_second;
        let tested = self.data.test.len();
        for (index, level) in self.data.levels.iter().enumerate() {
            let recipe = Recipe::for_labels(level.labels).shortened(self.allotted.effort).scored_by(self.metric);
            let draws = Labelled::trained_draws(index, level, self.allotted.draws);
            let seconds = 2.0 * draws.len() as f64 * training_seconds(&recipe, tested, rate);
            let closing = CLOSING.0 + CLOSING.1 * tested as f64;
            let left = watch.left() - closing - self.allotted.kept.iter().skip(index + 1).sum::<f64>();
            if index >= TRAINED_LEVELS && seconds > left {
                left_out.push(format!(
                    "Training on {} labels (supervised and fine-tuned) was left out: about {seconds:.0} s, and {:.0} s of the time budget were left.",
                    level.labels,
                    left.max(0.0)
                ));
                continue;
            }
            let passes = recipe.passes() as f64 / level.labels.max(1) as f64;
            if passes < FEW_PASSES {
                left_out.push(format!(
                    "Training on {} labels (supervised and fine-tuned alike) saw each label {passes:.1} times: with more time both would gain.",
                    level.labels
                ));
            }
            let count = match draws.len() {
                1 => "one draw".to_string(),
                n => format!("{n} draws"),
            };
            say(&format!(
                "training on {} labels: from scratch and from the pre-trained encoder, {count}",
                level.labels
            ));
            let before = watch.elapsed();
            for (representation, modality, start, name) in [
                (Representation::Supervised, self.blank, None, "from scratch"),
                (Representation::SslFinetune, self.modality, Some(self.weights), self.method),
            ] {
                let mut predictions = Vec::with_capacity(draws.len());
                for draw in draws {
                    let rows = self.data.rows_at(&draw.positions);
                    let job = Job {
                        modality,
                        source: self.source,
                        rows: &rows,
                        encoder: start,
                        recipe: recipe.clone(),
                        seed: draw.seed,
                        compute: self.compute,
                    };
                    let observer: &mut dyn Observer = &mut Quiet;
                    let (classifier, _) = classifier::fit(&job, observer)?;
                    predictions.push(classifier.predict(self.source, &self.data.test)?);
                }
                cells.push(Cell { representation, method: name.to_string(), level: index, predictions });
            }
            // What this level really took corrects the estimate for the next.
            let at_unit_rate = 2.0 * draws.len() as f64 * training_seconds(&recipe, tested, 1.0);
            rate = at_unit_rate / (watch.elapsed() - before).max(1e-3);
        }
        Ok((cells, left_out))
    }
}
