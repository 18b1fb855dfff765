//! The default: a narrow residual network that keeps frequency apart from time.
//!
//! A 3 × 3 stem and three residual blocks (He et al., arXiv:1512.03385), all with stride 2, of 32, 32, 64 and 128
//! channels. Where a sound lies in frequency says what it is, and when it sounds does not: so the last map's frequencies
//! are kept side by side and time alone is pooled, by mean plus maximum as in BYOL-A (arXiv:2103.06695).
//! Its read-out joins mean and deviation over time of the last stage and the mean of the one before.
//!
//! Shapes: `(N, 1, F, T)` → frames `(N, T/16, 128·F/16)` → `(N, 128·F/16)`: 512 features, 1 536 read out at 64 bins.
//! Cost: 18 million multiply-adds at 64 × 96, 0.31 million parameters.

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    encoder::{Encoder, FrameEncoder, Mode},
    nn::{BasicBlock, BatchNorm, Conv2d, Params, Residual},
};

use super::pool::{deviation, mean, mean_and_max};

/// What the network is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallConfig {
    /// Mel bins of the input.
    pub bins: usize,
    /// Channels of the stem.
    pub stem: usize,
    /// Channels of the residual stages.
    pub stages: Vec<usize>,
}

impl SmallConfig {
    /// 32; 32, 64, 128.
    pub fn standard(bins: usize) -> Self {
        Self { bins, stem: 32, stages: vec![32, 64, 128] }
    }

    /// Frequencies that are left after `halvings` strides.
    fn height(&self, halvings: usize) -> usize {
        (0..halvings).fold(self.bins, |h, _| h.div_ceil(2))
    }

    /// Channels times frequencies of stage `i`.
    fn width(&self, i: usize) -> usize {
        self.stages.get(i).map_or(0, |channels| channels * self.height(i + 2))
    }

    /// Multiply-adds of one forward pass of a map of `frames` frames.
    pub fn cost(&self, frames: usize) -> f64 {
        let (mut h, mut t) = (self.bins.div_ceil(2), frames.div_ceil(2));
        let mut total = 9 * self.stem * h * t;
        let mut inputs = self.stem;
        for &outputs in &self.stages {
            (h, t) = (h.div_ceil(2), t.div_ceil(2));
            total += h * t * (9 * (inputs + outputs) * outputs + inputs * outputs);
            inputs = outputs;
        }
        total as f64
    }
}

/// The network without a head.
pub struct Small {
    conv: Conv2d,
    norm: BatchNorm,
    stages: Vec<BasicBlock>,
    config: SmallConfig,
}

impl Small {
    /// Builds it below `params`.
    pub fn new(params: &Params, config: SmallConfig) -> Result<Self> {
        if config.bins == 0 || config.stages.is_empty() {
            return Err(Error::config("the small encoder needs mel bins and at least one stage"));
        }
        let conv = Conv2d::stem(&params.pp("conv1"), 1, config.stem, 3, 2)?;
        let norm = BatchNorm::relu(&params.pp("bn1"), config.stem)?;
        let mut inputs = config.stem;
        let mut stages = Vec::with_capacity(config.stages.len());
        for (i, &outputs) in config.stages.iter().enumerate() {
            let p = params.pp(format!("layer{}", i + 1)).pp(0);
            stages.push(BasicBlock::new(&p, inputs, outputs, 2)?);
            inputs = outputs;
        }
        Ok(Self { conv, norm, stages, config })
    }

    /// The output of each stage, channels and frequencies joined: `(N, C_i·F_i, T_i)`.
    fn stages(&self, batch: &Tensor, mode: Mode) -> Result<Vec<Tensor>> {
        let (_, _, bins, _) = batch.dims4()?;
        if bins != self.config.bins {
            return Err(Error::config(format!("this encoder was built for {} mel bins, not {bins}", self.config.bins)));
        }
        let mut x = self.norm.forward(&self.conv.forward(batch)?, mode)?;
        let mut outputs = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            x = stage.forward(&x, mode)?;
            outputs.push(x.flatten(1, 2)?);
        }
        Ok(outputs)
    }

    fn last(&self, batch: &Tensor, mode: Mode) -> Result<Tensor> {
        self.stages(batch, mode)?.pop().ok_or_else(|| Error::config("the small encoder needs at least one stage"))
    }
}

impl Encoder<Tensor> for Small {
    fn features(&self, batch: &Tensor, mode: Mode) -> Result<Tensor> {
        mean_and_max(&self.last(batch, mode)?)
    }

    fn dim(&self) -> usize {
        self.config.width(self.config.stages.len() - 1)
    }

    fn readout(&self, batch: &Tensor, mode: Mode) -> Result<Tensor> {
        let stages = self.stages(batch, mode)?;
        let mut parts = Vec::with_capacity(3);
        if let [.., before, _] = stages.as_slice() {
            parts.push(mean(before)?);
        }
        if let Some(last) = stages.last() {
            parts.extend([mean(last)?, deviation(last)?]);
        }
        Ok(Tensor::cat(&parts, 1)?)
    }

    fn readout_dim(&self) -> usize {
        let count = self.config.stages.len();
        let before = if count > 1 { self.config.width(count - 2) } else { 0 };
        before + 2 * self.dim()
    }

    fn frames(&self) -> Option<&dyn FrameEncoder<Tensor>> {
        Some(self)
    }
}

impl FrameEncoder<Tensor> for Small {
    fn frame_dim(&self) -> usize {
        self.dim()
    }

    /// Ninety-three frames of the input: 87 that the layers see, and 6 of a window's overlap.
    fn span(&self) -> usize {
        6
    }

    /// A frame every 16 of the input's, each of which sees 87 of them.
    fn frames(&self, batch: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(self.last(batch, mode)?.transpose(1, 2)?.contiguous()?)
    }
}
