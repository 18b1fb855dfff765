//! ResNets: He et al., arXiv:1512.03385, in torchvision's layout and names.
//!
//! *CIFAR stem*: 3 × 3, stride 1, no pooling. *ImageNet stem*: 7 × 7, stride 2, then 3 × 3 max
//! pooling with stride 2. *Small*: 3 × 3 with stride 2 and three narrow stages, for training in
//! minutes on two cores. Its read-out joins the pooled last two stages and a 2 × 2 grid of the
//! last: where things are still says much, and a few epochs of pre-training do not fold it into
//! the channels (docs/BENCHMARKS.md has the figures).
//!
//! Shapes: `(N, C, H, W)` → `(N, D)`, `D` = 512 (18, 34), 2048 (50) or 128 (small).

use candle_core::Tensor;
use manabi_core::{
    Result,
    encoder::{Encoder, Mode},
    nn::{BasicBlock, BatchNorm, Bottleneck, Conv2d, Params, Residual},
};
use manabi_kernels::pool::{avg_pool2d, global_avg_pool, max_pool2d};

/// The first layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stem {
    /// 3 × 3, stride 1.
    Cifar,
    /// 7 × 7, stride 2, and 3 × 3 max pooling with stride 2.
    ImageNet,
    /// 3 × 3, stride 2.
    Strided,
}

/// What a ResNet is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResNetConfig {
    /// Colour channels of the input.
    pub channels: usize,
    /// The first layers.
    pub stem: Stem,
    /// Width of the stem.
    pub stem_width: usize,
    /// `(width, blocks, stride)` of each stage.
    pub stages: Vec<(usize, usize, usize)>,
    /// Bottleneck blocks (expansion 4) instead of basic ones.
    pub bottleneck: bool,
    /// The read-out joins the last two pooled stages and a 2 × 2 grid of the last.
    pub grid_readout: bool,
}

impl ResNetConfig {
    fn standard(channels: usize, stem: Stem, depths: [usize; 4], bottleneck: bool) -> Self {
        let stages = [64, 128, 256, 512].into_iter().zip(depths).enumerate();
        let stages = stages.map(|(i, (width, depth))| (width, depth, if i == 0 { 1 } else { 2 })).collect();
        Self { channels, stem, stem_width: 64, stages, bottleneck, grid_readout: false }
    }

    /// ResNet-18.
    pub fn resnet18(channels: usize, stem: Stem) -> Self {
        Self::standard(channels, stem, [2, 2, 2, 2], false)
    }

    /// ResNet-34.
    pub fn resnet34(channels: usize, stem: Stem) -> Self {
        Self::standard(channels, stem, [3, 4, 6, 3], false)
    }

    /// ResNet-50.
    pub fn resnet50(channels: usize, stem: Stem) -> Self {
        Self::standard(channels, stem, [3, 4, 6, 3], true)
    }

    /// The default: 6.5 million multiply-adds at 28 × 28, 290 thousand parameters.
    pub fn small(channels: usize) -> Self {
        Self {
            channels,
            stem: Stem::Strided,
            stem_width: 32,
            stages: vec![(64, 1, 2), (128, 1, 2)],
            bottleneck: false,
            grid_readout: true,
        }
    }

    fn expansion(&self) -> usize {
        if self.bottleneck { 4 } else { 1 }
    }

    /// Multiply-adds of one forward pass of a `size × size` picture.
    pub fn cost(&self, size: usize) -> f64 {
        let (kernel, stride) = match self.stem {
            Stem::Cifar => (3, 1),
            Stem::ImageNet => (7, 2),
            Stem::Strided => (3, 2),
        };
        let mut side = size.div_ceil(stride);
        let mut total = kernel * kernel * self.channels * self.stem_width * side * side;
        if self.stem == Stem::ImageNet {
            side = side.div_ceil(2);
        }
        let mut inputs = self.stem_width;
        for &(width, blocks, stride) in &self.stages {
            for block in 0..blocks {
                let stride = if block == 0 { stride } else { 1 };
                let (before, outputs) = (side, width * self.expansion());
                side = side.div_ceil(stride);
                let area = side * side;
                total += if self.bottleneck {
                    inputs * width * before * before + 9 * width * width * area + width * outputs * area
                } else {
                    9 * (inputs * width + width * width) * area
                };
                if inputs != outputs || stride != 1 {
                    total += inputs * outputs * area;
                }
                inputs = outputs;
            }
        }
        total as f64
    }
}

/// A ResNet without its classifier.
pub struct ResNet {
    conv: Conv2d,
    norm: BatchNorm,
    stages: Vec<Vec<Box<dyn Residual>>>,
    config: ResNetConfig,
}

impl ResNet {
    /// Builds it below `params`.
    pub fn new(params: &Params, config: ResNetConfig) -> Result<Self> {
        let (kernel, stride) = match config.stem {
            Stem::Cifar => (3, 1),
            Stem::ImageNet => (7, 2),
            Stem::Strided => (3, 2),
        };
        let conv = Conv2d::stem(&params.pp("conv1"), config.channels, config.stem_width, kernel, stride)?;
        let norm = BatchNorm::relu(&params.pp("bn1"), config.stem_width)?;
        let mut inputs = config.stem_width;
        let mut stages = Vec::with_capacity(config.stages.len());
        for (i, &(width, blocks, stride)) in config.stages.iter().enumerate() {
            let mut stage: Vec<Box<dyn Residual>> = Vec::with_capacity(blocks);
            for block in 0..blocks {
                let p = params.pp(format!("layer{}", i + 1)).pp(block);
                let stride = if block == 0 { stride } else { 1 };
                if config.bottleneck {
                    stage.push(Box::new(Bottleneck::new(&p, inputs, width, stride)?));
                } else {
                    stage.push(Box::new(BasicBlock::new(&p, inputs, width, stride)?));
                }
                inputs = width * config.expansion();
            }
            stages.push(stage);
        }
        Ok(Self { conv, norm, stages, config })
    }

    /// The output of each stage, `(N, C_i, H_i, W_i)`.
    fn stages(&self, x: &Tensor, mode: Mode) -> Result<Vec<Tensor>> {
        let mut x = self.norm.forward(&self.conv.forward(x)?, mode)?;
        if self.config.stem == Stem::ImageNet {
            x = max_pool2d(&x, 3, 2, 1)?;
        }
        let mut outputs = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            for block in stage {
                x = block.forward(&x, mode)?;
            }
            outputs.push(x.clone());
        }
        Ok(outputs)
    }
}

impl Encoder<Tensor> for ResNet {
    fn features(&self, batch: &Tensor, mode: Mode) -> Result<Tensor> {
        match self.stages(batch, mode)?.last() {
            Some(last) => Ok(global_avg_pool(last)?),
            None => Err(manabi_core::Error::config("a ResNet needs at least one stage")),
        }
    }

    fn dim(&self) -> usize {
        self.config.stages.last().map_or(0, |(width, ..)| width * self.config.expansion())
    }

    fn readout(&self, batch: &Tensor, mode: Mode) -> Result<Tensor> {
        if !self.config.grid_readout {
            return self.features(batch, mode);
        }
        let stages = self.stages(batch, mode)?;
        let kept = &stages[stages.len().saturating_sub(2)..];
        let mut parts = kept.iter().map(|x| Ok(global_avg_pool(x)?)).collect::<Result<Vec<_>>>()?;
        if let Some(last) = stages.last() {
            let (_, _, h, w) = last.dims4()?;
            let side = h.min(w);
            // Odd sides share their middle row; a single cell is its own grid, so that the width is fixed.
            let grid = match side {
                0 | 1 => Tensor::cat(&[last; 4], 1)?.flatten_from(1)?,
                _ => avg_pool2d(last, side.div_ceil(2), side / 2)?.narrow(2, 0, 2)?.narrow(3, 0, 2)?.flatten_from(1)?,
            };
            parts.push(grid);
        }
        Ok(Tensor::cat(&parts, 1)?)
    }

    fn readout_dim(&self) -> usize {
        if !self.config.grid_readout {
            return self.dim();
        }
        let count = self.config.stages.len();
        let width = |i: usize| self.config.stages.get(i).map_or(0, |(w, ..)| w * self.config.expansion());
        let before = if count > 1 { width(count - 2) } else { 0 };
        before + 5 * self.dim()
    }
}
