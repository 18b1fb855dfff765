//! Fast CPU tensor operations with gradients, under candle's autograd.
//!
//! Every public function takes and returns candle tensors. On the CPU in `f32` it runs a fused, multi-threaded,
//! vectorised kernel with its own backward pass; on any other device or type it composes candle's own operations.
//! Rayon is the only source of threads, and every reduction has a fixed order, so that a result has the same bits for
//! the same number of threads.
//!
//! | module | what |
//! |---|---|
//! | [`conv`] | 1-D and 2-D convolution: direct (depthwise), Winograd F(4×4, 3×3) or F(2×2, 3×3), im2col + product |
//! | [`norm`] | batch normalisation (with ReLU), group, layer, RMS and L2 normalisation |
//! | [`activation`] | ReLU, add + ReLU, GELU in its erf and tanh forms, softmax, log-softmax |
//! | [`loss`] | cross-entropy from logits |
//! | [`linear`], [`matmul`] | matrix products |
//! | [`attention`] | multi-head self-attention in blocks, with a padding mask or packed sequences |
//! | [`transformer`] | a Transformer block's two halves, each with its norm and residual as one operation |
//! | [`logsumexp`] | log Σ exp over all products of rows, without the matrix of products |
//! | [`covariance`] | column variances and squared covariances in one operation |
//! | [`sinkhorn`] | a matrix of exponentials scaled to given row and column sums |
//! | [`pool`] | max, average and global average pooling of maps and series |
//! | [`index`] | rows by number: gather, embedding, scatter-add; sum, mean, max and softmax by segment |
//! | [`optim`] | in-place optimiser steps, also on some rows of a table; EMA, norms |
//! | [`memory`] | reuse of large buffers |
//! | [`recompute`] | a block whose inside is computed again in the backward pass |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[macro_use]
mod wide;
pub mod activation;
pub mod attention;
pub mod conv;
pub mod covariance;
pub mod index;
mod join;
pub mod linear;
pub mod logsumexp;
pub mod loss;
mod many;
pub mod matmul;
pub mod memory;
pub mod norm;
pub mod optim;
pub mod pool;
mod precision;
pub mod recompute;
pub mod sinkhorn;
mod storage;
#[cfg(test)]
mod testing;
mod tiles;
pub mod transformer;
mod vector;

pub use precision::Precision;
