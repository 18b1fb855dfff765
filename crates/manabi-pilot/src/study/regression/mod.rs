//! The evaluation where labels are numbers: ridge regression on raw features, on a random encoder and on the run's, beside
//! the mean of the targets, at several budgets of groups.

mod data;
mod figures;
mod report;

use std::collections::BTreeMap;

use candle_core::Tensor;
use manabi_core::{
    Result,
    eval::{
        self, Features,
        regression::ridge::{Config, Ridge},
        statistics::Bootstrap,
    },
    modality::Modality,
};

pub use report::{RegressionContrast, RegressionReport, RegressionRow};

use self::{
    data::Targets,
    figures::{Cell, contrast, row, verdict},
};
use super::{
    encoders::{build, embed},
    parts::Parts,
    resampled,
    run::Start,
};

/// The representation that the verdict is about.
const SUBJECT: &str = "ssl-linear";

/// Says what an encoder is worth where the rows have targets; with `nasa` also by the PHM08 score.
pub fn regression<M: Modality>(
    start: &Start<M>,
    weights: &BTreeMap<String, Tensor>,
    nasa: bool,
    say: &mut dyn FnMut(&str),
) -> Result<RegressionReport> {
    let (source, config) = (start.source, &start.config);
    let parts = Parts::of(source.records(), config.seed)?;
    let data = Targets::draw(source.records(), &parts, config.seeds, config.seed)?;
    let modality = M::fit(&start.settings, source, &parts.train)?;
    let mut cells = mean(&data);
    let mut probe = |representation, method: &str, features: &dyn Fn(&[usize]) -> Result<Features>| {
        say(&format!("regression on {representation} features"));
        let (train, test) = (features(&data.rows)?, features(&data.test)?);
        cells.extend(ridge(&data, &train, &test, config.seed, representation, method)?);
        Ok::<(), manabi_core::Error>(())
    };
    probe("raw", "ridge", &|rows| eval::raw(&modality, source, rows))?;
    let random = build(&modality, None, config.seed)?;
    probe("random", "ridge", &|rows| embed(&modality, source, random.as_ref(), rows))?;
    let trained = build(&modality, Some(weights), config.seed)?;
    probe(SUBJECT, &config.method, &|rows| embed(&modality, source, trained.as_ref(), rows))?;
    conclude::<M>(start, &data, &parts, cells, nasa)
}

/// The mean of the targets, whatever the features.
fn mean(data: &Targets) -> Vec<Cell> {
    let of = |positions: &Vec<usize>| {
        let targets = data.targets_at(positions);
        vec![targets.iter().sum::<f64>() / targets.len().max(1) as f64; data.test.len()]
    };
    let cell = |(level, l): (usize, &data::Level)| Cell {
        representation: "mean",
        method: "mean of the targets".into(),
        level,
        predictions: l.draws.iter().map(of).collect(),
    };
    data.levels.iter().enumerate().map(cell).collect()
}

/// Ridge regression at every budget, the same for all features.
fn ridge(
    data: &Targets,
    train: &Features,
    test: &Features,
    seed: u64,
    representation: &'static str,
    method: &str,
) -> Result<Vec<Cell>> {
    let config = Config { seed, ..Config::default() };
    let fit = |positions: &Vec<usize>| {
        let (rows, targets) = (train.select(positions), data.targets_at(positions));
        Ridge::fit_select(&rows, &targets, data.groups_at(positions).as_deref(), &config)?.predict(test)
    };
    let cell = |(level, l): (usize, &data::Level)| {
        let predictions = l.draws.iter().map(fit).collect::<Result<_>>()?;
        Ok(Cell { representation, method: method.to_string(), level, predictions })
    };
    data.levels.iter().enumerate().map(cell).collect()
}

fn conclude<M: Modality>(
    start: &Start<M>,
    data: &Targets,
    parts: &Parts,
    mut cells: Vec<Cell>,
    nasa: bool,
) -> Result<RegressionReport> {
    // A stable sort: baselines stay before what they are baselines of.
    cells.sort_by_key(|cell| cell.level);
    let bootstrap = Bootstrap { seed: start.config.seed, ..Bootstrap::default() };
    let rows = cells.iter().map(|cell| row(cell, data, nasa, &bootstrap)).collect::<Result<Vec<_>>>()?;
    let mut contrasts = Vec::new();
    for subject in cells.iter().filter(|cell| cell.representation == SUBJECT) {
        for other in cells.iter().filter(|c| c.level == subject.level && c.representation != SUBJECT) {
            contrasts.push(contrast(subject, other, data, &bootstrap)?);
        }
    }
    let unit = if data.groups.is_some() { "groups" } else { "rows" };
    let mut notes = start.source.notes().to_vec();
    notes.extend(resampled::remark(data.test_groups.as_deref()));
    if parts.dropped > 0 {
        notes.push(format!("{} training rows were left out: their group is tested.", parts.dropped));
    }
    if nasa && data.test_groups.as_ref().is_some_and(|groups| several(groups)) {
        notes.push(
            "The PHM08 score is a sum over all test rows; figures in the literature take one row a machine.".into(),
        );
    }
    Ok(RegressionReport {
        dataset: start.config.dataset.clone(),
        modality: M::NAME.into(),
        unit: unit.into(),
        train_rows: data.rows.len(),
        test_rows: data.test.len(),
        rows,
        verdict: verdict(&contrasts, unit),
        contrasts,
        notes,
    })
}

/// True if a group has several rows.
fn several(groups: &[u64]) -> bool {
    groups.iter().collect::<std::collections::BTreeSet<_>>().len() < groups.len()
}

#[cfg(test)]
mod tests;
