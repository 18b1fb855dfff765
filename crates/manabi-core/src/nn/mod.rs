//! Layers on `manabi-kernels`, initialised by seed, whose every parameter receives a gradient.

mod batch_norm;
mod compute;
mod conv;
mod embedding;
mod group_norm;
mod gru;
mod layer_norm;
mod linear;
mod mlp;
mod params;
mod positions;
mod recompute;
mod residual;
mod rms_norm;
mod transformer;

pub use batch_norm::BatchNorm;
pub use compute::{Compute, Precision};
pub use conv::{Conv1d, Conv1dParams, Conv2d};
pub use embedding::Embedding;
pub use group_norm::GroupNorm;
pub use gru::Gru;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use mlp::{Mlp, MlpConfig};
pub use params::{Init, Params, Role};
pub use positions::grid_positions;
pub use residual::{BasicBlock, Bottleneck, Residual};
pub use rms_norm::RmsNorm;
pub use transformer::{Transformer, TransformerConfig};
