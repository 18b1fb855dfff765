//! The phases of a study, in order.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    data::Source,
    encoder::Encoder,
    eval::{self, Features, linear::Scaling, metrics::Metric, statistics::Bootstrap},
    modality::Modality,
    nn::Precision,
    train::{Observer, Signals},
};

use super::{
    cells::{self, Cell},
    config::StudyConfig,
    describe, encoders, figures, host, label_free,
    labelled::Labelled,
    map,
    parts::Parts,
    plan::{self, Allotment, Facts},
    pretrain::{Input, Pretrained},
    recorder::Recorder,
    stopwatch::Stopwatch,
    trainings::Trainings,
};
use crate::report::{Cost, Health, Monitor, NextStep, Report, Representation, Reproducibility};

/// Rows that the label-free figures are taken on.
const LABEL_FREE_ROWS: usize = 1000;

/// What a study starts from.
pub struct Start<'a, M: Modality> {
    /// The modality's settings; what they leave open is taken from the data.
    pub settings: M::Config,
    /// The dataset.
    pub source: &'a dyn Source<M::Sample>,
    /// The study.
    pub config: StudyConfig,
    /// Set when the user wants to stop.
    pub signals: Option<&'a Signals>,
    /// Name of the encoder, for the report.
    pub encoder: String,
}

/// Pre-trains an encoder and says what it is worth.
pub fn pilot<M: Modality>(start: &Start<M>, observer: &mut dyn Observer, say: &mut dyn FnMut(&str)) -> Result<Report> {
    let mut study = Study::<M>::new(start)?;
    let mut recorder = Recorder::new(observer);
    let trained = study.input(start).run(&study.watch, &mut recorder)?;
    study.watch.lap("pretrain");
    // The encoder is on disk; nobody should wait for an evaluation that he no longer wants.
    if let Some(signals) = start.signals {
        signals.end_at_once();
    }
    study.report.monitor = describe::monitor(&recorder, &trained.summary, trained.dim);
    study.report.warnings.append(&mut recorder.warnings);
    study.report.cost.samples_per_second =
        Some(trained.summary.epochs * study.parts.train.len() as f64 / trained.summary.seconds.max(1e-9));
    study.report.cost.planned_epochs = Some(trained.planned_epochs);
    study.report.cost.used_epochs = Some(trained.summary.epochs);
    study.settings = settings(start, &trained);
    study.finish(start, &trained.weights, trained.rows_per_second, &trained.labelled, say)
}

/// Says what an encoder that was pre-trained before is worth.
pub fn evaluate<M: Modality>(
    start: &Start<M>,
    weights: &BTreeMap<String, Tensor>,
    say: &mut dyn FnMut(&str),
) -> Result<Report> {
    let mut study = Study::<M>::new(start)?;
    study.report.monitor =
        Monitor { health: Health::Unknown, message: "pre-trained before this evaluation".into(), ..Monitor::default() };
    let rows_per_second = study.input(start).labelled_rate()?;
    study.watch.lap("calibrate");
    // Nothing is pre-trained: all of the time is for what comes after.
    let facts = Facts {
        left: study.watch.left(),
        step: 1.0,
        rows_per_second,
        embedded: study.data.rows.len() + study.data.test.len(),
        effort: start.config.effort(),
        most_steps: 1,
    };
    let allotted = plan::plan(&facts, &study.data).labelled;
    study.finish(start, weights, rows_per_second, &allotted, say)
}

fn settings<M: Modality>(start: &Start<M>, trained: &Pretrained) -> Vec<(String, String)> {
    let mut all = vec![
        ("steps".to_string(), trained.summary.steps.to_string()),
        ("batch".to_string(), trained.config.batch.map_or("default".into(), |b| b.to_string())),
    ];
    if trained.config.precision != Precision::F32 {
        all.push(("precision".into(), trained.config.precision.name().into()));
    }
    if let Some(optimizer) = &trained.config.optimizer {
        all.push(("optimiser".into(), serde_json::to_string(optimizer).unwrap_or_default()));
    }
    all.extend(start.config.overrides.0.iter().map(|(k, v)| (k.clone(), v.to_string())));
    all
}

struct Study<M: Modality> {
    modality: M,
    parts: Parts,
    data: Labelled,
    metric: Metric,
    watch: Stopwatch,
    report: Report,
    settings: Vec<(String, String)>,
}

impl<M: Modality> Study<M> {
    fn new(start: &Start<M>) -> Result<Self> {
        let watch = Stopwatch::start(start.config.budget);
        let records = start.source.records();
        let mut parts = Parts::of(records, start.config.seed)?;
        let mut report =
            Report { dataset: start.config.dataset.clone(), modality: M::NAME.into(), ..Report::default() };
        report.warnings.extend_from_slice(start.source.notes());
        let classes = used_classes(start.source, &parts);
        let data = if classes >= 2 {
            Labelled::draw(records, &parts, start.config.seeds.max(1), start.config.seed)?
        } else {
            if classes == 1 {
                report.warnings.push("All labels name one class, so there is nothing to tell apart: the labels were not used. Give labels of at least two classes.".into());
            }
            parts.train.append(&mut parts.test);
            parts.train.sort_unstable();
            Labelled::default()
        };
        if parts.train.len() < 2 {
            return Err(Error::data(format!(
                "there are {} samples to train on; a study needs at least 2, and some hundreds to learn anything",
                parts.train.len()
            )));
        }
        for short in data.levels.iter().flat_map(|l| &l.short).take(5) {
            let class = start.source.classes().get(short.class as usize).map_or("?", String::as_str);
            report.warnings.push(format!(
                "Class {class} has {} labelled training samples; a budget asked for {}.",
                short.rows, short.asked
            ));
        }
        let mut counts = vec![0usize; start.source.classes().len()];
        data.truth.iter().chain(&data.labels).for_each(|&l| counts[l as usize] += 1);
        counts.retain(|c| *c > 0);
        let metric = Metric::pick(&counts);
        let modality = M::fit(&start.settings, start.source, &parts.train)?;
        report.metric = metric.name().into();
        report.inventory = describe::inventory(start.source, &parts);
        let study = Self { modality, parts, data, metric, watch, report, settings: Vec::new() };
        study.watch.lap("inspect");
        Ok(study)
    }

    fn input<'a>(&'a self, start: &'a Start<M>) -> Input<'a, M> {
        Input {
            modality: &self.modality,
            source: start.source,
            parts: &self.parts,
            data: &self.data,
            config: &start.config,
            signals: start.signals,
        }
    }

    /// Everything after pre-training.
    fn finish(
        mut self,
        start: &Start<M>,
        weights: &BTreeMap<String, Tensor>,
        rows_per_second: f64,
        allotted: &Allotment,
        say: &mut dyn FnMut(&str),
    ) -> Result<Report> {
        let (source, seed) = (start.source, start.config.seed);
        let blank = self.modality.blank();
        let random = encoders::build(blank.as_ref().unwrap_or(&self.modality), None, seed)?;
        let trained = encoders::build(&self.modality, Some(weights), seed)?;
        let name = start.config.method.as_str();
        let mut cells: Vec<Cell> = Vec::new();
        if !self.data.rows.is_empty() {
            say("embedding the data and fitting probes");
            let probe = |frozen, representation, name: &str| {
                let scaling = if representation == Representation::Raw { M::raw_scale() } else { Scaling::Columns };
                cells::linear(&frozen, &self.data, self.metric, representation, name, scaling)
            };
            cells.extend(probe(
                encoders::raw(&self.modality, source, &self.data)?,
                Representation::Raw,
                "linear probe",
            )?);
            if blank.is_some() {
                let given = encoders::build(&self.modality, None, seed)?;
                let frozen = encoders::frozen(&self.modality, source, given.as_ref(), &self.data)?;
                cells.extend(probe(frozen, Representation::Given, "linear probe")?);
            }
            cells.extend(probe(
                encoders::frozen(&self.modality, source, random.as_ref(), &self.data)?,
                Representation::Random,
                "linear probe",
            )?);
            let frozen = encoders::frozen(&self.modality, source, trained.as_ref(), &self.data)?;
            cells.extend(cells::knn(&frozen, &self.data, Representation::SslKnn, name)?);
            cells.extend(probe(frozen, Representation::SslLinear, name)?);
            self.watch.lap("probes");
            let trainings = Trainings {
                modality: &self.modality,
                blank: blank.as_ref().unwrap_or(&self.modality),
                source,
                data: &self.data,
                weights,
                method: name,
                metric: self.metric,
                allotted,
                rows_per_second,
                compute: start.config.train.compute(),
            };
            let (trained, mut left_out) = trainings.run(&self.watch, say)?;
            cells.extend(trained);
            self.report.warnings.append(&mut left_out);
            self.watch.lap("trainings on labels");
            self.report.cost.label_training_share = Some(allotted.effort);
            let bootstrap = Bootstrap { seed, ..Bootstrap::default() };
            self.report.rows = figures::rows(&cells, &self.data, self.metric, &bootstrap)?;
            self.report.comparisons = figures::comparisons(&cells, &self.data, self.metric, &bootstrap)?;
            self.watch.lap("statistics");
        }
        say("drawing the map and the neighbours");
        let pool = if self.data.test.is_empty() { self.parts.train.clone() } else { self.data.test.clone() };
        let pool = pool.as_slice();
        let shown = encoders::spread(pool, map::POINTS);
        let features = encoders::embed(&self.modality, source, trained.as_ref(), &shown)?;
        // Pictures of the result must not cost the result: what fails here is left out with a remark.
        if let Err(error) = self.look(start, pool, &shown, &features, random.as_ref(), trained.as_ref()) {
            self.report
                .warnings
                .push(format!("A part of the map and of the label-free figures was left out: {error}."));
        }
        self.watch.lap("map and label-free figures");
        self.conclude(start)
    }

    /// The map, the neighbours, and what is known without labels.
    fn look(
        &mut self,
        start: &Start<M>,
        pool: &[usize],
        shown: &[usize],
        features: &Features,
        random: &dyn Encoder<M::Batch>,
        trained: &dyn Encoder<M::Batch>,
    ) -> Result<()> {
        let (source, seed, name) = (start.source, start.config.seed, start.config.method.as_str());
        self.report.neighbours = map::neighbours(&self.modality, source, shown, features)?;
        self.report.embedding_map = map::map(source, shown, features, seed)?;
        let some = encoders::spread(pool, LABEL_FREE_ROWS);
        if some.len() < 3 {
            return Ok(());
        }
        let classes: Option<Vec<u32>> = some.iter().map(|&row| source.records()[row].label).collect();
        let mut scored = Vec::new();
        let mut score = |x: &Features, representation, name: &str| {
            if let Some(classes) = &classes {
                scored.extend(label_free::against_classes(x, classes, representation, name)?);
            }
            Ok::<(), Error>(())
        };
        score(&eval::raw(&self.modality, source, &some)?, Representation::Raw, "raw")?;
        for (encoder, representation, name) in
            [(random, Representation::Random, "random"), (trained, Representation::SslLinear, name)]
        {
            let x = encoders::embed(&self.modality, source, encoder, &some)?;
            let figures = label_free::figures(&self.modality, source, encoder, &some, &x, representation, name)?;
            self.report.label_free.extend(figures);
            score(&x, representation, name)?;
        }
        self.report.label_free.append(&mut scored);
        Ok(())
    }

    fn conclude(mut self, start: &Start<M>) -> Result<Report> {
        let report = &mut self.report;
        report.machine = host::machine();
        report.method =
            describe::method_info::<M>(&start.config, &start.encoder, &self.settings, self.metric, &self.data);
        report.reproducibility = Reproducibility {
            seed: start.config.seed,
            label_seeds: self.data.levels.first().map_or(Vec::new(), |l| l.draws.iter().map(|d| d.seed).collect()),
            version: env!("CARGO_PKG_VERSION").into(),
            command: start.config.command.clone(),
            finished: host::now(),
            config: toml::to_string(self.modality.config()).unwrap_or_default(),
            data_hash: None,
        };
        report.next = next_steps(start);
        report.cost = Cost {
            phases: self.watch.phases(),
            wall_seconds: self.watch.elapsed(),
            cores: report.machine.cores,
            peak_memory_bytes: host::peak_memory(),
            ..report.cost.clone()
        };
        report.conclude();
        Ok(self.report)
    }
}

/// Classes that occur among the labels.
fn used_classes<S>(source: &dyn Source<S>, parts: &Parts) -> usize {
    let mut used = vec![false; source.classes().len()];
    parts
        .train
        .iter()
        .chain(&parts.test)
        .filter_map(|&i| source.records()[i].label)
        .for_each(|l| used[l as usize] = true);
    used.iter().filter(|u| **u).count()
}

fn next_steps<M: Modality>(start: &Start<M>) -> Vec<NextStep> {
    let Some(run) = &start.config.run else { return Vec::new() };
    let (run, data) = (run.display(), &start.config.dataset);
    let step = |what: &str, command: String| NextStep { what: what.into(), command };
    let mut steps = vec![
        step(
            "Train a classifier on all labels, from this encoder",
            format!("manabi finetune {data} --run {run} --out {run}-classifier"),
        ),
        step(
            "Classify new samples with it",
            format!("manabi predict NEW_DATA --model {run}-classifier --out predictions.csv"),
        ),
        step("Write the embeddings for search or clustering", format!("manabi embed {data} --run {run}")),
        step("Pre-train for longer", format!("manabi pilot {data} --budget 2h --out {run}-long")),
    ];
    let classes: BTreeSet<u32> = start.source.labels().into_iter().flatten().collect();
    if classes.len() < 2 {
        // Nothing to tell apart: no classifier to fine-tune or to predict with.
        steps.drain(..2);
    }
    steps
}
