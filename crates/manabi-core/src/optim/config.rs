//! Which optimiser, with which settings.

use serde::{Deserialize, Serialize};

/// An optimiser and its settings. Weight decay is never applied to biases and norms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Stochastic gradient descent with (Nesterov) momentum.
    Sgd {
        /// Peak learning rate.
        lr: f64,
        /// Momentum, usually 0.9.
        momentum: f64,
        /// Nesterov's look-ahead.
        nesterov: bool,
        /// L2 strength, added to the gradient.
        weight_decay: f64,
    },
    /// Adam with decoupled weight decay, arXiv:1711.05101.
    Adamw {
        /// Peak learning rate.
        lr: f64,
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the denominator.
        eps: f64,
        /// Decoupled weight decay.
        weight_decay: f64,
    },
    /// Layer-wise adaptive rate scaling, arXiv:1708.03888.
    Lars {
        /// Peak learning rate.
        lr: f64,
        /// Momentum.
        momentum: f64,
        /// L2 strength.
        weight_decay: f64,
        /// Trust coefficient.
        eta: f64,
    },
}

impl OptimizerConfig {
    /// The same with the learning rate times `factor`.
    pub fn scaled(mut self, factor: f64) -> Self {
        let (Self::Sgd { lr, .. } | Self::Adamw { lr, .. } | Self::Lars { lr, .. }) = &mut self;
        *lr *= factor;
        self
    }
}
