//! A modality of points and a method for it, for the tests of this folder.

use std::{collections::BTreeMap, sync::Arc};

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    data::{DataSpec, Record, Skipped, Source},
    encoder::{Encoder, EncoderFactory, Mode},
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan},
    modality::{Modality, PretextTask, Preview, ViewKind},
    nn::{Init, Params, Role},
    optim::{OptimizerConfig, ema},
    rng::{Key, Purpose, Rng},
};

pub struct PointsSource {
    records: Vec<Record>,
    points: Vec<Arc<Vec<f32>>>,
    classes: Vec<String>,
    pub broken: Vec<usize>,
    pub panics: Vec<usize>,
}

impl PointsSource {
    pub fn new(n: usize, width: usize) -> Self {
        let label = |i: usize| (i % 2) as u32;
        let points = (0..n)
            .map(|i| {
                let mut rng = Key::new(9, Purpose::Synthetic).sample(i as u64).rng();
                Arc::new((0..width).map(|_| rng.normal() + 2.0 * label(i) as f32).collect())
            })
            .collect();
        let records = (0..n)
            .map(|i| Record { id: format!("row {i}"), label: Some(label(i)), group: None, split: None, target: None })
            .collect();
        let classes = vec!["even".into(), "odd".into()];
        Self { records, points, classes, broken: Vec::new(), panics: Vec::new() }
    }
}

impl Source<Vec<f32>> for PointsSource {
    fn records(&self) -> &[Record] {
        &self.records
    }
    fn classes(&self) -> &[String] {
        &self.classes
    }
    fn load(&self, index: usize) -> Result<Arc<Vec<f32>>> {
        assert!(!self.panics.contains(&index), "planted");
        if self.broken.contains(&index) {
            return Err(Error::file(&self.records[index].id, "is broken"));
        }
        Ok(Arc::clone(&self.points[index]))
    }
    fn skipped(&self) -> &[Skipped] {
        &[]
    }
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct PointsConfig {
    pub width: usize,
}

#[derive(Clone)]
pub struct Points {
    config: PointsConfig,
}

impl Points {
    pub fn new(width: usize) -> Self {
        Self { config: PointsConfig { width } }
    }
}

pub struct Mlp {
    w1: Tensor,
    b1: Tensor,
    w2: Tensor,
    mean: Tensor,
    params: Params,
}

impl Encoder<Tensor> for Mlp {
    fn features(&self, batch: &Tensor, mode: Mode) -> Result<Tensor> {
        let hidden = batch.matmul(&self.w1.t()?)?.broadcast_add(&self.b1)?;
        if mode == Mode::Train {
            // A running statistic, as batch normalisation keeps one.
            let new = ((self.mean.detach() * 0.9)? + (hidden.detach().mean(0)? * 0.1)?)?;
            for (_, var, role) in self.params.named() {
                if role == Role::Buffer {
                    var.set(&new)?;
                }
            }
        }
        Ok(hidden.tanh()?.matmul(&self.w2.t()?)?)
    }
    fn dim(&self) -> usize {
        6
    }
}

impl Modality for Points {
    const NAME: &'static str = "points";
    type Sample = Vec<f32>;
    type Batch = Tensor;
    type Config = PointsConfig;

    fn detect(_: &DataSpec) -> bool {
        true
    }
    fn open(_: &DataSpec, config: &PointsConfig) -> Result<Box<dyn Source<Vec<f32>>>> {
        Ok(Box::new(PointsSource::new(32, config.width)))
    }
    fn fit(config: &PointsConfig, _: &dyn Source<Vec<f32>>, _: &[usize]) -> Result<Self> {
        Ok(Self { config: config.clone() })
    }
    fn config(&self) -> &PointsConfig {
        &self.config
    }
    fn describe(_: &dyn Source<Self::Sample>) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    fn augment(&self, sample: &Vec<f32>, view: ViewKind, rng: &mut Rng) -> Result<Vec<f32>> {
        let noise = if view == ViewKind::Eval { 0.0 } else { 0.3 };
        Ok(sample.iter().map(|x| x + noise * rng.normal()).collect())
    }
    fn tasks() -> &'static [PretextTask] {
        &[PretextTask { name: "reversal", classes: 2, summary: "forwards or backwards" }]
    }
    fn transform(&self, sample: &Vec<f32>, _task: usize, class: u32, _: &mut Rng) -> Result<Vec<f32>> {
        Ok(if class == 0 { sample.clone() } else { sample.iter().rev().copied().collect() })
    }
    fn collate(&self, samples: &[Vec<f32>], device: &Device) -> Result<Tensor> {
        Ok(Tensor::from_vec(samples.concat(), (samples.len(), self.config.width), device)?)
    }
    fn encoder(&self, params: &Params) -> Result<Box<dyn Encoder<Tensor>>> {
        Ok(Box::new(Mlp {
            w1: params.get("fc1.weight", (16, self.config.width), Init::FanIn, Role::Weight)?,
            b1: params.get("fc1.bias", 16, Init::Constant(0.0), Role::NoDecay)?,
            mean: params.get("fc1.running_mean", 16, Init::Constant(0.0), Role::Buffer)?,
            w2: params.get("fc2.weight", (6, 16), Init::FanIn, Role::Weight)?,
            params: params.clone(),
        }))
    }
    fn encoders() -> &'static [&'static str] {
        &["mlp"]
    }
    fn cost(&self) -> f64 {
        1.0
    }
    fn raw_features(&self, sample: &Vec<f32>) -> Result<Vec<f32>> {
        Ok(sample.clone())
    }
    fn preview(&self, sample: &Vec<f32>) -> Result<Preview> {
        Ok(Preview::Text(format!("{sample:?}")))
    }
}

/// Predict the teacher's features of the other view (BYOL in small), with a counter as further state.
struct Predict {
    w: Tensor,
    teacher: Params,
    teacher_encoder: Box<dyn Encoder<Tensor>>,
    updates: f64,
    poison: Vec<u64>,
    shrink: f64,
}

impl Method<Tensor> for Predict {
    fn name(&self) -> &'static str {
        "predict"
    }
    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Strong(0), ViewKind::Strong(1)])
    }
    fn loss(&mut self, encoder: &dyn Encoder<Tensor>, views: &[Tensor], step: &Step) -> Result<Loss> {
        let a = encoder.features(&views[0], Mode::Train)?;
        let b = encoder.features(&views[1], Mode::Train)?;
        let target = self.teacher_encoder.features(&views[1], Mode::Train)?.detach();
        let apart = (a.matmul(&self.w.t()?)? - target)?.sqr()?.mean_all()?;
        // Pulls all features to one point when asked to.
        let pull = ((a.get(0)?.detach() * 0.0)? + 1.0)?;
        let shrink = (a.broadcast_sub(&pull)?.sqr()?.mean_all()? * self.shrink)?;
        let mut value = (apart + shrink)?;
        if self.poison.contains(&step.index) {
            value = (value * f64::NAN)?;
        }
        let updates = self.updates;
        Ok(Loss { value, features: a.detach(), second: Some(b.detach()), metrics: vec![("updates", updates)] })
    }
    fn after_update(&mut self, student: &Params, step: &Step) -> Result<()> {
        self.updates += 1.0;
        ema::update(&self.teacher, &student.pp("encoder"), ema::momentum(0.9, step.progress()))
    }
    fn frozen(&self, step: &Step) -> Vec<String> {
        if step.index < 3 { vec!["w".into()] } else { Vec::new() }
    }
    fn state(&self) -> BTreeMap<String, Tensor> {
        let mut state: BTreeMap<String, Tensor> = self
            .teacher
            .named()
            .into_iter()
            .map(|(name, var, _)| (format!("teacher.{name}"), var.as_tensor().detach()))
            .collect();
        state.insert("updates".into(), Tensor::new(&[self.updates], &Device::Cpu).unwrap());
        state
    }
    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        self.updates = state["updates"].to_vec1::<f64>()?[0];
        let teacher = state.iter().filter_map(|(k, t)| Some((k.strip_prefix("teacher.")?.to_string(), t.clone())));
        self.teacher.load(&teacher.collect())
    }
}

#[derive(Serialize, Deserialize)]
struct PredictConfig {
    poison: Vec<u64>,
    shrink: f64,
}

fn build(c: &BuildContext<Tensor>) -> Result<Box<dyn Method<Tensor>>> {
    let config = c.overrides.apply("predict", &PredictConfig { poison: Vec::new(), shrink: 0.0 })?;
    let teacher = Params::new(0, &Device::Cpu);
    let factory: &EncoderFactory<Tensor> = c.factory;
    let teacher_encoder = factory(&teacher)?;
    teacher.load(&c.student.snapshot()?)?;
    Ok(Box::new(Predict {
        w: c.heads.get("w", (6, 6), Init::FanIn, Role::Weight)?,
        teacher,
        teacher_encoder,
        updates: 0.0,
        poison: config.poison,
        shrink: config.shrink,
    }))
}

pub fn defaults(_: &DatasetFacts) -> TrainDefaults {
    let optimizer = OptimizerConfig::Adamw { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 };
    TrainDefaults { optimizer, batch: 8, warmup: 0.1, clip: 1.0 }
}

pub fn predict() -> MethodEntry<Tensor> {
    MethodEntry {
        name: "predict",
        aliases: &[],
        family: Family::Instance,
        paper: "",
        summary: "",
        build,
        defaults,
        settings: |_| toml::Table::new(),
    }
}

/// The supervised baseline in small.
struct Classify {
    w: Tensor,
}

impl Method<Tensor> for Classify {
    fn name(&self) -> &'static str {
        "classify"
    }
    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Supervised])
    }
    fn loss(&mut self, encoder: &dyn Encoder<Tensor>, views: &[Tensor], step: &Step) -> Result<Loss> {
        let features = encoder.features(&views[0], Mode::Train)?;
        let signs: Vec<f32> = step.labels.iter().map(|&l| l as f32).collect();
        let target = Tensor::from_vec(signs, (step.labels.len(), 1), &Device::Cpu)?;
        let value = (features.matmul(&self.w.t()?)? - target)?.sqr()?.mean_all()?.to_dtype(DType::F32)?;
        Ok(Loss { value, features: features.detach(), second: None, metrics: Vec::new() })
    }
    fn logits(&self, features: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(features.matmul(&self.w.t()?)?))
    }
}

pub fn classify() -> MethodEntry<Tensor> {
    MethodEntry {
        name: "classify",
        family: Family::Supervised,
        build: |c| Ok(Box::new(Classify { w: c.heads.get("w", (1, 6), Init::FanIn, Role::Weight)? })),
        ..predict()
    }
}
