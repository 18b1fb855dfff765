//! TS2Vec's encoder: Yue et al., *TS2Vec: Towards Universal Representation of Time Series*, arXiv:2106.10466.
//!
//! A linear projection of the channels of each time stamp; latents of time stamps that are not seen are set to zero; then
//! residual blocks of dilated convolutions along time: `x ← conv(GELU(conv(GELU(x)))) + x`, three taps, dilation `2^i`
//! in block `i`; the last block widens to the output with a 1 × 1 convolution as its shortcut. Names are those of the
//! authors' program (`input_fc`, `feature_extractor.net.0.conv1.conv`, `projector`).
//!
//! Shapes: `(N, C, L)` → a representation of each time stamp, `(N, L, D)`; features `(N, D)` are their maximum over
//! time. Any number of channels; any length, whatever length it was built for. A time stamp sees
//! [`DilatedConfig::reach`] others on each side.
//!
//! Cost of a time stamp: `depth · 6·H² + 3·H·D + 3·D² + H·D + C·H` multiply-adds; 0.64 million at the paper's sizes, of
//! which the last block has 0.39.
//!
//! Defaults: hidden width 64 and output 320 (the paper's), 10 blocks and the last one, or as many as it takes until the
//! middle sees the whole of a series of the length that it is built for: further taps would only read padding. The
//! paper's dropout of 0.1 on the representation is TS2Vec's own (`method/ts2vec`), which knows the step and so the mask.

use candle_core::Tensor;
use manabi_core::{
    Result,
    encoder::{Encoder, FrameEncoder, Mask, Mode, Targets, TokenEncoder},
    nn::{Conv1dParams, Init, Params, Role},
};
use manabi_kernels::{conv::conv1d, pool::max_pool1d};

mod block;

use super::shared;
use crate::batch::SeriesBatch;
use block::Block;

/// The paper's number of blocks before the last one.
const DEPTH: usize = 10;

/// What the encoder is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DilatedConfig {
    /// Channels `C` of the input.
    pub channels: usize,
    /// Width `H` of the blocks.
    pub hidden: usize,
    /// Blocks before the last one.
    pub depth: usize,
    /// Width `D` of the representation.
    pub output: usize,
}

impl DilatedConfig {
    /// The paper's encoder, no deeper than series of `length` time stamps have use for.
    pub fn new(channels: usize, length: usize) -> Self {
        let sized = |depth| Self { channels, hidden: 64, depth, output: 320 };
        (0..DEPTH).map(sized).find(|config| config.reach() >= length).unwrap_or(sized(DEPTH))
    }

    /// Time stamps that a representation sees before its own, and as many behind it.
    pub fn reach(&self) -> usize {
        // Two convolutions a block, each one dilation further.
        (0..=self.depth).map(|block| 2usize << block).sum()
    }

    /// Multiply-adds of one forward pass of one series.
    pub fn cost(&self, length: usize) -> f64 {
        let [c, h, d, blocks] = [self.channels, self.hidden, self.output, self.depth].map(|v| v as f64);
        length as f64 * (c * h + blocks * 6.0 * h * h + 4.0 * h * d + 3.0 * d * d)
    }
}

/// The encoder.
pub struct Dilated {
    weight: Tensor,
    bias: Tensor,
    blocks: Vec<Block>,
    config: DilatedConfig,
}

impl Dilated {
    /// Builds it below `params`.
    pub fn new(params: &Params, config: DilatedConfig) -> Result<Self> {
        let DilatedConfig { channels, hidden, depth, output } = config;
        let input = params.pp("input_fc");
        let bound = Init::Uniform(1.0 / (channels.max(1) as f32).sqrt());
        let block = |i: usize| {
            let outputs = if i == depth { output } else { hidden };
            Block::new(&params.pp("feature_extractor.net").pp(i), hidden, outputs, 1 << i)
        };
        Ok(Self {
            weight: input.get("weight", (hidden, channels), Init::FanIn, Role::Weight)?,
            bias: input.get("bias", hidden, bound, Role::NoDecay)?,
            blocks: (0..=depth).map(block).collect::<Result<_>>()?,
            config,
        })
    }

    /// Representations `(N, D, L)`.
    fn represent(&self, batch: &SeriesBatch) -> Result<Tensor> {
        shared::check_channels("dilated", batch, self.config.channels)?;
        let shape = Conv1dParams { input_grad: false, ..Conv1dParams::default() };
        let mut x = conv1d(&batch.values, &self.weight.unsqueeze(2)?, Some(&self.bias), &shape)?;
        if let Some(seen) = &batch.seen {
            x = (&x * seen.unsqueeze(1)?.broadcast_as(x.shape())?.contiguous()?)?;
        }
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        Ok(x)
    }
}

impl Encoder<SeriesBatch> for Dilated {
    fn features(&self, batch: &SeriesBatch, _mode: Mode) -> Result<Tensor> {
        let x = self.represent(batch)?;
        let length = x.dims3()?.2;
        Ok(max_pool1d(&x, length, length, 0)?.squeeze(2)?)
    }

    fn dim(&self) -> usize {
        self.config.output
    }

    fn tokens(&self) -> Option<&dyn TokenEncoder<SeriesBatch>> {
        Some(self)
    }

    fn frames(&self) -> Option<&dyn FrameEncoder<SeriesBatch>> {
        Some(self)
    }
}

impl FrameEncoder<SeriesBatch> for Dilated {
    fn frame_dim(&self) -> usize {
        self.config.output
    }

    fn span(&self) -> usize {
        2 * self.config.reach() + 1
    }

    fn frames(&self, batch: &SeriesBatch, _mode: Mode) -> Result<Tensor> {
        Ok(self.represent(batch)?.transpose(1, 2)?)
    }
}

/// Each time stamp is a token; a masked one is a zero among the latents.
impl TokenEncoder<SeriesBatch> for Dilated {
    fn token_count(&self, batch: &SeriesBatch) -> Result<usize> {
        Ok(batch.dims()?.2)
    }

    fn token_grid(&self, batch: &SeriesBatch) -> Result<(usize, usize)> {
        Ok((1, batch.dims()?.2))
    }

    fn target_dim(&self) -> usize {
        self.config.channels
    }

    fn targets(&self, batch: &SeriesBatch) -> Result<Targets> {
        Ok(Targets::Continuous(batch.values.detach().transpose(1, 2)?.contiguous()?))
    }

    fn measured(&self, batch: &SeriesBatch) -> Result<Option<Tensor>> {
        shared::measured(batch, 1)
    }

    fn masked_tokens(&self, batch: &SeriesBatch, mask: &Mask) -> Result<Tensor> {
        let hidden = batch.hide(&mask.masked.affine(-1.0, 1.0)?)?;
        Ok(self.represent(&hidden)?.transpose(1, 2)?.contiguous()?)
    }

    fn visible_tokens(&self, _batch: &SeriesBatch, _rows: &[u32]) -> Result<Tensor> {
        Err(shared::cannot_leave_out("dilated"))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::encoder::testing::{apart, input};

    #[test]
    fn blocks_are_as_many_as_the_length_has_use_for_and_at_most_the_papers() {
        let depth = |length| DilatedConfig::new(1, length).depth;
        assert_eq!([1, 6, 7, 128, 1000, 3000, 1 << 30].map(depth), [0, 1, 2, 6, 8, 10, 10]);
        assert_eq!(DilatedConfig { channels: 1, hidden: 64, depth: 10, output: 320 }.reach(), 4094);
    }

    // The authors' encoder, written again (conv: Conv1d(3 taps, padding = dilation)), 3 channels, hidden 4, depth 2,
    // output 5, all parameters sin(1.3 i + k) / 2 in the order of model.named_parameters() for k = 0, 1, …, where i
    // counts the elements; x = sin(0.7 i) as (2, 7, 3); time stamp 2 of row 0 hidden. r = encoder(x), (2, 7, 5)
    // print(r[0, 2], r[1, 6], r.sum())
    #[test]
    fn representations_are_those_of_the_authors_encoder() {
        let params = Params::new(0, &Device::Cpu);
        let encoder = Dilated::new(&params, DilatedConfig { channels: 3, hidden: 4, depth: 2, output: 5 }).unwrap();
        let mut names = vec!["input_fc".to_string()];
        for block in 0..3 {
            let parts =
                if block == 2 { &["conv1.conv", "conv2.conv", "projector"][..] } else { &["conv1.conv", "conv2.conv"] };
            names.extend(parts.iter().map(|part| format!("feature_extractor.net.{block}.{part}")));
        }
        let order = names.iter().flat_map(|n| [format!("{n}.weight"), format!("{n}.bias")]);
        let all = params.snapshot().unwrap();
        assert_eq!(all.len(), 2 * names.len());
        let filled = order.enumerate().map(|(k, name)| {
            let shape = all[&name].shape();
            let values = (0..shape.elem_count()).map(|i| ((1.3 * i as f64 + k as f64).sin() / 2.0) as f32);
            (name, Tensor::from_vec(values.collect::<Vec<_>>(), shape, &Device::Cpu).unwrap())
        });
        params.load(&filled.collect()).unwrap();
        let values: Vec<f32> = (0..42).map(|i| (0.7 * i as f64).sin() as f32).collect();
        let values = Tensor::from_vec(values, (2, 7, 3), &Device::Cpu).unwrap().transpose(1, 2).unwrap();
        let mut seen = vec![1f32; 14];
        seen[2] = 0.0;
        let seen = Tensor::from_vec(seen, (2, 7), &Device::Cpu).unwrap();
        let batch = SeriesBatch::new(values.contiguous().unwrap(), Some(seen)).unwrap();
        let r = FrameEncoder::frames(&encoder, &batch, Mode::Eval).unwrap();
        let sum = r.sum_all().unwrap().to_scalar::<f32>().unwrap();
        let r = r.contiguous().unwrap().to_vec3::<f32>().unwrap();
        let near =
            |got: &[f32], want: [f32; 5]| assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-4), "{got:?}");
        near(&r[0][2], [0.136355, 0.023471, -0.021739, 0.392736, 0.813344]);
        near(&r[1][6], [-0.461713, -0.443605, -0.416991, 0.223596, 1.182624]);
        assert!((sum - 5.148064).abs() < 1e-3, "{sum}");
    }

    #[test]
    fn features_are_the_maximum_of_the_representations() {
        let params = Params::new(3, &Device::Cpu);
        let encoder = Dilated::new(&params, DilatedConfig::new(2, 20)).unwrap();
        let batch = input(3, 2, 20, true);
        let frames = FrameEncoder::frames(&encoder, &batch, Mode::Eval).unwrap();
        let features = encoder.features(&batch, Mode::Eval).unwrap();
        assert_eq!(apart(&features, &frames.contiguous().unwrap().max(1).unwrap()), 0.0);
    }
}
