//! Measures this machine, plans, and pre-trains.

use std::collections::BTreeMap;

use candle_core::Tensor;
use manabi_core::{
    Result,
    data::Source,
    eval::{self, knn::Knn},
    method::{self, ViewPlan},
    modality::Modality,
    train::{Existing, Observer, RunDir, Setup, Signals, Summary, TrainConfig, Trainer},
};

use super::{
    config::StudyConfig,
    encoders::spread,
    labelled::Labelled,
    parts::Parts,
    plan::{self, Allotment, Facts, Plan},
    recorder::Recorder,
    stopwatch::Stopwatch,
};

/// Passes over the data beyond which small datasets gain nothing.
const MOST_EPOCHS: u64 = 1000;
/// Rows that the online probe looks at.
const ONLINE_ROWS: usize = 1500;

/// What pre-training gave.
pub struct Pretrained {
    /// The encoder's weights.
    pub weights: BTreeMap<String, Tensor>,
    /// Planned passes over the data.
    pub planned_epochs: f64,
    /// What was done.
    pub summary: Summary,
    /// Rows a second in training on labels.
    pub rows_per_second: f64,
    /// What trainings on labels get.
    pub labelled: Allotment,
    /// The trainer's resolved settings.
    pub config: TrainConfig,
    /// The feature width.
    pub dim: usize,
}

/// Everything that pre-training looks at.
pub struct Input<'a, M: Modality> {
    /// The modality, bound to the dataset.
    pub modality: &'a M,
    /// The dataset.
    pub source: &'a dyn Source<M::Sample>,
    /// Its parts.
    pub parts: &'a Parts,
    /// Its labels: for the plan and the online probe, never for the loss.
    pub data: &'a Labelled,
    /// The study.
    pub config: &'a StudyConfig,
    /// Set when the user wants to stop.
    pub signals: Option<&'a Signals>,
}

impl<M: Modality> Input<'_, M> {
    fn setup(&self, steps: u64) -> Result<Setup<'_, M>> {
        let config = TrainConfig {
            seed: self.config.seed,
            steps: Some(steps),
            log_every: (steps / 200).max(1),
            monitor_every: (steps / 60).max(1),
            probe_every: if self.data.rows.len() < 3 { 0 } else { (steps / 12).max(1) },
            ..self.config.train.clone()
        };
        let method = method::find::<M>(&self.config.method)?;
        let mut setup = Setup::new(self.modality, self.source, &self.parts.train, method, config);
        setup.overrides = self.config.overrides.clone();
        Ok(setup)
    }

    /// Times steps of pre-training and of training on labels: at least three, and as many as fit two seconds.
    fn rates(&self) -> Result<Rates> {
        let mut trainer = self.interruptible(Trainer::new(self.setup(1000)?)?);
        let step = seconds_per_step(&mut trainer)?;
        let views = match trainer.method().plan() {
            ViewPlan::Views(views) => views.len(),
            ViewPlan::Transformed { classes, .. } => classes,
        };
        let views = (trainer.plan().batch * views) as f64 / step;
        Ok(Rates { step, labelled: if self.data.rows.len() < 2 { views } else { self.labelled_rate()? } })
    }

    /// Rows a second in training on labels.
    pub fn labelled_rate(&self) -> Result<f64> {
        let TrainConfig { precision, recompute, .. } = self.config.train;
        let config =
            TrainConfig { steps: Some(1000), monitor_every: 0, precision, recompute, ..TrainConfig::default() };
        let supervised = method::find::<M>("supervised")?;
        let setup = Setup::new(self.modality, self.source, &self.data.rows, supervised, config);
        let mut trainer = self.interruptible(Trainer::new(setup)?);
        Ok(trainer.plan().batch as f64 / seconds_per_step(&mut trainer)?)
    }

    fn interruptible<'t>(&'t self, trainer: Trainer<'t, M>) -> Trainer<'t, M> {
        match self.signals {
            Some(signals) => trainer.with_signals(signals),
            None => trainer,
        }
    }

    /// Measures, plans and trains.
    pub fn run(&self, watch: &Stopwatch, recorder: &mut Recorder) -> Result<Pretrained> {
        let Rates { step, labelled } = self.rates()?;
        watch.lap("calibrate");
        let per_epoch = {
            let trainer = Trainer::new(self.setup(1)?)?;
            trainer.plan().steps_per_epoch
        };
        let facts = Facts {
            left: watch.left(),
            step,
            rows_per_second: labelled,
            embedded: self.data.rows.len() + self.data.test.len() + 2000,
            effort: self.config.effort(),
            most_steps: MOST_EPOCHS * per_epoch,
        };
        let plan = plan::plan(&facts, self.data);
        let run = match &self.config.run {
            Some(path) => Some(RunDir::open(path, Existing::Resume)?),
            None => None,
        };
        let mut setup = self.setup(plan.steps)?;
        setup.run = run.as_ref();
        let mut trainer = self.interruptible(Trainer::new(setup)?);
        if self.data.rows.len() >= 3 {
            let slot = std::rc::Rc::clone(&recorder.probe);
            trainer = trainer.with_probe(Box::new(move |encoder| {
                let score = self.online_knn(encoder)?;
                slot.set(Some(score));
                Ok(vec![("online_knn".to_string(), score)])
            }));
        }
        // A machine that became slower ends pre-training early rather than the whole study late.
        let deadline = watch.elapsed() + plan.pretraining * 1.1 + 5.0;
        let mut trainer = trainer.with_stop(move || watch.elapsed() > deadline);
        recorder.start_study(&plan);
        let summary = trainer.run(recorder)?;
        let weights = trainer.encoder_weights()?;
        let planned_epochs = plan.steps as f64 / per_epoch as f64;
        let (config, dim) = (trainer.config().clone(), trainer.encoder().dim());
        Ok(Pretrained {
            weights,
            planned_epochs,
            summary,
            rows_per_second: labelled,
            labelled: plan.labelled,
            config,
            dim,
        })
    }

    /// Leave-out kNN among training rows only: the test rows are looked at once, in the end.
    fn online_knn(&self, encoder: &dyn manabi_core::encoder::Encoder<M::Batch>) -> Result<f64> {
        let (queries, support) = online_parts(self.data.rows.len(), self.data.groups.as_deref());
        let features =
            |at: &[usize]| eval::embed(self.modality, self.source, encoder, &self.data.rows_at(at), &mut |_| {});
        let votes =
            Knn::default().predict(&features(&support)?, &self.data.labels_at(&support), &features(&queries)?)?;
        let truth = self.data.labels_at(&queries);
        let hits = votes.predictions.iter().zip(&truth).filter(|(a, b)| a == b).count();
        Ok(hits as f64 / truth.len().max(1) as f64)
    }
}

/// What this machine does.
struct Rates {
    /// Seconds of one step of pre-training.
    step: f64,
    /// Rows a second in training on labels.
    labelled: f64,
}

fn seconds_per_step<M: Modality>(trainer: &mut Trainer<M>) -> Result<f64> {
    let first = trainer.measure(3)?.seconds_per_step;
    let more = (2.0 / first.max(1e-6)) as u64;
    Ok(if more > 3 { trainer.measure(more.min(50))?.seconds_per_step } else { first })
}

/// Query and support positions of the online probe: every third of at most 1 500 spread ones, and the others. Where rows
/// have three groups or more, every third group: a recording would find its own windows otherwise.
fn online_parts(rows: usize, groups: Option<&[u64]>) -> (Vec<usize>, Vec<usize>) {
    let positions: Vec<usize> = (0..rows).collect();
    let shown = spread(&positions, ONLINE_ROWS);
    let mut rank: BTreeMap<u64, usize> = BTreeMap::new();
    for group in groups.into_iter().flat_map(|groups| shown.iter().map(|&p| groups[p])) {
        let next = rank.len();
        rank.entry(group).or_insert(next);
    }
    let groups = groups.filter(|_| rank.len() >= 3);
    let turn = |(i, p): (usize, usize)| groups.map_or(i, |groups| rank[&groups[p]]);
    let (queries, support): (Vec<_>, Vec<_>) = shown.into_iter().enumerate().partition(|&at| turn(at) % 3 == 0);
    let positions = |part: Vec<(usize, usize)>| part.into_iter().map(|(_, p)| p).collect();
    (positions(queries), positions(support))
}

impl Recorder<'_> {
    fn start_study(&mut self, plan: &Plan) {
        let text = format!(
            "pre-training for about {:.0} s ({} steps), then {:.0} s of evaluation",
            plan.pretraining, plan.steps, plan.evaluation
        );
        self.note(manabi_core::train::Level::Info, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_online_probe_never_asks_a_row_about_itself() {
        for rows in [3, 10, 1500, 4000, 60_000] {
            let (queries, support) = online_parts(rows, None);
            assert!(!queries.is_empty() && !support.is_empty(), "{rows}");
            assert!(queries.iter().all(|q| !support.contains(q)), "{rows}");
            assert!(queries.len() + support.len() <= 1500, "{rows}");
        }
    }

    #[test]
    fn the_online_probe_keeps_groups_together_where_there_are_three() {
        let groups: Vec<u64> = (0..90).map(|i| i / 10).collect();
        let (queries, support) = online_parts(90, Some(&groups));
        assert_eq!((queries.len(), support.len()), (30, 60));
        assert!(queries.iter().all(|q| support.iter().all(|s| groups[*q] != groups[*s])));
        let two: Vec<u64> = (0..90).map(|i| i / 45).collect();
        assert_eq!(online_parts(90, Some(&two)), online_parts(90, None));
    }
}
