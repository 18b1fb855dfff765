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
    plan::{self, Facts, Plan},
    recorder::Recorder,
    stopwatch::Stopwatch,
};

/// Passes over the data beyond which small datasets gain nothing.
const MOST_EPOCHS: u64 = 1000;

/// What pre-training gave.
pub struct Pretrained {
    /// The encoder's weights.
    pub weights: BTreeMap<String, Tensor>,
    /// Planned passes over the data.
    pub planned_epochs: f64,
    /// What was done.
    pub summary: Summary,
    /// Views a second in training.
    pub rows_per_second: f64,
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
            batch: self.config.batch,
            log_every: (steps / 200).max(1),
            monitor_every: (steps / 60).max(1),
            probe_every: if self.data.rows.is_empty() { 0 } else { (steps / 12).max(1) },
            ..TrainConfig::default()
        };
        let method = method::find(&self.config.method)?;
        let mut setup = Setup::new(self.modality, self.source, &self.parts.train, method, config);
        setup.overrides = self.config.overrides.clone();
        Ok(setup)
    }

    /// Times training steps: at least three, and as many as fit a second or two.
    fn rate(&self) -> Result<(f64, f64)> {
        let mut trainer = Trainer::new(self.setup(1000)?)?;
        if let Some(signals) = self.signals {
            trainer = trainer.with_signals(signals);
        }
        let first = trainer.measure(3)?;
        let more = (2.0 / first.seconds_per_step.max(1e-6)) as u64;
        let step = if more > 3 { trainer.measure(more.min(50))?.seconds_per_step } else { first.seconds_per_step };
        let views = match trainer.method().plan() {
            ViewPlan::Views(views) => views.len(),
            ViewPlan::Transformed => self.modality.transformations(),
        };
        Ok((step, (trainer.plan().batch * views) as f64 / step))
    }

    /// Views a second in training, for an evaluation without pre-training.
    pub fn rows_per_second(&self) -> Result<f64> {
        Ok(self.rate()?.1)
    }

    /// Measures, plans and trains.
    pub fn run(&self, watch: &Stopwatch, recorder: &mut Recorder) -> Result<Pretrained> {
        let (step, rows_per_second) = self.rate()?;
        watch.lap("calibrate");
        let per_epoch = {
            let trainer = Trainer::new(self.setup(1)?)?;
            trainer.plan().steps_per_epoch
        };
        let facts = Facts {
            left: watch.left(),
            step,
            rows_per_second,
            embedded: self.data.rows.len() + self.data.test.len() + 2000,
            seeds: self.config.seeds,
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
        let mut trainer = Trainer::new(setup)?;
        if let Some(signals) = self.signals {
            trainer = trainer.with_signals(signals);
        }
        if !self.data.rows.is_empty() {
            let slot = std::rc::Rc::clone(&recorder.probe);
            trainer = trainer.with_probe(Box::new(move |encoder| {
                let score = self.online_knn(encoder)?;
                slot.set(Some(score));
                Ok(vec![("online_knn".to_string(), score)])
            }));
        }
        // A machine that became slower ends pre-training early rather than the whole study late.
        let deadline = watch.elapsed() + plan.pretraining * 1.25 + 5.0;
        let mut trainer = trainer.with_stop(move || watch.elapsed() > deadline);
        recorder.start_study(&plan);
        let summary = trainer.run(recorder)?;
        let weights = trainer.params().pp("encoder").snapshot()?;
        let planned_epochs = plan.steps as f64 / per_epoch as f64;
        let (config, dim) = (trainer.config().clone(), trainer.encoder().dim());
        Ok(Pretrained { weights, planned_epochs, summary, rows_per_second, config, dim })
    }

    /// Leave-out kNN among training rows only: the test rows are looked at once, in the end.
    fn online_knn(&self, encoder: &dyn manabi_core::encoder::Encoder<M::Batch>) -> Result<f64> {
        let positions: Vec<usize> = (0..self.data.rows.len()).collect();
        let (queries, support): (Vec<usize>, Vec<usize>) =
            spread(&positions, 1500).into_iter().partition(|p| p % 3 == 0);
        let (queries, support) =
            if queries.is_empty() || support.is_empty() { (positions.clone(), positions) } else { (queries, support) };
        let features =
            |at: &[usize]| eval::embed(self.modality, self.source, encoder, &self.data.rows_at(at), &mut |_| {});
        let votes =
            Knn::default().predict(&features(&support)?, &self.data.labels_at(&support), &features(&queries)?)?;
        let truth = self.data.labels_at(&queries);
        let hits = votes.predictions.iter().zip(&truth).filter(|(a, b)| a == b).count();
        Ok(hits as f64 / truth.len().max(1) as f64)
    }
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
