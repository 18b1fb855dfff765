//! One representation at one label budget: the predictions of every seed, from which all figures follow.

use manabi_core::{
    Result,
    eval::{
        Features,
        knn::Knn,
        linear::{LinearProbe, ProbeOptions, Scaling},
        metrics::Metric,
    },
};

use super::labelled::Labelled;
use crate::report::Representation;

/// Predictions of the test rows.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What was evaluated.
    pub representation: Representation,
    /// The method's name, or the probe's.
    pub method: String,
    /// Index of the label budget.
    pub level: usize,
    /// A prediction for each test row, for each seed.
    pub predictions: Vec<Vec<u32>>,
}

/// Frozen features of the labelled training rows and of the test rows.
pub struct Frozen {
    /// `(labelled rows, D)`.
    pub train: Features,
    /// `(test rows, D)`.
    pub test: Features,
}

/// The linear probe on frozen features at every budget: the same for raw, random and
/// self-supervised ones, but for how columns are brought to one scale.
pub fn linear(
    frozen: &Frozen,
    data: &Labelled,
    metric: Metric,
    representation: Representation,
    method: &str,
    scaling: Scaling,
) -> Result<Vec<Cell>> {
    each_level(data, representation, method, |positions, seed| {
        let balanced = metric == Metric::BalancedAccuracy;
        let options = ProbeOptions { balanced, seed, scaling, ..options_for(positions.len()) };
        let train = frozen.train.select(positions);
        let groups = data.groups_at(positions);
        let probe = LinearProbe::fit_select(&train, &data.labels_at(positions), groups.as_deref(), &options)?;
        probe.predict(&frozen.test)
    })
}

/// With many labels the score stands still long before the last digits of the weights do: sixty
/// iterations on standardised features do, and the strengths that such numbers never choose are left out.
fn options_for(labels: usize) -> ProbeOptions {
    let mut options = ProbeOptions::default();
    if labels > 5000 {
        options.solver.max_iterations = 60;
        options.strengths.retain(|s| (1e-4..=1e-1).contains(s));
    }
    options
}

/// Cosine nearest neighbours on frozen features at every budget.
pub fn knn(frozen: &Frozen, data: &Labelled, representation: Representation, method: &str) -> Result<Vec<Cell>> {
    each_level(data, representation, method, |positions, _| {
        let train = frozen.train.select(positions);
        Ok(Knn::default().predict(&train, &data.labels_at(positions), &frozen.test)?.predictions)
    })
}

fn each_level(
    data: &Labelled,
    representation: Representation,
    method: &str,
    mut predict: impl FnMut(&[usize], u64) -> Result<Vec<u32>>,
) -> Result<Vec<Cell>> {
    let mut cells = Vec::with_capacity(data.levels.len());
    for (index, level) in data.levels.iter().enumerate() {
        // With all labels every draw is the same, and a probe has no other chance in it.
        let draws = if data.is_all(level) { &level.draws[..1.min(level.draws.len())] } else { &level.draws[..] };
        let predictions = draws.iter().map(|d| predict(&d.positions, d.seed)).collect::<Result<_>>()?;
        cells.push(Cell { representation, method: method.to_string(), level: index, predictions });
    }
    Ok(cells)
}
