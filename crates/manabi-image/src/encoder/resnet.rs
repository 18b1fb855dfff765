//! ResNets: He et al., arXiv:1512.03385, in torchvision's layout and names.
//!
//! *CIFAR stem*: 3 × 3, stride 1, no pooling. *ImageNet stem*: 7 × 7, stride 2, then 3 × 3 max
//! pooling with stride 2. *Small*: 3 × 3 with stride 2 and three narrow stages, for training in
//! minutes on two cores; its embedding joins the pooled stages, because with a few epochs the
//! last one alone has already thrown away what a probe could use.
//!
//! Shapes: `(N, C, H, W)` → `(N, D)`, `D` = 512 (18, 34) or 2048 (50).

use candle_core::Tensor;
use manabi_core::{
    Result,
    encoder::{Encoder, Mode},
    nn::{BasicBlock, BatchNorm, Bottleneck, Conv2d, Params, Residual},
};
use manabi_kernels::pool::{global_avg_pool, max_pool2d};

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
    /// The embedding joins all pooled stages instead of the last.
    pub joined_stages: bool,
}

impl ResNetConfig {
    fn standard(channels: usize, stem: Stem, depths: [usize; 4], bottleneck: bool) -> Self {
        let stages = [64, 128, 256, 512].into_iter().zip(depths).enumerate();
        let stages = stages.map(|(i, (width, depth))| (width, depth, if i == 0 { 1 } else { 2 })).collect();
        Self { channels, stem, stem_width: 64, stages, bottleneck, joined_stages: false }
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

    /// The default: about 5 million multiply-adds at 28 × 28.
    pub fn small(channels: usize) -> Self {
        Self {
            channels,
            stem: Stem::Strided,
            stem_width: 32,
            stages: vec![(64, 1, 2), (128, 1, 2), (256, 1, 2)],
            bottleneck: false,
            joined_stages: true,
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

    fn embedding(&self, batch: &Tensor) -> Result<Tensor> {
        if !self.config.joined_stages {
            return Ok(self.features(batch, Mode::Eval)?.detach());
        }
        let pooled = self.stages(batch, Mode::Eval)?.iter().map(|x| Ok(global_avg_pool(x)?)).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::cat(&pooled, 1)?.detach())
    }
}
