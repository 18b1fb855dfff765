//! The teacher: a second encoder from the same factory whose weights follow the student's
//! as an exponential moving average (Tarvainen & Valpola, arXiv:1703.01780).
//!
//! `θ_t ← m·θ_t + (1 − m)·θ_s`, with `m` rising from its start to 1 along half a cosine (BYOL).
//! It runs in training mode (statistics of its own batch) without gradient.

use std::collections::BTreeMap;

use candle_core::Tensor;

use super::{BuildContext, Step};
use crate::{
    Result,
    encoder::{Encoder, Mode},
    nn::{Mlp, MlpConfig, Params},
    optim::ema::{self, Follower},
};

/// Encoder and projector that follow the student's.
pub struct Teacher<B> {
    params: Params,
    encoder: Box<dyn Encoder<B>>,
    projector: Mlp,
    momentum: f64,
}

impl<B> Teacher<B> {
    /// A copy of the student (`context.student` and the head `projector`), which must exist already.
    pub fn new(context: &BuildContext<B>, projector: &MlpConfig, momentum: f64) -> Result<Self> {
        let params = Params::new(context.heads.seed(), context.heads.device()).with_compute(context.heads.compute());
        let encoder = (context.factory)(&params.pp("encoder"))?;
        let head = Mlp::new(&params.pp("head.projector"), projector)?;
        params.pp("encoder").load(&context.student.snapshot()?)?;
        params.pp("head.projector").load(&context.heads.pp("projector").snapshot()?)?;
        Ok(Self { params, encoder, projector: head, momentum })
    }

    /// Projections `(N, P)` without gradient.
    pub fn project(&self, batch: &B) -> Result<Tensor> {
        let features = self.encoder.features(batch, Mode::Train)?.detach();
        Ok(self.projector.forward(&features, Mode::Train)?.detach())
    }

    /// What is to move towards the student at step `step`; `student` is the trainer's whole store.
    pub fn followers(&self, student: &Params, step: &Step) -> Vec<Follower> {
        let momentum = ema::momentum(self.momentum, step.progress());
        let part = |part| Follower { params: self.params.pp(part), student: student.pp(part), momentum };
        ["encoder", "head.projector"].map(part).into()
    }

    /// Everything, for the checkpoint.
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        let entries = self.params.named().into_iter();
        entries.map(|(name, var, _)| (format!("teacher.{name}"), var.as_tensor().detach())).collect()
    }

    /// Takes it back.
    pub fn load_state(&self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let own = state.iter().filter_map(|(name, t)| Some((name.strip_prefix("teacher.")?.to_string(), t.clone())));
        self.params.load(&own.collect())
    }
}
