//! The fused halves against the chain of separate operations, and the graph that the parameters hang on.

use candle_core::{DType, Device, Tensor, Var};
use proptest::prelude::*;

use super::*;
use crate::activation::gelu;
use crate::attention::attention;
use crate::testing::{close, finite_differences, flat, same_gradients, var};

/// Parameters of one branch, D → I → D.
struct Branch {
    norm: [Var; 2],
    first: [Var; 2],
    second: [Var; 2],
}

impl Branch {
    fn new(d: usize, inner: usize, back: usize, seed: u64) -> Self {
        let small = |shape: &[usize], seed| {
            let values = (var(shape, seed).as_tensor() / (d as f64).sqrt()).unwrap();
            Var::from_tensor(&values).unwrap()
        };
        let one = |v: Var| Var::from_tensor(&v.as_tensor().affine(0.1, 1.0).unwrap()).unwrap();
        Self {
            norm: [one(var(&[d], seed ^ 11)), small(&[d], seed ^ 12)],
            first: [small(&[inner, d], seed ^ 13), small(&[inner], seed ^ 14)],
            second: [small(&[d, back], seed ^ 15), small(&[d], seed ^ 16)],
        }
    }

    fn all(&self) -> Vec<&Var> {
        self.norm.iter().chain(&self.first).chain(&self.second).collect()
    }

    fn norm(&self) -> Norm<'_> {
        Norm { gamma: &self.norm[0], beta: &self.norm[1], eps: 1e-6 }
    }

    fn mlp(&self) -> MlpBranch<'_> {
        MlpBranch { norm: self.norm(), first: affine(&self.first), second: affine(&self.second) }
    }

    fn attention<'a>(&'a self, heads: usize, keep: Option<&'a Tensor>) -> AttentionBranch<'a> {
        AttentionBranch { norm: self.norm(), qkv: affine(&self.first), out: affine(&self.second), heads, keep }
    }
}

fn affine(vars: &[Var; 2]) -> Affine<'_> {
    Affine { weight: &vars[0], bias: &vars[1], precision: Precision::F32 }
}

fn plain_mlp(x: &Tensor, b: &MlpBranch<'_>) -> Tensor {
    let hidden = gelu(&b.first.apply(&b.norm.apply(x).unwrap()).unwrap()).unwrap();
    (x + b.second.apply(&hidden).unwrap()).unwrap()
}

fn plain_attention(x: &Tensor, b: &AttentionBranch<'_>) -> Tensor {
    let qkv = b.qkv.apply(&b.norm.apply(x).unwrap()).unwrap();
    (x + b.out.apply(&attention(&qkv, b.heads, b.keep).unwrap()).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_perceptron_agrees_with_separate_operations(
        n in 1usize..4, t in 1usize..90, d in 2usize..40, hidden in 1usize..150, seed: u64,
    ) {
        let (x, b) = (var(&[n, t, d], seed), Branch::new(d, hidden, hidden, seed));
        let inputs: Vec<&Var> = b.all().into_iter().chain([&x]).collect();
        same_gradients(&inputs, || add_mlp(&x, &b.mlp()).unwrap(), || plain_mlp(&x, &b.mlp()), 5e-5);
    }

    #[test]
    fn the_attention_agrees_with_separate_operations(
        n in 1usize..4, t in 1usize..90, heads in 1usize..4, each in 1usize..12, masked: bool, seed: u64,
    ) {
        // One feature has no deviation to normalise.
        let d = (heads * each).max(2) / heads.min(2) * heads.min(2);
        let heads = if d % heads == 0 { heads } else { 1 };
        let (x, b) = (var(&[n, t, d], seed), Branch::new(d, 3 * d, d, seed));
        let keep: Vec<f32> = (0..n * t).map(|i| f32::from(i % t == 0 || (seed >> (i % 60)) & 1 == 1)).collect();
        let keep = Tensor::from_vec(keep, (n, t), &Device::Cpu).unwrap();
        let branch = b.attention(heads, masked.then_some(&keep));
        let inputs: Vec<&Var> = b.all().into_iter().chain([&x]).collect();
        same_gradients(&inputs, || add_attention(&x, &branch).unwrap(), || plain_attention(&x, &branch), 1e-4);
    }
}

#[test]
fn the_gradients_agree_with_finite_differences() {
    let (x, b) = (var(&[2, 3, 4], 1), Branch::new(4, 7, 7, 2));
    let inputs: Vec<&Var> = b.all().into_iter().chain([&x]).collect();
    finite_differences(&inputs, 3e-3, 2e-2, || add_mlp(&x, &b.mlp()).unwrap());
    let b = Branch::new(4, 12, 4, 3);
    let inputs: Vec<&Var> = b.all().into_iter().chain([&x]).collect();
    finite_differences(&inputs, 3e-3, 2e-2, || add_attention(&x, &b.attention(2, None)).unwrap());
}

#[test]
fn a_branch_that_is_used_twice_adds_its_gradients_up() {
    let (x, b) = (var(&[2, 5, 8], 1), Branch::new(8, 20, 20, 2));
    let twice = |f: &dyn Fn(&Tensor) -> Tensor| f(&f(&x));
    let ours = || twice(&|x| add_mlp(x, &b.mlp()).unwrap());
    let inputs: Vec<&Var> = b.all().into_iter().chain([&x]).collect();
    same_gradients(&inputs, ours, || twice(&|x| plain_mlp(x, &b.mlp())), 5e-5);
}

#[test]
fn what_is_frozen_gets_no_gradient_and_changes_no_other() {
    let (x, b) = (var(&[2, 5, 8], 1), Branch::new(8, 24, 8, 2));
    let whole = add_attention(&x, &b.attention(2, None)).unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap();
    let frozen = b.first[0].as_tensor().detach();
    let qkv = Affine { weight: &frozen, ..affine(&b.first) };
    let still = x.as_tensor().detach();
    let y = add_attention(&still, &AttentionBranch { qkv, ..b.attention(2, None) }).unwrap();
    let part = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    assert!(part.get(&x).is_none() && part.get(&frozen).is_none() && part.get(&still).is_none());
    for v in b.all().into_iter().filter(|v| v.id() != b.first[0].id()) {
        assert_eq!(flat(part.get(v).unwrap()), flat(whole.get(v).unwrap()));
    }
    let b = Branch::new(8, 20, 20, 2);
    let still: Vec<Tensor> = b.all().iter().map(|v| v.as_tensor().detach()).collect();
    let norm = Norm { gamma: &still[0], beta: &still[1], eps: 1e-6 };
    let [first, second] = [2, 4].map(|i| Affine { weight: &still[i], bias: &still[i + 1], precision: Precision::F32 });
    let frozen = add_mlp(&x, &MlpBranch { norm, first, second }).unwrap().sum_all().unwrap().backward().unwrap();
    let whole = add_mlp(&x, &b.mlp()).unwrap().sum_all().unwrap().backward().unwrap();
    assert_eq!(flat(frozen.get(&x).unwrap()), flat(whole.get(&x).unwrap()));
    assert!(!add_mlp(&x.as_tensor().detach(), &MlpBranch { norm, first, second }).unwrap().track_op());
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let (x, b, m) = (var(&[3, 70, 48], 1), Branch::new(48, 144, 48, 2), Branch::new(48, 192, 192, 3));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let y = add_mlp(&add_attention(&x, &b.attention(3, None)).unwrap(), &m.mlp()).unwrap();
            let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            b.all().into_iter().chain(m.all()).chain([&x]).map(|v| flat(grads.get(v).unwrap())).collect::<Vec<_>>()
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
}

#[test]
fn another_number_format_takes_the_chain_of_operations() {
    let (x, b) = (var(&[2, 3, 8], 1), Branch::new(8, 20, 20, 2));
    let wide: Vec<Tensor> = b.all().iter().map(|v| v.to_dtype(DType::F64).unwrap()).collect();
    let norm = Norm { gamma: &wide[0], beta: &wide[1], eps: 1e-6 };
    let [first, second] = [2, 4].map(|i| Affine { weight: &wide[i], bias: &wide[i + 1], precision: Precision::F32 });
    let y = add_mlp(&x.to_dtype(DType::F64).unwrap(), &MlpBranch { norm, first, second }).unwrap();
    close("value", &add_mlp(&x, &b.mlp()).unwrap(), &y.to_dtype(DType::F32).unwrap(), 1e-5);
}

#[test]
fn in_bf16_the_parts_are_those_of_layers_in_bf16() {
    let rounded = |vars| Affine { precision: Precision::Bf16, ..affine(vars) };
    let (x, b) = (var(&[2, 9, 8], 1), Branch::new(8, 20, 20, 2));
    let branch = MlpBranch { first: rounded(&b.first), second: rounded(&b.second), ..b.mlp() };
    let inputs: Vec<&Var> = b.all().into_iter().chain([&x]).collect();
    same_gradients(&inputs, || add_mlp(&x, &branch).unwrap(), || plain_mlp(&x, &branch), 1e-5);
    let exact = flat(&add_mlp(&x, &b.mlp()).unwrap());
    assert_ne!(flat(&add_mlp(&x, &branch).unwrap()), exact);
    let b = Branch::new(8, 24, 8, 2);
    let inputs: Vec<&Var> = b.all().into_iter().chain([&x]).collect();
    let branch = AttentionBranch { qkv: rounded(&b.first), out: rounded(&b.second), ..b.attention(2, None) };
    same_gradients(&inputs, || add_attention(&x, &branch).unwrap(), || plain_attention(&x, &branch), 1e-5);
}

#[test]
fn parameters_that_do_not_fit_are_refused_with_both_shapes() {
    let (x, b) = (var(&[2, 3, 8], 1), Branch::new(8, 20, 21, 2));
    let message = add_mlp(&x, &b.mlp()).unwrap_err().to_string();
    assert!(message.contains("[8, 21]") && message.contains("[8, 20]"), "{message}");
    let message = add_attention(&x, &b.attention(3, None)).unwrap_err().to_string();
    assert!(message.contains("[20, 8]") && message.contains("[24, 8]"), "{message}");
}

#[test]
fn an_empty_batch_gives_an_empty_output_and_zero_gradients() {
    let b = Branch::new(8, 20, 20, 2);
    let x = Var::from_tensor(&Tensor::zeros((0, 3, 8), DType::F32, &Device::Cpu).unwrap()).unwrap();
    let y = add_mlp(&x, &b.mlp()).unwrap();
    assert_eq!(y.dims(), [0, 3, 8]);
    let grads = y.sum_all().unwrap().backward().unwrap();
    assert!(b.all().iter().all(|v| flat(grads.get(v).unwrap()).iter().all(|g| *g == 0.0)));
}
