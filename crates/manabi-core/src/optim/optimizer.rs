//! SGD with Nesterov momentum and AdamW as PyTorch, LARS as lightly.
//!
//! State lives in named slots (one per parameter, name order) and goes to and from a
//! checkpoint whole. Parameters of role `NoDecay` get no weight decay and no LARS
//! scaling. A parameter without gradient is left as it is, its moments and its step count too.
//!
//! LARS (arXiv:1708.03888): `local = eta · ‖p‖ / (‖g‖ + wd · ‖p‖ + 1e-8)`, then
//! `b = µ·b + local·(g + wd·p); p -= lr·b`. Memory: SGD and LARS one copy of the
//! parameters, AdamW two.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};

use super::{
    Gradients, Groups, OptimizerConfig,
    ema::Followers,
    step::{self, AdamWStep, Also, LarsStep, SgdStep},
};
use crate::{
    Error, Result,
    nn::{Params, Role},
};

struct Slot {
    name: String,
    param: Var,
    role: Role,
    factor: f64,
    first: Var,
    second: Option<Var>,
    step: u32,
}

impl Slot {
    /// Moves the parameter and its state.
    fn update(&mut self, config: &OptimizerConfig, gradient: &Tensor, lr_scale: f64, also: Also<'_>) -> Result<()> {
        self.step += 1;
        let scale = lr_scale * self.factor;
        let plain = self.role == Role::NoDecay;
        let decay = |wd: f64| if plain { 0.0 } else { wd };
        match *config {
            OptimizerConfig::Sgd { lr, momentum, nesterov, weight_decay } => {
                let s = SgdStep { lr: lr * scale, momentum, nesterov, weight_decay: decay(weight_decay) };
                step::sgd(&self.param, gradient, &self.first, &s, also)
            }
            OptimizerConfig::Adamw { lr, beta1, beta2, eps, weight_decay } => {
                // Made with the slot wherever the optimiser is AdamW.
                let Some(second) = &self.second else { return Ok(()) };
                let step = u64::from(self.step);
                let s = AdamWStep { lr: lr * scale, beta1, beta2, eps, weight_decay: decay(weight_decay), step };
                step::adamw(&self.param, gradient, &self.first, second, &s, also)
            }
            OptimizerConfig::Lars { lr, momentum, .. } if plain => {
                let s = SgdStep { lr: lr * scale, momentum, nesterov: false, weight_decay: 0.0 };
                step::sgd(&self.param, gradient, &self.first, &s, also)
            }
            OptimizerConfig::Lars { lr, momentum, weight_decay, eta } => {
                let s = LarsStep { lr: lr * scale, momentum, weight_decay, eta };
                step::lars(&self.param, gradient, &self.first, &s, also)
            }
        }
    }
}

/// An optimiser over the trained parameters of a store.
pub struct Optimizer {
    config: OptimizerConfig,
    slots: Vec<Slot>,
}

impl Optimizer {
    /// An optimiser with fresh state over `params.trainable()`.
    pub fn new(config: OptimizerConfig, params: &Params, groups: &Groups) -> Result<Self> {
        groups.validate()?;
        validate(&config)?;
        let adam = matches!(config, OptimizerConfig::Adamw { .. });
        let mut slots = Vec::new();
        for (name, param, role) in params.trainable() {
            slots.push(Slot {
                factor: groups.factor(&name),
                first: Var::from_tensor(&param.as_tensor().zeros_like()?)?,
                second: if adam { Some(Var::from_tensor(&param.as_tensor().zeros_like()?)?) } else { None },
                name,
                param,
                role,
                step: 0,
            });
        }
        Ok(Self { config, slots })
    }

    /// The peak learning rate.
    pub fn lr(&self) -> f64 {
        match self.config {
            OptimizerConfig::Sgd { lr, .. } | OptimizerConfig::Adamw { lr, .. } | OptimizerConfig::Lars { lr, .. } => {
                lr
            }
        }
    }

    /// One update at `lr_scale` times the peak learning rate.
    pub fn step(&mut self, gradients: &Gradients, lr_scale: f64) -> Result<()> {
        self.step_with(gradients, lr_scale, &Followers::default())
    }

    /// The same; the trained tensors of `followers` move in the same pass over memory, those of parameters that stay
    /// as they are too.
    pub fn step_with(&mut self, gradients: &Gradients, lr_scale: f64, followers: &Followers) -> Result<()> {
        for slot in &mut self.slots {
            let follower = followers.get(&slot.name);
            match gradients.get(&slot.name) {
                Some(gradient) if slot.factor != 0.0 => {
                    let also = Also {
                        gradient_scale: gradients.factor() as f32,
                        follower: follower.map(|(var, momentum)| (var, momentum as f32)),
                    };
                    slot.update(&self.config, gradient, lr_scale, also)?;
                }
                _ => {
                    if let Some((var, momentum)) = follower {
                        step::ema_update(var, &slot.param.as_tensor().detach(), momentum)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The whole state, by name: `momentum.…` or `m.…`, `v.…`, and `step.…`.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        for slot in &self.slots {
            let copy = |var: &Var| var.as_tensor().detach().copy();
            state.insert(format!("{}.{}", first_name(&slot.second), slot.name), copy(&slot.first)?);
            if let Some(second) = &slot.second {
                state.insert(format!("v.{}", slot.name), copy(second)?);
            }
            state.insert(format!("step.{}", slot.name), Tensor::new(&[slot.step], &Device::Cpu)?);
        }
        Ok(state)
    }

    /// Takes a state back. All or nothing: missing, unknown and mis-shaped names are listed.
    pub fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let expected = self.state()?;
        let mut wrong = Vec::new();
        for (name, tensor) in &expected {
            match state.get(name) {
                None => wrong.push(format!("{name} is missing")),
                Some(t) if t.shape() != tensor.shape() || t.dtype() != tensor.dtype() => {
                    wrong.push(format!("{name} is {:?} instead of {:?}", t.shape(), tensor.shape()));
                }
                Some(_) => {}
            }
        }
        wrong.extend(state.keys().filter(|k| !expected.contains_key(*k)).map(|k| format!("{k} is unknown")));
        if !wrong.is_empty() {
            return Err(Error::config(format!("this optimiser state does not fit: {}", wrong.join(", "))));
        }
        for slot in &mut self.slots {
            let set = |var: &Var, prefix: &str| -> Result<()> {
                if let Some(t) = state.get(&format!("{prefix}.{}", slot.name)) {
                    var.set(&t.to_dtype(DType::F32)?.to_device(var.device())?.contiguous()?)?;
                }
                Ok(())
            };
            set(&slot.first, first_name(&slot.second))?;
            if let Some(second) = &slot.second {
                set(second, "v")?;
            }
            if let Some(step) = state.get(&format!("step.{}", slot.name)) {
                slot.step = step.to_vec1::<u32>()?.first().copied().unwrap_or(0);
            }
        }
        Ok(())
    }
}

fn first_name(second: &Option<Var>) -> &'static str {
    if second.is_some() { "m" } else { "momentum" }
}

fn validate(config: &OptimizerConfig) -> Result<()> {
    let check = |name: &str, value: f64, good: bool, range: &str| {
        if good && value.is_finite() {
            Ok(())
        } else {
            Err(Error::config(format!("the optimiser's {name} is {value}; it must be {range}")))
        }
    };
    let share = |name, value| check(name, value, (0.0..1.0).contains(&value), "at least 0 and below 1");
    let positive = |name, value| check(name, value, value > 0.0, "above 0");
    let not_negative = |name, value| check(name, value, value >= 0.0, "0 or more");
    match *config {
        OptimizerConfig::Sgd { lr, momentum, weight_decay, .. } => {
            positive("lr", lr)?;
            share("momentum", momentum)?;
            not_negative("weight_decay", weight_decay)
        }
        OptimizerConfig::Adamw { lr, beta1, beta2, eps, weight_decay } => {
            positive("lr", lr)?;
            share("beta1", beta1)?;
            share("beta2", beta2)?;
            positive("eps", eps)?;
            not_negative("weight_decay", weight_decay)
        }
        OptimizerConfig::Lars { lr, momentum, weight_decay, eta } => {
            positive("lr", lr)?;
            share("momentum", momentum)?;
            not_negative("weight_decay", weight_decay)?;
            positive("eta", eta)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ema, *};
    use crate::nn::Init;

    const ADAMW: OptimizerConfig =
        OptimizerConfig::Adamw { lr: 0.1, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.05 };

    fn params(role: Role) -> (Params, Var) {
        let params = Params::new(0, &Device::Cpu);
        params.get("w", 3, Init::Constant(0.0), role).unwrap();
        let var = params.named().remove(0).1;
        var.set(&Tensor::new(&[1.0f32, -2.0, 0.5], &Device::Cpu).unwrap()).unwrap();
        (params, var)
    }

    fn gradient(var: &Var, k: usize) -> Gradients {
        let g = (Tensor::new(&[0.5f32, -1.0, 2.0], &Device::Cpu).unwrap() * (k + 1) as f64).unwrap();
        let mut gradients = Gradients::default();
        gradients.insert("w", (g - (var.as_tensor().detach() * 0.1).unwrap()).unwrap());
        gradients
    }

    fn run(config: OptimizerConfig, role: Role) -> Vec<f32> {
        let (params, var) = params(role);
        let mut optimizer = Optimizer::new(config, &params, &Groups::default()).unwrap();
        for k in 0..3 {
            optimizer.step(&gradient(&var, k), 1.0).unwrap();
        }
        var.to_vec1().unwrap()
    }

    fn close(found: &[f32], expected: &[f32]) {
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 2e-6, "{found:?} instead of {expected:?}");
        }
    }

    // import torch  (2.15.0)
    // def run(make):
    //     p = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5])); o = make([p])
    //     for k in range(3):
    //         p.grad = torch.tensor([0.5, -1.0, 2.0]) * (k + 1) - p.detach() * 0.1
    //         o.step()
    //     return p.detach().tolist()
    // run(lambda q: torch.optim.SGD(q, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01))
    // run(lambda q: torch.optim.SGD(q, lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.01))
    // run(lambda q: torch.optim.AdamW(q, lr=0.1, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.05))
    #[test]
    fn sgd_gives_pytorchs_figures_with_and_without_nesterov() {
        let sgd = |nesterov| OptimizerConfig::Sgd { lr: 0.1, momentum: 0.9, nesterov, weight_decay: 0.01 };
        close(&run(sgd(true), Role::Weight), &[0.337_711_63, -0.675_423_26, -2.406_657_2]);
        close(&run(sgd(false), Role::Weight), &[0.572_765_47, -1.145_530_9, -1.387_016_4]);
    }

    #[test]
    fn adamw_gives_pytorchs_figures() {
        close(&run(ADAMW, Role::Weight), &[0.699_229_06, -1.684_181_8, 0.204_109_52]);
    }

    // p = torch.tensor([1.0, -2.0, 0.5]); b = None      # the body of lightly/utils/lars.py
    // for k in range(3):
    //     g = torch.tensor([0.5, -1.0, 2.0]) * (k + 1) - p * 0.1
    //     l = p.norm() / (g.norm() + p.norm() * 0.01 + 1e-8) * 0.1
    //     d = (g + 0.01 * p) * l
    //     b = d.clone() if b is None else b * 0.9 + d
    //     p = p - 0.5 * b
    #[test]
    fn lars_gives_the_reference_figures() {
        let lars = OptimizerConfig::Lars { lr: 0.5, momentum: 0.9, weight_decay: 0.01, eta: 0.1 };
        close(&run(lars, Role::Weight), &[0.876_201_15, -1.752_402_3, -0.060_209_095]);
    }

    #[test]
    fn a_clipped_step_is_the_step_of_the_scaled_gradient() {
        let lars = OptimizerConfig::Lars { lr: 0.5, momentum: 0.9, weight_decay: 0.01, eta: 0.1 };
        let sgd = OptimizerConfig::Sgd { lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.01 };
        for config in [sgd, ADAMW, lars] {
            let moved = |clip: bool| {
                let (params, var) = params(Role::Weight);
                let mut optimizer = Optimizer::new(config, &params, &Groups::default()).unwrap();
                let mut g = gradient(&var, 0);
                if clip {
                    g.clip(0.5).unwrap();
                } else {
                    let factor = 0.5 / (g.norm().unwrap() + 1e-6);
                    let scaled = (g.get("w").unwrap() * factor).unwrap();
                    g.insert("w", scaled);
                }
                optimizer.step(&g, 1.0).unwrap();
                var.to_vec1::<f32>().unwrap()
            };
            close(&moved(true), &moved(false));
        }
    }

    #[test]
    fn a_follower_in_the_step_is_where_it_would_be_after_it() {
        for factor in [1.0, 0.0] {
            let (params, var) = params(Role::Weight);
            let teacher = params.duplicate().unwrap();
            let twin = params.duplicate().unwrap();
            let mut optimizer = Optimizer::new(ADAMW, &params, &Groups::one("w", factor)).unwrap();
            let follower = ema::Follower { params: teacher.clone(), student: params.clone(), momentum: 0.9 };
            let followers = Followers::new(&[follower]).unwrap();
            // Once moved by the step, once left behind by a step without gradient.
            for gradients in [gradient(&var, 0), Gradients::default()] {
                optimizer.step_with(&gradients, 1.0, &followers).unwrap();
                ema::update(&twin, &params, 0.9).unwrap();
                let values = |p: &Params| p.named()[0].1.to_vec1::<f32>().unwrap();
                assert_eq!(values(&teacher), values(&twin));
            }
        }
    }

    #[test]
    fn biases_and_norms_are_neither_decayed_nor_rescaled() {
        let plain = OptimizerConfig::Sgd { lr: 0.5, momentum: 0.9, nesterov: false, weight_decay: 0.0 };
        let expected = run(plain, Role::Weight);
        let decayed = OptimizerConfig::Sgd { lr: 0.5, momentum: 0.9, nesterov: false, weight_decay: 0.3 };
        assert_eq!(run(decayed, Role::NoDecay), expected);
        let lars = OptimizerConfig::Lars { lr: 0.5, momentum: 0.9, weight_decay: 0.3, eta: 0.1 };
        assert_eq!(run(lars, Role::NoDecay), expected);
    }

    #[test]
    fn a_saved_state_continues_with_the_same_bits() {
        let expected = run(ADAMW, Role::Weight);
        let (params, var) = params(Role::Weight);
        let mut first = Optimizer::new(ADAMW, &params, &Groups::default()).unwrap();
        first.step(&gradient(&var, 0), 1.0).unwrap();
        let state = first.state().unwrap();
        let mut second = Optimizer::new(ADAMW, &params, &Groups::default()).unwrap();
        second.load_state(&state).unwrap();
        for k in 1..3 {
            second.step(&gradient(&var, k), 1.0).unwrap();
        }
        assert_eq!(var.to_vec1::<f32>().unwrap(), expected);
    }

    #[test]
    fn a_state_that_does_not_fit_is_refused_by_name() {
        let (params, _) = params(Role::Weight);
        let mut optimizer = Optimizer::new(ADAMW, &params, &Groups::default()).unwrap();
        let mut state = optimizer.state().unwrap();
        state.remove("m.w");
        state.insert("x".into(), Tensor::new(&[1.0f32], &Device::Cpu).unwrap());
        let message = optimizer.load_state(&state).unwrap_err().to_string();
        assert!(message.contains("m.w is missing") && message.contains("x is unknown"), "{message}");
    }

    #[test]
    fn a_factor_of_zero_freezes_and_others_scale_the_rate() {
        let sgd = OptimizerConfig::Sgd { lr: 0.1, momentum: 0.0, nesterov: false, weight_decay: 0.0 };
        let moved = |factor: f64| {
            let (params, var) = params(Role::Weight);
            let mut optimizer = Optimizer::new(sgd, &params, &Groups::one("w", factor)).unwrap();
            optimizer.step(&gradient(&var, 0), 1.0).unwrap();
            1.0 - var.to_vec1::<f32>().unwrap()[0]
        };
        assert_eq!(moved(0.0), 0.0);
        assert!((moved(0.5) * 2.0 - moved(1.0)).abs() < 1e-6);
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let (params, _) = params(Role::Weight);
        let bad = OptimizerConfig::Sgd { lr: f64::NAN, momentum: 0.9, nesterov: true, weight_decay: 0.0 };
        let message = Optimizer::new(bad, &params, &Groups::default()).err().unwrap().to_string();
        assert!(message.contains("lr is NaN"), "{message}");
    }
}
