//! The public functions as one table: the shapes that each takes, and a call.

use candle_core::{Result, Tensor};
use manabi_kernels::{
    Precision,
    activation::{add_relu, gelu, gelu_tanh, log_softmax_last, relu, softmax_last},
    attention::{attention, attention_packed},
    covariance::column_covariances,
    index::{
        TableRows, embedding, embedding_bag, gather_rows, pair_dots, scatter_add_rows, segment_max, segment_mean,
        segment_softmax, segment_sum,
    },
    linear::{Activation, linear, linear_active},
    logsumexp::{log_sum_exp_gram, log_sum_exp_products},
    loss::{SKIP, cross_entropy, soft_cross_entropy, softplus_sum},
    norm::{batch_norm, batch_norm_eval, group_norm, l2_normalize, layer_norm, rms_norm},
    pool::{avg_pool1d, avg_pool2d, global_avg_pool, global_avg_pool1d, max_pool1d, max_pool2d},
    sinkhorn::sinkhorn,
    transformer::{Affine, AttentionBranch, MlpBranch, Norm, add_attention, add_mlp},
};

/// A batch of `n`, a length or height of `t`, `d` features or columns.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub n: usize,
    pub t: usize,
    pub d: usize,
}

/// A public function.
pub struct Function {
    pub name: &'static str,
    /// The shapes of its tensors.
    pub shapes: fn(Sizes) -> Vec<Vec<usize>>,
    pub call: fn(Sizes, &[Tensor]) -> Result<Tensor>,
}

/// Large enough that no variance near zero turns rounding into figures.
const EPS: f64 = 0.1;

/// Segments, or rows, that the indices name.
const COUNT: usize = 3;

/// `n` numbers below `count`, in no order, with repetition; of nothing the number 0, which is not there.
fn ids(n: usize, count: usize) -> Vec<u32> {
    (0..n).map(|i| ((i * 7 + 2) % count.max(1)) as u32).collect()
}

fn classes(s: Sizes) -> Vec<u32> {
    let mut ids = ids(s.n, s.d);
    ids.iter_mut().skip(1).step_by(3).for_each(|id| *id = SKIP);
    ids
}

fn keep(s: Sizes, like: &Tensor) -> Result<Tensor> {
    let keep: Vec<u8> = (0..s.n * s.t).map(|i| u8::from(i % 3 != 1)).collect();
    Tensor::from_vec(keep, (s.n, s.t), like.device())
}

fn affine<'a>(weight: &'a Tensor, bias: &'a Tensor) -> Affine<'a> {
    Affine { weight, bias, precision: Precision::F32 }
}

/// Shapes of x, of a norm, and of two layers, D → `inner` and `back` → D.
fn branch(s: Sizes, d: usize, inner: usize, back: usize) -> Vec<Vec<usize>> {
    vec![vec![s.n, s.t, d], vec![d], vec![d], vec![inner, d], vec![inner], vec![d, back], vec![d]]
}

fn joined((a, b): (Tensor, Tensor)) -> Result<Tensor> {
    Tensor::cat(&[a, b.reshape(1)?], 0)
}

/// All of them but convolution and matrix products, which have tests of their own.
pub const FUNCTIONS: &[Function] = &[
    Function { name: "relu", shapes: |s| vec![vec![s.n, s.t, s.d]], call: |_, x| relu(&x[0]) },
    Function { name: "add_relu", shapes: |s| vec![vec![s.n, s.t, s.d]; 2], call: |_, x| add_relu(&x[0], &x[1]) },
    Function { name: "gelu", shapes: |s| vec![vec![s.n, s.t, s.d]], call: |_, x| gelu(&x[0]) },
    Function { name: "gelu_tanh", shapes: |s| vec![vec![s.n, s.t, s.d]], call: |_, x| gelu_tanh(&x[0]) },
    Function { name: "softmax_last", shapes: |s| vec![vec![s.n, s.t, s.d]], call: |_, x| softmax_last(&x[0]) },
    Function { name: "log_softmax_last", shapes: |s| vec![vec![s.n, s.t, s.d]], call: |_, x| log_softmax_last(&x[0]) },
    Function {
        name: "layer_norm",
        shapes: |s| vec![vec![s.n, s.t, s.d], vec![s.d], vec![s.d]],
        call: |_, x| layer_norm(&x[0], &x[1], &x[2], EPS),
    },
    Function {
        name: "rms_norm",
        shapes: |s| vec![vec![s.n, s.t, s.d], vec![s.d]],
        call: |_, x| rms_norm(&x[0], &x[1], EPS),
    },
    Function {
        name: "group_norm",
        shapes: |s| vec![vec![s.n, 2 * s.d, s.t], vec![2 * s.d], vec![2 * s.d]],
        call: |_, x| group_norm(&x[0], 2, &x[1], &x[2], EPS),
    },
    Function {
        name: "batch_norm of maps",
        shapes: |s| vec![vec![s.n, s.d, s.t, 3], vec![s.d], vec![s.d]],
        call: |_, x| Ok(batch_norm(&x[0], &x[1], &x[2], EPS, true)?.0),
    },
    Function {
        name: "batch_norm of rows",
        shapes: |s| vec![vec![s.n, s.d], vec![s.d], vec![s.d]],
        call: |_, x| Ok(batch_norm(&x[0], &x[1], &x[2], EPS, false)?.0),
    },
    Function {
        name: "the statistics of batch_norm",
        shapes: |s| vec![vec![s.n, s.d, s.t, 1], vec![s.d], vec![s.d]],
        call: |_, x| {
            let stats = batch_norm(&x[0], &x[1], &x[2], EPS, false)?.1;
            Tensor::cat(&[stats.mean, stats.var], 0)
        },
    },
    Function {
        name: "batch_norm_eval",
        shapes: |s| vec![vec![s.n, s.d, s.t, 3], vec![s.d], vec![s.d], vec![s.d], vec![s.d]],
        call: |_, x| batch_norm_eval(&x[0], &x[1], &(x[2].sqr()? + EPS)?, &x[3], &x[4], EPS, true),
    },
    Function { name: "l2_normalize", shapes: |s| vec![vec![s.n, s.d]], call: |_, x| l2_normalize(&x[0], 0.05) },
    Function {
        name: "linear",
        shapes: |s| vec![vec![s.n, s.t, s.d], vec![5, s.d], vec![5]],
        call: |_, x| linear(&x[0], &x[1], Some(&x[2])),
    },
    Function {
        name: "linear_active with a ReLU",
        shapes: |s| vec![vec![s.n, s.t, s.d], vec![5, s.d], vec![5]],
        call: |_, x| linear_active(&x[0], &x[1], &x[2], Activation::Relu, Precision::F32),
    },
    Function {
        name: "linear_active with a GELU",
        shapes: |s| vec![vec![s.n, s.t, s.d], vec![5, s.d], vec![5]],
        call: |_, x| linear_active(&x[0], &x[1], &x[2], Activation::Gelu, Precision::F32),
    },
    Function {
        name: "add_mlp",
        shapes: |s| branch(s, s.d, 5, 5),
        call: |_, x| {
            let norm = Norm { gamma: &x[1], beta: &x[2], eps: EPS };
            add_mlp(&x[0], &MlpBranch { norm, first: affine(&x[3], &x[4]), second: affine(&x[5], &x[6]) })
        },
    },
    Function {
        name: "add_attention",
        shapes: |s| branch(s, 2 * s.d, 6 * s.d, 2 * s.d),
        call: |_, x| {
            let norm = Norm { gamma: &x[1], beta: &x[2], eps: EPS };
            // Scores of some tens would turn the rounding of their last digit into figures.
            let weight = (&x[3] * 0.1)?;
            let (qkv, out) = (affine(&weight, &x[4]), affine(&x[5], &x[6]));
            add_attention(&x[0], &AttentionBranch { norm, qkv, out, heads: 2, keep: None })
        },
    },
    Function { name: "attention", shapes: |s| vec![vec![s.n, s.t, 6 * s.d]], call: |_, x| attention(&x[0], 2, None) },
    Function {
        name: "attention_packed",
        shapes: |s| vec![vec![s.n * s.t, 6 * s.d]],
        call: |s, x| attention_packed(&x[0], 2, &vec![s.t; s.n]),
    },
    Function {
        name: "log_sum_exp_products",
        shapes: |s| vec![vec![s.n, s.d], vec![s.t, s.d]],
        call: |_, x| log_sum_exp_products(&x[0], &x[1], 0.7, None),
    },
    Function {
        name: "log_sum_exp_gram",
        shapes: |s| vec![vec![s.n + 1, s.d]],
        call: |_, x| log_sum_exp_gram(&x[0], 0.7),
    },
    Function {
        name: "column_covariances",
        shapes: |s| vec![vec![s.n + s.t, s.d]],
        call: |_, x| joined(column_covariances(&x[0])?),
    },
    Function {
        name: "soft_cross_entropy",
        shapes: |s| vec![vec![s.n, s.d], vec![s.n, s.d]],
        call: |_, x| soft_cross_entropy(&x[0], &softmax_last(&x[1])?, 0.5),
    },
    Function { name: "sinkhorn", shapes: |s| vec![vec![s.n, s.d]], call: |_, x| sinkhorn(&x[0], 0.5, 3) },
    Function {
        name: "cross_entropy",
        shapes: |s| vec![vec![s.n, s.d]],
        call: |s, x| cross_entropy(&x[0], &classes(s), 0.1)?.reshape(1),
    },
    Function { name: "max_pool2d", shapes: |s| vec![vec![s.n, 2, s.t, s.d]], call: |_, x| max_pool2d(&x[0], 2, 1, 1) },
    Function { name: "max_pool1d", shapes: |s| vec![vec![s.n, s.t, s.d]], call: |_, x| max_pool1d(&x[0], 3, 2, 1) },
    Function { name: "avg_pool2d", shapes: |s| vec![vec![s.n, 2, s.t, s.d]], call: |_, x| avg_pool2d(&x[0], 2, 1) },
    Function { name: "avg_pool1d", shapes: |s| vec![vec![s.n, s.t, s.d]], call: |_, x| avg_pool1d(&x[0], 2, 2) },
    Function { name: "global_avg_pool", shapes: |s| vec![vec![s.n, 2, s.t, s.d]], call: |_, x| global_avg_pool(&x[0]) },
    Function {
        name: "global_avg_pool1d",
        shapes: |s| vec![vec![s.n, s.t, s.d]],
        call: |_, x| global_avg_pool1d(&x[0]),
    },
    Function {
        name: "pair_dots",
        shapes: |s| vec![vec![s.n, s.d], vec![s.t, s.d]],
        call: |s, x| pair_dots(&x[0], &x[1], &ids(5, s.n), &ids(5, s.t)),
    },
    Function {
        name: "softplus_sum",
        shapes: |s| vec![vec![s.n, s.d]],
        call: |s, x| softplus_sum(&x[0], &vec![0.5; s.n], true)?.reshape(1),
    },
    Function {
        name: "embedding_bag",
        shapes: |s| vec![vec![s.n, s.d]],
        call: |s, x| embedding_bag(&x[0], &ids(6, s.n), &[0.5, 1.0, 2.0, 0.25, 1.5, 3.0], &[2, 0, 4]),
    },
    Function { name: "gather_rows", shapes: |s| vec![vec![s.n, s.d]], call: |s, x| gather_rows(&x[0], &ids(s.t, s.n)) },
    Function { name: "embedding", shapes: |s| vec![vec![s.n, s.d]], call: |s, x| embedding(&x[0], &ids(s.t, s.n)) },
    Function {
        name: "TableRows",
        shapes: |s| vec![vec![s.n, s.d]],
        call: |s, x| Ok(TableRows::new(&x[0], &ids(s.t, s.n))?.embedding(&ids(s.t, s.n))?.detach()),
    },
    Function {
        name: "scatter_add_rows",
        shapes: |s| vec![vec![s.n, s.d], vec![s.t, s.d]],
        call: |s, x| scatter_add_rows(&x[0], &ids(s.t, s.n), &x[1]),
    },
    Function {
        name: "segment_sum",
        shapes: |s| vec![vec![s.n, s.t, s.d]],
        call: |s, x| segment_sum(&x[0], &ids(s.n, COUNT), COUNT),
    },
    Function {
        name: "segment_mean",
        shapes: |s| vec![vec![s.n, s.t, s.d]],
        call: |s, x| segment_mean(&x[0], &ids(s.n, COUNT), COUNT),
    },
    Function {
        name: "segment_max",
        shapes: |s| vec![vec![s.n, s.t, s.d]],
        call: |s, x| segment_max(&x[0], &ids(s.n, COUNT), COUNT),
    },
    Function {
        name: "segment_softmax",
        shapes: |s| vec![vec![s.n, s.t, s.d]],
        call: |s, x| segment_softmax(&x[0], &ids(s.n, COUNT), COUNT),
    },
];

/// Attention with padding, whose plain form lets a NaN of the padding through.
pub const MASKED: Function = Function {
    name: "attention with a mask",
    shapes: |s| vec![vec![s.n, s.t, 6 * s.d]],
    call: |s, x| attention(&x[0], 2, Some(&keep(s, &x[0])?)),
};
