//! What a kernel has to do, counted from its shape: operations of its products, or bytes that cross to memory and back.
//!
//! A multiplication with its addition counts as two operations. Bytes are those of the large tensors alone, each read
//! or written as often as a kernel must that keeps nothing of such a tensor in a cache. Divided by the seconds it took,
//! both say how near a kernel is to the machine's own peak. A kernel of many cheap passes is bound by bytes, one of
//! products by operations; it declares the one that binds it.

/// What one run has to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// Operations in `f32`.
    Operations {
        /// As the definition counts them.
        nominal: f64,
        /// How many of them a better algorithm needs for one that it does (1 without one).
        saving: f64,
    },
    /// Bytes read and written.
    Bytes(f64),
    /// Several kernels at once: no single peak binds it.
    Mixed,
}

/// Forward, and the gradients of both factors.
const BOTH_WAYS: f64 = 3.0;

impl Work {
    /// `count` operations.
    pub fn operations(count: f64) -> Self {
        Self::Operations { nominal: count, saving: 1.0 }
    }

    /// The product of (m, k) and (k, n).
    pub fn product(m: usize, k: usize, n: usize) -> Self {
        Self::operations(product(m, k, n))
    }

    /// A linear layer of `rows`, forward and both gradients.
    pub fn linear(rows: usize, inputs: usize, outputs: usize) -> Self {
        Self::operations(BOTH_WAYS * product(rows, inputs, outputs))
    }

    /// A convolution to `y` (N, Co, positions…) by `w` (Co, Ci / groups, taps…), forward and both gradients; taps on the
    /// padding are counted too.
    pub fn conv(y: &[usize], w: &[usize]) -> Self {
        let each: usize = w[1..].iter().product();
        Self::operations(BOTH_WAYS * 2.0 * elements(y) * each as f64)
    }

    /// The same work by Winograd's F(4x4, 3x3), which multiplies 36 times where the definition does so 144 times; its
    /// transforms are not counted.
    pub fn by_winograd(self) -> Self {
        match self {
            Self::Operations { nominal, .. } => Self::Operations { nominal, saving: 4.0 },
            other => other,
        }
    }

    /// Attention of `batch` sequences of `tokens`, heads of `width` in all: two products forward, five backward (scores
    /// are made again).
    pub fn attention(batch: usize, tokens: usize, width: usize) -> Self {
        Self::operations(7.0 * batch as f64 * product(tokens, width, tokens))
    }

    /// The logarithms of sums over the products of all pairs among `rows`: half a product forward (it is symmetric), one
    /// and a half backward.
    pub fn pairs(rows: usize, width: usize) -> Self {
        Self::operations(2.0 * product(rows, width, rows))
    }

    /// Covariances of the columns of (rows, width): half a product forward (it is symmetric), a whole one backward.
    pub fn covariances(views: usize, rows: usize, width: usize) -> Self {
        Self::operations(1.5 * views as f64 * product(width, rows, width))
    }

    /// `passes` over a tensor of this shape, each a read or a write.
    pub fn passes(passes: usize, shape: &[usize]) -> Self {
        Self::Bytes(4.0 * passes as f64 * elements(shape))
    }
}

/// An element-wise operation, forward and backward: x is read and y written; x and gy are read and gx written.
pub const ELEMENTWISE: usize = 5;
/// Batch statistics: x is read twice and y written; x and gy are read twice and gx written.
pub const BATCH_NORM: usize = 8;
/// Two terms: both are read and the sum written; the sum and its gradient are read and theirs written.
pub const ADD_RELU: usize = 6;
/// Logits are read forward; read, and their gradient written, backward.
pub const CROSS_ENTROPY: usize = 3;
/// Parameter, gradient and two means are read; all but the gradient are written.
pub const ADAMW: usize = 7;
/// Parameter, gradient and momentum are read; parameter and momentum are written.
pub const SGD: usize = 5;

/// Scores are read and codes written; then a read and a write a round.
pub const fn sinkhorn(rounds: usize) -> usize {
    2 + 2 * rounds
}

fn product(m: usize, k: usize, n: usize) -> f64 {
    2.0 * m as f64 * k as f64 * n as f64
}

fn elements(shape: &[usize]) -> f64 {
    shape.iter().map(|n| *n as f64).product()
}

/// As the worker says it behind `ready`: `flop COUNT SAVING`, `byte COUNT`, or nothing.
impl std::fmt::Display for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operations { nominal, saving } => write!(f, "flop {nominal} {saving}"),
            Self::Bytes(bytes) => write!(f, "byte {bytes}"),
            Self::Mixed => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convolution_counts_two_operations_a_tap_three_times() {
        let work = Work::conv(&[2, 4, 5, 5], &[4, 3, 3, 3]);
        assert_eq!(work, Work::operations(3.0 * 2.0 * (2 * 4 * 25 * 27) as f64));
        assert_eq!(work.by_winograd().to_string(), format!("flop {} 4", 3 * 2 * 2 * 4 * 25 * 27));
    }

    #[test]
    fn depthwise_kernels_see_one_channel() {
        assert_eq!(Work::conv(&[1, 8, 10], &[8, 1, 3]), Work::operations((3 * 2 * 8 * 10 * 3) as f64));
    }

    #[test]
    fn passes_are_counted_in_bytes() {
        assert_eq!(Work::passes(ELEMENTWISE, &[10, 10]), Work::Bytes(2000.0));
    }
}
