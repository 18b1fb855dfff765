//! Anomaly detection: how strange a row is beside normal ones, by raw features, by a random encoder and by the run's.
//!
//! [`task`] says which rows are which, [`detectors`] scores them, [`pretext`] asks the run's own masked prediction,
//! [`figures`] measures, [`verdict`] concludes. Fitted and thresholded is on normal training rows alone; no recording stands
//! on both sides ([`Parts`]).

mod detectors;
mod figures;
mod pretext;
mod report;
mod task;
mod verdict;

use std::{collections::BTreeMap, time::Duration};

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    data::Source,
    encoder::Encoder,
    eval::{self, Features, anomaly::threshold},
    modality::Modality,
};

pub use pretext::Masked;
pub use report::{AnomalyReport, Estimate, Found, Quality, RowScore, ScoreContrast, ScoreRow};

use self::{
    detectors::{On, Scored, Shown, scored},
    figures::Truth,
    pretext::{MASKS, Pretext},
    task::Task,
};
use super::{
    encoders::{build, embed, spread},
    parts::Parts,
    resampled,
    sequence::sequences,
    stopwatch::Stopwatch,
};

/// Normal rows that are kept even if they do not fit the budget.
const LEAST: usize = 50;
/// Rows that the speed is measured on.
const MEASURED: usize = 32;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct AnomalyConfig {
    /// The dataset's name in the report.
    pub dataset: String,
    /// The normal class.
    pub normal: Option<String>,
    /// The score that rows are flagged by: `FEATURES/DETECTOR`.
    pub score: Option<String>,
    /// Time for the encoders; fewer normal rows are fitted on where it does not suffice.
    pub budget: Option<Duration>,
    /// The seed of split, folds, random weights and resamples.
    pub seed: u64,
}

/// What a run left behind.
pub struct Run<M: Modality> {
    /// The encoder's weights.
    pub weights: BTreeMap<String, Tensor>,
    /// Its pretext task, where that was masked prediction and its checkpoint is there.
    pub masked: Option<Masked<M>>,
}

/// Scores rows of a dataset.
pub fn anomaly<M: Modality>(
    modality: &M,
    source: &dyn Source<M::Sample>,
    run: Option<&Run<M>>,
    config: &AnomalyConfig,
    say: &mut dyn FnMut(&str),
) -> Result<AnomalyReport> {
    let parts = Parts::of(source.records(), config.seed)?;
    let mut task = Task::of(source.records(), source.classes(), &parts, config.normal.as_deref())?;
    if parts.dropped > 0 {
        task.notes.push(format!("{} training rows were left out: their group is tested.", parts.dropped));
    }
    let trained = run.map(|run| build(modality, Some(&run.weights), config.seed)).transpose()?;
    let random = build(modality, None, config.seed)?;
    if let Some(budget) = config.budget {
        let encoder = trained.as_deref().unwrap_or(random.as_ref());
        let masks = if run.is_some_and(|run| run.masked.is_some()) { MASKS } else { 0 };
        fit_budget(modality, source, encoder, 1 + usize::from(run.is_some()) + masks, budget, &mut task)?;
    }
    let study = Study { modality, source, task: &task, groups: sequences(source.records(), &task.normal), config };
    let (mut scores, mut notes) = (Vec::new(), Vec::new());
    say("scoring raw features");
    keep(study.on(On::Raw, &|rows| eval::raw(modality, source, rows)), On::Raw, &mut scores, &mut notes)?;
    say("scoring embeddings of a random encoder");
    let by = |encoder: &dyn Encoder<M::Batch>, on| study.on(on, &|rows| embed(modality, source, encoder, rows));
    keep(by(random.as_ref(), On::Random), On::Random, &mut scores, &mut notes)?;
    if let Some(encoder) = &trained {
        say("scoring embeddings of the run's encoder");
        keep(by(encoder.as_ref(), On::Run), On::Run, &mut scores, &mut notes)?;
    }
    if let Some(masked) = run.and_then(|run| run.masked.as_ref()) {
        say("scoring by masked prediction");
        // A checkpoint that does not fit any more costs this score, not the others.
        match study.masked(masked) {
            Ok(score) => scores.push(score),
            Err(error) => notes.push(format!("The score by masked prediction was left out: {error}.")),
        }
    }
    task.notes.append(&mut notes);
    conclude::<M>(source, task, scores, run.is_some(), config)
}

/// What can be done with one kind of features; bad data is a remark, as long as other scores remain.
fn keep(found: Result<Vec<Scored>>, on: On, scores: &mut Vec<Scored>, notes: &mut Vec<String>) -> Result<()> {
    match found {
        Ok(mut found) => scores.append(&mut found),
        Err(Error::Data(reason)) => notes.push(format!("Scores on {} features were left out: {reason}.", on.name())),
        Err(error) => return Err(error),
    }
    Ok(())
}

struct Study<'a, M: Modality> {
    modality: &'a M,
    source: &'a dyn Source<M::Sample>,
    task: &'a Task,
    groups: Option<Vec<u64>>,
    config: &'a AnomalyConfig,
}

impl<M: Modality> Study<'_, M> {
    fn on(&self, on: On, features: &dyn Fn(&[usize]) -> Result<Features>) -> Result<Vec<Scored>> {
        let normal = features(&self.task.normal)?;
        let rows = if self.task.same { None } else { Some(features(&self.task.rows)?) };
        let shown = Shown { normal: &normal, groups: self.groups.as_deref(), rows: rows.as_ref() };
        scored(on, &shown, threshold::QUANTILE, self.config.seed)
    }

    fn masked(&self, masked: &Masked<M>) -> Result<Scored> {
        let mut pretext = Pretext::new(self.modality, self.source, masked)?;
        let normal = pretext.errors(&self.task.normal)?;
        let rows = if self.task.same { normal.clone() } else { pretext.errors(&self.task.rows)? };
        Scored::new(On::Run, "masked", rows, &normal, threshold::QUANTILE)
    }
}

/// Leaves out normal rows until `passes` of all rows fit the budget.
fn fit_budget<M: Modality>(
    modality: &M,
    source: &dyn Source<M::Sample>,
    encoder: &dyn Encoder<M::Batch>,
    passes: usize,
    budget: Duration,
    task: &mut Task,
) -> Result<()> {
    let some = spread(&task.normal, MEASURED);
    let watch = Stopwatch::start(budget);
    embed(modality, source, encoder, &some)?;
    let each = watch.elapsed() / some.len().max(1) as f64 * passes as f64;
    let scored = if task.same { 0 } else { task.rows.len() };
    let fit = ((budget.as_secs_f64() / each.max(1e-9)) as usize).saturating_sub(scored).max(LEAST);
    if fit < task.normal.len() {
        let all = task.normal.len();
        task.normal = spread(&task.normal, fit);
        if task.same {
            task.rows.clone_from(&task.normal);
        }
        task.notes.push(format!(
            "{} of {all} normal rows were used, evenly spread: the others did not fit the time (--budget).",
            task.normal.len()
        ));
    }
    Ok(())
}

fn conclude<M: Modality>(
    source: &dyn Source<M::Sample>,
    mut task: Task,
    scores: Vec<Scored>,
    trained: bool,
    config: &AnomalyConfig,
) -> Result<AnomalyReport> {
    let on = if trained { On::Run } else { On::Raw };
    let wanted = config.score.clone().unwrap_or_else(|| format!("{}/{}", on.name(), verdict::DEFAULT));
    let Some(subject) = scores.iter().find(|score| score.name == wanted) else {
        let names: Vec<&str> = scores.iter().map(|score| score.name.as_str()).collect();
        let notes = task.notes.join(" ");
        return Err(Error::data(format!("there is no score \"{wanted}\"; known: {}. {notes}", names.join(", "))));
    };
    let groups = sequences(source.records(), &task.rows);
    task.notes.extend(resampled::remark(groups.as_deref().filter(|_| task.truth.is_some())));
    let truth =
        task.truth.as_deref().map(|anomalous| Truth { anomalous, groups: groups.as_deref(), seed: config.seed });
    let rows = figures::rows(&scores, truth.as_ref())?;
    let of_subject = rows.iter().find(|row| row.name == wanted);
    let area = of_subject.and_then(|row| row.quality.as_ref()?.auroc);
    let contrasts = match (&truth, area) {
        (Some(truth), Some(_)) => verdict::contrasts(&scores, subject, truth)?,
        _ => Vec::new(),
    };
    let flagged = subject.flagged();
    let verdict = match area {
        Some(area) => verdict::measured(&wanted, &area, &contrasts),
        None => {
            let why = if truth.is_some() { "All test rows are of one kind" } else { "There are no labels" };
            verdict::unmeasured(&wanted, flagged.iter().filter(|f| **f).count(), task.rows.len(), why)
        }
    };
    let row = |((&row, &score), flagged): ((&usize, &f64), bool)| RowScore {
        id: source.records()[row].id.clone(),
        score,
        flagged,
    };
    Ok(AnomalyReport {
        dataset: config.dataset.clone(),
        modality: M::NAME.into(),
        normal: task.class,
        normal_rows: task.normal.len(),
        scored_rows: task.rows.len(),
        anomalies: task.truth.as_ref().map(|truth| truth.iter().filter(|a| **a).count()),
        quantile: threshold::QUANTILE,
        rows,
        score: wanted,
        contrasts,
        verdict,
        notes: task.notes,
        scores: task.rows.iter().zip(&subject.scores).zip(flagged).map(row).collect(),
    })
}

#[cfg(test)]
mod tests;
