//! A small residual network along time: He et al., arXiv:1512.03385, for series as in Wang, Yan & Oates, *Time Series
//! Classification from Scratch*, arXiv:1611.06455.
//!
//! A wide convolution, then three stages of one residual block each: convolution, batch norm, ReLU, convolution, batch
//! norm, and the shortcut, `y = ReLU(f(x) + x)`. Unlike Wang et al.'s it halves the length on its way, so that frames
//! are few and cheap; features are the mean over the last stage's. Its read-out joins the means of the last two stages
//! and the last one's maximum: how often something happened, and whether it happened at all.
//!
//! Shapes: `(N, C, L)` → frames `(N, T, 128)`, `T = ⌈L / stride⌉` → features `(N, 128)`, read-out `(N, 384)`. Any length,
//! any number of channels. Time stamps that are not seen are zeros in the input.
//!
//! Cost: 9.2 million multiply-adds for 3 channels of 128 time stamps; more channels cost in the first layer alone.
//! Defaults: widths 64, 128, 128 (Wang et al.'s), taps 7 in the first layer and 5 behind it; a stride of 8, less where
//! series of the length that it is built for would have fewer than 8 frames, up to 32 where they keep 32.

use candle_core::{D, Tensor};
use manabi_core::{
    Result,
    encoder::{Encoder, FrameEncoder, Mask, Mode, Targets, TokenEncoder},
    nn::{BatchNorm, Conv1d, Conv1dParams, Params},
};
use manabi_kernels::{
    activation::add_relu,
    pool::{global_avg_pool1d, max_pool1d},
};

use super::shared;
use crate::batch::SeriesBatch;

/// Taps of the first layer.
const STEM: usize = 7;
/// Taps of the others.
const TAPS: usize = 5;

/// What the network is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResNet1dConfig {
    /// Channels `C` of the input.
    pub channels: usize,
    /// Width and stride of the first layer.
    pub stem: (usize, usize),
    /// Width and stride of each stage.
    pub stages: Vec<(usize, usize)>,
}

impl ResNet1dConfig {
    /// The default for series of `length` time stamps.
    pub fn new(channels: usize, length: usize) -> Self {
        // Halvings that leave 8 frames, the fourth and fifth 32; the first layers halve last: they are the cheap ones at
        // full length.
        let halvings = (1..=5).take_while(|h| length >> h >= if *h > 3 { 32 } else { 8 }).count();
        let stride = |at: usize| if halvings >= at { 2 } else { 1 };
        let stages = vec![(64, stride(5)), (128, stride(2)), (128, stride(1))];
        Self { channels, stem: (32, stride(3) * stride(4)), stages }
    }

    /// Time stamps from a frame to the next.
    pub fn stride(&self) -> usize {
        self.stages.iter().map(|(_, stride)| stride).product::<usize>() * self.stem.1
    }

    /// Time stamps that a frame sees before its first own one, and as many behind it.
    pub fn reach(&self) -> usize {
        let (mut reach, mut step) = (STEM / 2, self.stem.1);
        for (_, stride) in &self.stages {
            reach += TAPS / 2 * step;
            step *= stride;
            reach += TAPS / 2 * step;
        }
        reach
    }

    /// Multiply-adds of one forward pass of one series.
    pub fn cost(&self, length: usize) -> f64 {
        let mut positions = length.div_ceil(self.stem.1);
        let mut total = positions * STEM * self.channels * self.stem.0;
        let mut inputs = self.stem.0;
        for &(width, stride) in &self.stages {
            positions = positions.div_ceil(stride);
            let shortcut = if inputs != width || stride != 1 { inputs * width } else { 0 };
            total += positions * (TAPS * (inputs * width + width * width) + shortcut);
            inputs = width;
        }
        total as f64
    }
}

/// Batch norm of series `(N, C, L)`, whose kernel takes maps.
fn normed(norm: &BatchNorm, x: &Tensor, mode: Mode) -> Result<Tensor> {
    Ok(norm.forward(&x.unsqueeze(2)?, mode)?.squeeze(2)?)
}

struct Block {
    convs: [Conv1d; 2],
    norms: [BatchNorm; 2],
    shortcut: Option<(Conv1d, BatchNorm)>,
}

impl Block {
    fn new(params: &Params, inputs: usize, outputs: usize, stride: usize) -> Result<Self> {
        let conv = |name, inputs, taps: usize, stride| {
            let shape = Conv1dParams { stride, padding: taps / 2, ..Conv1dParams::default() };
            Conv1d::before_norm(&params.pp(name), inputs, outputs, taps, shape)
        };
        let shortcut = || {
            let norm = BatchNorm::new(&params.pp("downsample.1"), outputs)?;
            Ok::<_, manabi_core::Error>((conv("downsample.0", inputs, 1, stride)?, norm))
        };
        Ok(Self {
            convs: [conv("conv1", inputs, TAPS, stride)?, conv("conv2", outputs, TAPS, 1)?],
            norms: [BatchNorm::relu(&params.pp("bn1"), outputs)?, BatchNorm::new(&params.pp("bn2"), outputs)?],
            shortcut: (inputs != outputs || stride != 1).then(shortcut).transpose()?,
        })
    }

    /// `(N, I, L)` → `(N, O, L / stride)`.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let y = normed(&self.norms[0], &self.convs[0].forward(x)?, mode)?;
        let y = normed(&self.norms[1], &self.convs[1].forward(&y)?, mode)?;
        let skip = match &self.shortcut {
            Some((conv, norm)) => normed(norm, &conv.forward(x)?, mode)?,
            None => x.clone(),
        };
        Ok(add_relu(&y, &skip)?)
    }
}

/// The network.
pub struct ResNet1d {
    conv: Conv1d,
    norm: BatchNorm,
    blocks: Vec<Block>,
    config: ResNet1dConfig,
}

impl ResNet1d {
    /// Builds it below `params`.
    pub fn new(params: &Params, config: ResNet1dConfig) -> Result<Self> {
        let (width, stride) = config.stem;
        let shape = Conv1dParams { stride, padding: STEM / 2, input_grad: false, ..Conv1dParams::default() };
        let mut inputs = width;
        let mut blocks = Vec::with_capacity(config.stages.len());
        for (i, &(width, stride)) in config.stages.iter().enumerate() {
            blocks.push(Block::new(&params.pp(format!("layer{}.0", i + 1)), inputs, width, stride)?);
            inputs = width;
        }
        Ok(Self {
            conv: Conv1d::before_norm(&params.pp("conv1"), config.channels, config.stem.0, STEM, shape)?,
            norm: BatchNorm::relu(&params.pp("bn1"), config.stem.0)?,
            blocks,
            config,
        })
    }

    /// The output of the last two stages, `(N, W, T)`.
    fn stages(&self, batch: &SeriesBatch, mode: Mode) -> Result<[Tensor; 2]> {
        shared::check_channels("resnet1d", batch, self.config.channels)?;
        let mut x = normed(&self.norm, &self.conv.forward(&shared::seen_values(batch)?)?, mode)?;
        let mut before = x.clone();
        for block in &self.blocks {
            let next = block.forward(&x, mode)?;
            before = std::mem::replace(&mut x, next);
        }
        Ok([before, x])
    }

    fn width(&self, from_last: usize) -> usize {
        self.config.stages.iter().rev().nth(from_last).map_or(self.config.stem.0, |(width, _)| *width)
    }
}

impl Encoder<SeriesBatch> for ResNet1d {
    fn features(&self, batch: &SeriesBatch, mode: Mode) -> Result<Tensor> {
        let [_, last] = self.stages(batch, mode)?;
        Ok(global_avg_pool1d(&last)?)
    }

    fn dim(&self) -> usize {
        self.width(0)
    }

    fn readout(&self, batch: &SeriesBatch, mode: Mode) -> Result<Tensor> {
        let [before, last] = self.stages(batch, mode)?;
        let frames = last.dim(D::Minus1)?;
        let most = max_pool1d(&last, frames, frames, 0)?.squeeze(2)?;
        Ok(Tensor::cat(&[global_avg_pool1d(&before)?, global_avg_pool1d(&last)?, most], 1)?)
    }

    fn readout_dim(&self) -> usize {
        self.width(1) + 2 * self.width(0)
    }

    fn tokens(&self) -> Option<&dyn TokenEncoder<SeriesBatch>> {
        Some(self)
    }

    fn frames(&self) -> Option<&dyn FrameEncoder<SeriesBatch>> {
        Some(self)
    }
}

impl FrameEncoder<SeriesBatch> for ResNet1d {
    fn frame_dim(&self) -> usize {
        self.width(0)
    }

    fn span(&self) -> usize {
        2 * self.config.reach() / self.config.stride() + 1
    }

    fn frames(&self, batch: &SeriesBatch, mode: Mode) -> Result<Tensor> {
        let [_, last] = self.stages(batch, mode)?;
        Ok(last.transpose(1, 2)?)
    }
}

/// The time stamps of a frame are a token; masked ones are zeros in the input.
impl TokenEncoder<SeriesBatch> for ResNet1d {
    fn token_count(&self, batch: &SeriesBatch) -> Result<usize> {
        Ok(batch.dims()?.2.div_ceil(self.config.stride()))
    }

    fn token_grid(&self, batch: &SeriesBatch) -> Result<(usize, usize)> {
        Ok((1, self.token_count(batch)?))
    }

    fn target_dim(&self) -> usize {
        self.config.channels * self.config.stride()
    }

    fn targets(&self, batch: &SeriesBatch) -> Result<Targets> {
        Ok(Targets::Continuous(shared::patches(&batch.values.detach(), self.config.stride())?))
    }

    fn measured(&self, batch: &SeriesBatch) -> Result<Option<Tensor>> {
        shared::measured(batch, self.config.stride())
    }

    fn masked_tokens(&self, batch: &SeriesBatch, mask: &Mask) -> Result<Tensor> {
        let kept = mask.masked.affine(-1.0, 1.0)?;
        let kept = shared::per_time_stamp(&kept, self.config.stride(), batch.dims()?.2)?;
        Ok(FrameEncoder::frames(self, &batch.hide(&kept)?, Mode::Train)?.contiguous()?)
    }

    fn visible_tokens(&self, _batch: &SeriesBatch, _rows: &[u32]) -> Result<Tensor> {
        Err(shared::cannot_leave_out("resnet1d"))
    }
}
