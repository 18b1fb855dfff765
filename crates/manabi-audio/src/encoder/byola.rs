//! BYOL-A v2's network: Niizumi et al., *BYOL for Audio: Exploring Pre-trained General-purpose Audio Representations*,
//! arXiv:2204.07402, in the layout of its authors' `AudioNTT2022`.
//!
//! Two blocks of 3 × 3 convolution, batch norm, ReLU and 2 × 2 max pooling; each frame's channels and frequencies then
//! go through a two-layer perceptron, and both (`local`, `global`) are joined. Pooling over time is mean plus maximum.
//!
//! Shapes: `(N, 1, F, T)` → frames `(N, T/4, 16·F + M)` → `(N, 16·F + M)`: 3 072 features at 64 bins with `M = 2048`.
//! Cost: 0.24 billion multiply-adds at 64 × 96, 6.3 million parameters.
//!
//! Names are the authors' (`features.0`, `features.1`, `features.4`, `features.5`, `fc.0`, `fc.3`). Two things differ:
//! their convolutions have a bias, which the batch norm after it removes again and which therefore never learns; and
//! their perceptron drops 30 % of its hidden units in training.

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    encoder::{Encoder, FrameEncoder, Mode},
    nn::{BatchNorm, Conv2d, Linear, Params},
};
use manabi_kernels::pool::max_pool2d;

use super::pool::mean_and_max;

/// What the network is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByolaConfig {
    /// Mel bins of the input.
    pub bins: usize,
    /// Channels of the convolutions.
    pub channels: usize,
    /// Hidden units of the perceptron.
    pub hidden: usize,
    /// Outputs of the perceptron.
    pub outputs: usize,
}

impl ByolaConfig {
    /// 64 channels, 2 048 hidden units; 3 072 features at 64 bins.
    pub fn published(bins: usize) -> Self {
        Self { bins, channels: 64, hidden: 2_048, outputs: 2_048 }
    }

    /// Channels times frequencies of a frame.
    fn local(&self) -> usize {
        self.channels * (self.bins / 4)
    }

    /// Multiply-adds of one forward pass of a map of `frames` frames.
    pub fn cost(&self, frames: usize) -> f64 {
        let map = (self.bins * frames) as f64;
        let convolutions = 9.0 * self.channels as f64 * (map + self.channels as f64 * map / 4.0);
        let perceptron = (self.local() * self.hidden + self.hidden * self.outputs) as f64;
        convolutions + perceptron * (frames / 4) as f64
    }
}

/// The network without a head.
pub struct Byola {
    convs: [Conv2d; 2],
    norms: [BatchNorm; 2],
    fc: [Linear; 2],
    config: ByolaConfig,
}

impl Byola {
    /// Builds it below `params`.
    pub fn new(params: &Params, config: ByolaConfig) -> Result<Self> {
        if config.bins < 4 {
            return Err(Error::config(format!("byola needs at least 4 mel bins, not {}", config.bins)));
        }
        let (features, fc) = (params.pp("features"), params.pp("fc"));
        Ok(Self {
            convs: [
                Conv2d::stem(&features.pp(0), 1, config.channels, 3, 1)?,
                Conv2d::new(&features.pp(4), config.channels, config.channels, 3, 1)?,
            ],
            norms: [
                BatchNorm::relu(&features.pp(1), config.channels)?,
                BatchNorm::relu(&features.pp(5), config.channels)?,
            ],
            fc: [
                Linear::new(&fc.pp(0), config.local(), config.hidden)?,
                Linear::new(&fc.pp(3), config.hidden, config.outputs)?,
            ],
            config,
        })
    }

    /// Local and global features of each frame, `(N, T/4, D)`.
    fn by_frame(&self, batch: &Tensor, mode: Mode) -> Result<Tensor> {
        let (_, _, bins, frames) = batch.dims4()?;
        if bins != self.config.bins || frames < 4 {
            return Err(Error::config(format!(
                "byola was built for {} mel bins and 4 frames or more, not {bins} and {frames}",
                self.config.bins
            )));
        }
        let mut x = batch.clone();
        for (conv, norm) in self.convs.iter().zip(&self.norms) {
            x = max_pool2d(&norm.forward(&conv.forward(&x)?, mode)?, 2, 2, 0)?;
        }
        // (N, C, F, T) → (N, T, F·C), the authors' order.
        let local = x.permute((0, 3, 2, 1))?.contiguous()?.flatten_from(2)?;
        let hidden = self.fc[0].forward(&local)?.relu()?;
        let global = self.fc[1].forward(&hidden)?.relu()?;
        Ok(Tensor::cat(&[&local, &global], 2)?)
    }

    /// The same with time last, `(N, D, T/4)`.
    fn over_time(&self, batch: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(self.by_frame(batch, mode)?.transpose(1, 2)?.contiguous()?)
    }
}

impl Encoder<Tensor> for Byola {
    fn features(&self, batch: &Tensor, mode: Mode) -> Result<Tensor> {
        mean_and_max(&self.over_time(batch, mode)?)
    }

    fn dim(&self) -> usize {
        self.config.local() + self.config.outputs
    }

    fn frames(&self) -> Option<&dyn FrameEncoder<Tensor>> {
        Some(self)
    }
}

impl FrameEncoder<Tensor> for Byola {
    fn frame_dim(&self) -> usize {
        self.dim()
    }

    /// Sixteen frames of the input: 10 that the layers see, and 6 of a window's overlap.
    fn span(&self) -> usize {
        4
    }

    /// A frame every 4 of the input's, each of which sees 10 of them.
    fn frames(&self, batch: &Tensor, mode: Mode) -> Result<Tensor> {
        self.by_frame(batch, mode)
    }
}
