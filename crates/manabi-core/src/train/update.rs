//! One update: loss, check, gradient, clip, step, and what the method does after it.
//!
//! Loss and gradient norm are checked *before* anything is changed. A refused update leaves
//! parameters, optimiser and running statistics as they were; a method keeps its side of it
//! by filling queues in `after_update` only; its teachers move with the step.

use candle_core::{DType, Tensor, Var};

use super::{Batch, Trainer, trainer::HEAD};
use crate::{
    Error, Result,
    method::{Loss, Step},
    modality::Modality,
    nn::Role,
    optim::{Gradients, ema::Followers, schedule},
};

/// Steps after which a refused update is forgotten.
const WINDOW: u64 = 100;

/// What one update did.
pub(super) struct Outcome {
    pub loss: f64,
    pub lr: f64,
    pub grad_norm: f64,
    pub parts: Loss,
    /// Why the update was refused, if it was.
    pub refused: Option<String>,
}

impl<M: Modality> Trainer<'_, M> {
    pub(super) fn update(&mut self, batch: &Batch<M::Batch>) -> Result<Outcome> {
        let step = Step {
            index: batch.step,
            total: self.plan.steps,
            epoch: batch.epoch,
            seed: self.plan.seed,
            samples: &batch.samples,
            labels: &batch.labels,
        };
        let buffers = self.buffers()?;
        let parts = self.method.loss(self.encoder.as_ref(), &batch.views, &step)?;
        let loss = f64::from(parts.value.detach().to_dtype(DType::F32)?.to_scalar::<f32>()?);
        let factor = schedule::warmup_cosine(batch.step, self.plan.warmup, self.plan.steps);
        let mut outcome = Outcome { loss, lr: self.optimizer.lr() * factor, grad_norm: f64::NAN, parts, refused: None };
        let mut gradients = Gradients::default();
        if loss.is_finite() {
            let mut store = outcome.parts.value.backward()?;
            gradients = Gradients::collect(&self.params.trainable(), &mut store)?;
            for prefix in self.method.frozen(&step) {
                gradients.freeze(&prefix);
                gradients.freeze(&format!("{HEAD}.{prefix}"));
            }
            outcome.grad_norm = gradients.clip(self.plan.clip)?;
            if !outcome.grad_norm.is_finite() {
                outcome.refused = Some(format!("the gradient's norm is {}", outcome.grad_norm));
            }
        } else {
            outcome.refused = Some(format!("the loss is {loss}"));
        }
        match &outcome.refused {
            None => {
                let followers = Followers::new(&self.method.followers(&self.params, &step))?;
                self.optimizer.step_with(&gradients, factor, &followers)?;
                followers.copy_buffers()?;
                self.method.after_update(&self.params, &step)?;
                self.state.trend.push(loss);
            }
            Some(reason) => {
                for (buffer, before) in &buffers {
                    buffer.set(before)?;
                }
                self.spike(batch, reason)?;
            }
        }
        // The graph goes before the next batch comes.
        outcome.parts.value = outcome.parts.value.detach();
        Ok(outcome)
    }

    fn buffers(&self) -> Result<Vec<(Var, Tensor)>> {
        let named = self.params.named().into_iter().filter(|(_, _, role)| *role == Role::Buffer);
        named.map(|(_, var, _)| Ok((var.clone(), var.as_tensor().detach().copy()?))).collect()
    }

    /// Counts a refused update and stops when there were too many.
    fn spike(&mut self, batch: &Batch<M::Batch>, reason: &str) -> Result<()> {
        self.state.spikes.retain(|&s| s + WINDOW > batch.step);
        self.state.spikes.push(batch.step);
        if let Some(run) = self.run {
            let ids: Vec<&str> = batch.samples.iter().map(|&row| self.source.records()[row].id.as_str()).collect();
            let report = serde_json::json!({ "step": batch.step, "reason": reason, "samples": ids });
            let folder = run.path().join("diverged");
            self.files.create_dir(&folder)?;
            self.files
                .write_atomic(&folder.join(format!("step-{}.json", batch.step)), report.to_string().as_bytes())?;
        }
        if self.state.spikes.len() > self.config.max_spikes {
            return Err(Error::Diverged {
                step: batch.step,
                reason: format!(
                    "{reason}, and so it was {} times in the last {WINDOW} steps; none of these updates was applied. \
                     Lower the learning rate (now {}), set clip = 1, or lengthen the warm-up",
                    self.state.spikes.len(),
                    self.optimizer.lr()
                ),
            });
        }
        Ok(())
    }
}
