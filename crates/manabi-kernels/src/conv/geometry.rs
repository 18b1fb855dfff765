//! All sizes of one convolution, axis by axis; a line is an image of height 1.

use candle_core::{Result, bail};

use super::ConvParams;
use crate::Precision;

/// How the kernel moves along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// Elements of the input, without padding.
    pub(super) size: usize,
    /// Taps of the kernel.
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) dilation: usize,
    /// Elements of the output.
    pub(super) positions: usize,
}

impl Axis {
    fn new(op: &str, size: usize, kernel: usize, params: &ConvParams) -> Result<Self> {
        let ConvParams { stride, padding, dilation, .. } = *params;
        if kernel == 0 {
            bail!("{op}: a kernel without taps for {size} elements")
        }
        let (Some(reach), Some(padded)) = (
            dilation.checked_mul(kernel - 1).and_then(|v| v.checked_add(1)),
            padding.checked_mul(2).and_then(|v| v.checked_add(size)),
        ) else {
            bail!("{op}: dilation {dilation} or padding {padding} is too large")
        };
        if padded < reach {
            bail!("{op}: a kernel that reaches over {reach} does not fit in {size} elements padded by {padding}")
        }
        Ok(Self { size, kernel, stride, padding, dilation, positions: (padded - reach) / stride + 1 })
    }

    /// The axis that a line does not have.
    fn none() -> Self {
        Self { size: 1, kernel: 1, stride: 1, padding: 0, dilation: 1, positions: 1 }
    }

    /// One tap on every element.
    fn pointwise(&self) -> bool {
        (self.kernel, self.stride, self.padding) == (1, 1, 0)
    }
}

/// All sizes of one convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) n: usize,
    pub(super) ci: usize,
    pub(super) co: usize,
    pub(super) groups: usize,
    pub(super) down: Axis,
    pub(super) across: Axis,
    /// In which numbers the products read their factors.
    pub(super) precision: Precision,
}

impl Geometry {
    /// Of x (N, Ci, H, W) or (N, Ci, T) and w (Co, Ci / groups, Kh, Kw) or (Co, Ci / groups, K).
    pub(super) fn new(op: &str, x: &[usize], w: &[usize], params: &ConvParams) -> Result<Self> {
        let ConvParams { stride, dilation, groups, precision, .. } = *params;
        let (&[n, ci, ref sizes @ ..], &[co, per_group, ref kernel @ ..]) = (x, w) else {
            bail!("{op}: input {x:?} or kernel {w:?} has too few dimensions")
        };
        if stride == 0 || dilation == 0 || groups == 0 {
            bail!("{op}: stride {stride}, dilation {dilation} and groups {groups} must all be at least 1")
        }
        if ci == 0 || co == 0 || sizes.contains(&0) {
            bail!("{op}: no channels or positions in input {x:?} or kernel {w:?}")
        }
        if ci % groups != 0 || co % groups != 0 {
            bail!("{op}: {ci} input and {co} output channels do not divide into {groups} groups")
        }
        if ci / groups != per_group {
            bail!("{op}: the kernel expects {per_group} channels a group, the input has {}", ci / groups)
        }
        let axis = |size, kernel| Axis::new(op, size, kernel, params);
        let (down, across) = match (sizes, kernel) {
            (&[t], &[k]) => (Axis::none(), axis(t, k)?),
            (&[h, w], &[kh, kw]) => (axis(h, kh)?, axis(w, kw)?),
            _ => bail!("{op}: input {x:?} and kernel {w:?} differ in their dimensions"),
        };
        Ok(Self { n, ci, co, groups, down, across, precision })
    }

    /// Elements of one input map.
    pub(super) fn area(&self) -> usize {
        self.down.size * self.across.size
    }

    /// Elements of one output map.
    pub(super) fn positions(&self) -> usize {
        self.down.positions * self.across.positions
    }

    /// Elements of one input image.
    pub(super) fn image(&self) -> usize {
        self.ci * self.area()
    }

    /// Elements of one output image.
    pub(super) fn output(&self) -> usize {
        self.co * self.positions()
    }

    /// Input and output channels of a group.
    pub(super) fn per_group(&self) -> (usize, usize) {
        (self.ci / self.groups, self.co / self.groups)
    }

    /// Weights of one output channel.
    pub(super) fn taps(&self) -> usize {
        self.ci / self.groups * self.down.kernel * self.across.kernel
    }

    /// All weights.
    pub(super) fn weights(&self) -> usize {
        self.co * self.taps()
    }

    /// A kernel of one tap on every element: the image is its own matrix of columns.
    pub(super) fn pointwise(&self) -> bool {
        self.down.pointwise() && self.across.pointwise()
    }
}

/// The remainders of the taps' places by the stride, in order: the phases of an axis that a kernel reads.
pub(super) fn phases(kernel: usize, dilation: usize, stride: usize) -> Vec<usize> {
    let mut used: Vec<usize> = (0..kernel).map(|tap| tap * dilation % stride).collect();
    used.sort_unstable();
    used.dedup();
    used
}
