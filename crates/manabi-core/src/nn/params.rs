//! The parameter store: named tensors, walked in name order, initialised by seed.
//!
//! Names are joined by dots like a PyTorch state dict (`layer1.0.conv1.weight`). The
//! order of a walk is the names' order, never a hash map's: gradient norms, all-reduces
//! and checkpoints are the same in every process. A parameter's initial values depend on
//! `(seed, name)` alone, so adding a layer does not change the others.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use candle_core::{DType, Device, Shape, Tensor, Var};

use super::Compute;
use crate::{
    Error, Result,
    rng::{Key, Purpose, hash_name},
};

/// What a tensor is to the optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Trained, with weight decay (matrices, kernels).
    Weight,
    /// Trained, without weight decay (biases, norms' scale and shift, tokens, positions).
    NoDecay,
    /// Not trained (running statistics).
    Buffer,
}

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All equal.
    Constant(f32),
    /// Normal with this standard deviation.
    Normal(f32),
    /// Normal, cut at two standard deviations (ViT's tokens and weights).
    TruncatedNormal(f32),
    /// Uniform in ± this bound.
    Uniform(f32),
    /// He et al., arXiv:1502.01852, fan-out, ReLU: `std = sqrt(2 / (out · receptive field))` (torchvision's ResNet).
    KaimingFanOut,
    /// Uniform in ± `1 / sqrt(fan in)`: the default of PyTorch's linear and convolution layers.
    FanIn,
    /// Glorot & Bengio: uniform in ± `sqrt(6 / (fan in + fan out))` (ViT, MAE).
    Xavier,
}

#[derive(Clone)]
struct Entry {
    var: Var,
    role: Role,
}

/// A view of a parameter store below a prefix. Clones share the store.
#[derive(Clone)]
pub struct Params {
    entries: Arc<Mutex<BTreeMap<String, Entry>>>,
    prefix: String,
    seed: u64,
    device: Device,
    compute: Compute,
    starts: Vec<Start>,
}

/// Values that parameters below a prefix start from, by name without the prefix.
#[derive(Clone)]
struct Start {
    prefix: String,
    tensors: Arc<BTreeMap<String, Tensor>>,
}

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Params({:?}, {} tensors)", self.prefix, self.named().len())
    }
}

impl Params {
    /// An empty store.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self {
            entries: Arc::default(),
            prefix: String::new(),
            seed,
            device: device.clone(),
            compute: Compute::default(),
            starts: Vec::new(),
        }
    }

    /// This store, for layers whose parameters start from `tensors` (names without the prefix) instead of being drawn.
    /// What is made already stays as it is, and so does what a caller before named to start from.
    pub fn starting_from(&self, tensors: &BTreeMap<String, Tensor>) -> Self {
        let mut all = self.clone();
        all.starts.push(Start { prefix: self.prefix.clone(), tensors: Arc::new(tensors.clone()) });
        all
    }

    /// This store, for layers that compute so; what was built before keeps its way.
    pub fn with_compute(self, compute: Compute) -> Self {
        Self { compute, ..self }
    }

    /// How layers built on this store compute.
    pub fn compute(&self) -> Compute {
        self.compute
    }

    /// The store's device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The seed of initial values.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The part of the store below `name`.
    pub fn pp(&self, name: impl std::fmt::Display) -> Self {
        Self { prefix: self.path(&name.to_string()), ..self.clone() }
    }

    /// The tensor `name`, made on first use. Asking again with another shape is an error.
    ///
    /// It shares its storage with the store: optimiser steps are seen by who holds it.
    pub fn get(&self, name: &str, shape: impl Into<Shape>, init: Init, role: Role) -> Result<Tensor> {
        Ok(self.var(name, shape, init, role)?.as_tensor().clone())
    }

    /// As [`Params::get`], for tensors that a layer itself overwrites (running statistics).
    pub fn var(&self, name: &str, shape: impl Into<Shape>, init: Init, role: Role) -> Result<Var> {
        let (path, shape) = (self.path(name), shape.into());
        let mut entries = self.lock();
        if let Some(entry) = entries.get(&path) {
            if entry.var.shape() != &shape {
                return Err(Error::config(format!(
                    "parameter {path} has shape {:?}, but shape {shape:?} is asked for",
                    entry.var.shape()
                )));
            }
            return Ok(entry.var.clone());
        }
        let var = match self.start(&path) {
            Some(start) if start.shape() == &shape => {
                Var::from_tensor(&start.to_dtype(DType::F32)?.to_device(&self.device)?.contiguous()?)?
            }
            Some(start) => {
                return Err(Error::config(format!(
                    "parameter {path} starts from shape {:?}, but shape {shape:?} is asked for",
                    start.shape()
                )));
            }
            None => Var::from_tensor(&initial(&path, &shape, init, self.seed, &self.device)?)?,
        };
        entries.insert(path, Entry { var: var.clone(), role });
        Ok(var)
    }

    /// All tensors below the prefix, in name order, with full names.
    pub fn named(&self) -> Vec<(String, Var, Role)> {
        let dotted = format!("{}.", self.prefix);
        self.lock()
            .iter()
            .filter(|(name, _)| self.prefix.is_empty() || name.starts_with(&dotted))
            .map(|(name, e)| (name.clone(), e.var.clone(), e.role))
            .collect()
    }

    /// The trained ones among [`Params::named`].
    pub fn trainable(&self) -> Vec<(String, Var, Role)> {
        self.named().into_iter().filter(|(_, _, role)| *role != Role::Buffer).collect()
    }

    /// Number of trained values.
    pub fn count(&self) -> usize {
        self.trainable().iter().map(|(_, var, _)| var.elem_count()).sum()
    }

    /// Copies of all tensors below the prefix, by name without the prefix.
    pub fn snapshot(&self) -> Result<BTreeMap<String, Tensor>> {
        self.named()
            .into_iter()
            .map(|(name, var, _)| Ok((self.strip(&name), var.as_tensor().detach().copy()?)))
            .collect()
    }

    /// A store of its own with copies of all tensors below the prefix, under the same full names.
    pub fn duplicate(&self) -> Result<Self> {
        let mut entries = BTreeMap::new();
        for (name, var, role) in self.named() {
            entries.insert(name, Entry { var: Var::from_tensor(&var.as_tensor().detach().copy()?)?, role });
        }
        Ok(Self {
            entries: Arc::new(Mutex::new(entries)),
            prefix: String::new(),
            seed: self.seed,
            device: self.device.clone(),
            compute: self.compute,
            starts: Vec::new(),
        })
    }

    /// Overwrites every tensor below the prefix from `tensors` (names without the prefix).
    ///
    /// All or nothing: missing, unknown or mis-shaped names are listed in the error and
    /// nothing is changed.
    pub fn load(&self, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
        self.fits(tensors)?;
        for (name, var, _) in self.named() {
            if let Some(tensor) = tensors.get(&self.strip(&name)) {
                var.set(&tensor.to_dtype(DType::F32)?.to_device(&self.device)?.contiguous()?)?;
            }
        }
        Ok(())
    }

    /// An error that lists what [`Params::load`] would find missing, unknown or mis-shaped.
    pub fn fits(&self, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
        let named = self.named();
        let mut wrong = Vec::new();
        for (name, var, _) in &named {
            match tensors.get(&self.strip(name)) {
                None => wrong.push(format!("{name} is missing")),
                Some(t) if t.shape() != var.shape() => {
                    wrong.push(format!("{name} has shape {:?} instead of {:?}", t.shape(), var.shape()));
                }
                Some(_) => {}
            }
        }
        for name in tensors.keys() {
            let full = self.path(name);
            if !named.iter().any(|(n, ..)| *n == full) {
                wrong.push(format!("{name} is unknown"));
            }
        }
        if !wrong.is_empty() {
            return Err(Error::config(format!("these weights do not fit this model: {}", wrong.join(", "))));
        }
        Ok(())
    }

    /// What the parameter `path` starts from, if it is not drawn.
    fn start(&self, path: &str) -> Option<&Tensor> {
        self.starts.iter().find_map(|start| {
            let below = match start.prefix.as_str() {
                "" => path,
                prefix => path.strip_prefix(prefix)?.strip_prefix('.')?,
            };
            start.tensors.get(below)
        })
    }

    fn path(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) }
    }

    fn strip(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_string() } else { name[self.prefix.len() + 1..].to_string() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        // A thread that panicked in here left a whole map behind: insertions are the last act.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The initial values of parameter `path`: a pure function of `(seed, path)`.
fn initial(path: &str, shape: &Shape, init: Init, seed: u64, device: &Device) -> Result<Tensor> {
    let mut rng = Key::new(seed, Purpose::Init).sample(hash_name(path)).rng();
    let dims = shape.dims();
    let receptive: usize = dims.iter().skip(2).product();
    let fan_out = (dims.first().copied().unwrap_or(1) * receptive).max(1) as f32;
    let fan_in = (dims.get(1).copied().unwrap_or(1) * receptive).max(1) as f32;
    let count = shape.elem_count();
    let mut uniform = |bound: f32| (0..count).map(|_| rng.range(-bound, bound)).collect::<Vec<_>>();
    let values = match init {
        Init::Constant(value) => vec![value; count],
        Init::Uniform(bound) => uniform(bound),
        Init::FanIn => uniform(1.0 / fan_in.sqrt()),
        Init::Xavier => uniform((6.0 / (fan_in + fan_out)).sqrt()),
        Init::Normal(std) => (0..count).map(|_| rng.normal() * std).collect(),
        Init::KaimingFanOut => {
            let std = (2.0 / fan_out).sqrt();
            (0..count).map(|_| rng.normal() * std).collect()
        }
        Init::TruncatedNormal(std) => (0..count)
            .map(|_| {
                loop {
                    let value = rng.normal();
                    if value.abs() <= 2.0 {
                        break value * std;
                    }
                }
            })
            .collect(),
    };
    Ok(Tensor::from_vec(values, shape.clone(), device)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Params {
        let params = Params::new(3, &Device::Cpu);
        params.pp("b").get("weight", (2, 3), Init::FanIn, Role::Weight).unwrap();
        params.pp("a").get("bias", 4, Init::Constant(0.5), Role::NoDecay).unwrap();
        params.pp("a").get("running_mean", 4, Init::Constant(0.0), Role::Buffer).unwrap();
        params
    }

    #[test]
    fn parameters_are_walked_in_name_order() {
        let names: Vec<_> = store().named().into_iter().map(|(n, ..)| n).collect();
        assert_eq!(names, ["a.bias", "a.running_mean", "b.weight"]);
        assert_eq!(store().count(), 10);
    }

    #[test]
    fn given_values_are_started_from_the_first_ones_named_count_and_nothing_that_is_made_changes() {
        let (params, values) = (Params::new(3, &Device::Cpu), |v: f32| Tensor::full(v, 4, &Device::Cpu).unwrap());
        let given = |v: f32| [("bias".to_string(), values(v))].into();
        let inner =
            params.starting_from(&[("a.bias".to_string(), values(1.0))].into()).pp("a").starting_from(&given(2.0));
        let first =
            |p: &Params| p.get("bias", 4, Init::Constant(9.0), Role::NoDecay).unwrap().to_vec1::<f32>().unwrap()[0];
        assert_eq!(first(&inner), 1.0);
        assert_eq!(
            (first(&params.pp("a").starting_from(&given(3.0))), first(&params.pp("b").starting_from(&given(3.0)))),
            (1.0, 3.0)
        );
        let message = params.pp("c").starting_from(&given(2.0)).get("bias", 5, Init::Constant(0.0), Role::NoDecay);
        assert!(message.unwrap_err().to_string().contains("starts from shape [4]"));
    }

    #[test]
    fn initial_values_depend_on_seed_and_name_alone() {
        let values = |seed, extra: bool| {
            let params = Params::new(seed, &Device::Cpu);
            if extra {
                params.get("another", 7, Init::Normal(1.0), Role::Weight).unwrap();
            }
            let t = params.get("w", (3, 3), Init::KaimingFanOut, Role::Weight).unwrap();
            t.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(values(1, false), values(1, true));
        assert_ne!(values(1, false), values(2, false));
    }

    #[test]
    fn loading_is_all_or_nothing_and_lists_what_does_not_fit() {
        let params = store();
        let before = params.snapshot().unwrap();
        let mut other = before.clone();
        other.insert("a.bias".into(), Tensor::zeros(4, DType::F32, &Device::Cpu).unwrap());
        other.insert("b.weight".into(), Tensor::zeros((9, 9), DType::F32, &Device::Cpu).unwrap());
        other.insert("c".into(), Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap());
        let message = params.load(&other).unwrap_err().to_string();
        assert!(message.contains("b.weight has shape") && message.contains("c is unknown"), "{message}");
        let after = params.snapshot().unwrap();
        assert_eq!(after["a.bias"].to_vec1::<f32>().unwrap(), before["a.bias"].to_vec1::<f32>().unwrap());
    }

    #[test]
    fn a_snapshot_does_not_change_when_the_store_does() {
        let params = store();
        let before = params.snapshot().unwrap();
        for (_, var, _) in params.named() {
            var.set(&var.as_tensor().affine(1.0, 1.0).unwrap()).unwrap();
        }
        assert_eq!(before["a.bias"].to_vec1::<f32>().unwrap(), [0.5; 4]);
        params.load(&before).unwrap();
        assert_eq!(params.snapshot().unwrap()["a.bias"].to_vec1::<f32>().unwrap(), [0.5; 4]);
    }

    #[test]
    fn a_prefix_sees_only_its_own_parameters() {
        let a = store().pp("a");
        assert_eq!(a.snapshot().unwrap().keys().collect::<Vec<_>>(), ["bias", "running_mean"]);
    }
}
