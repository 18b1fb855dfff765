//! Awkward inputs of every public function: nothing in a batch, sequences of one, tensors that are views with strides and
//! offsets, NaN and infinities, arguments without a gradient. The result is that of candle's operations in `f64`, or an
//! error that says which sizes it is about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod functions;

use candle_core::{DType, Device, Result, Tensor, Var};
use functions::{FUNCTIONS, Function, MASKED, Sizes};
use proptest::prelude::*;

/// How an input lies in memory.
#[derive(Clone, Copy, Debug)]
enum Lies {
    Dense,
    /// With all dimensions in reverse order.
    Transposed,
    /// Inside a larger tensor, not at its start.
    Narrowed,
    /// With stride 0 along the first, or the last dimension.
    Repeated(bool),
}

impl Lies {
    fn of(number: usize) -> Self {
        [Self::Dense, Self::Transposed, Self::Narrowed, Self::Repeated(false), Self::Repeated(true)][number % 5]
    }

    /// The shape of the tensor that a view of `shape` is taken of.
    fn base(self, shape: &[usize]) -> Vec<usize> {
        let mut base = shape.to_vec();
        let last = base.len() - 1;
        match self {
            Self::Dense => (),
            Self::Transposed => base.reverse(),
            Self::Narrowed => base.iter_mut().for_each(|size| *size += 2),
            Self::Repeated(end) => base[if end { last } else { 0 }] = 1,
        }
        base
    }

    fn view(self, base: &Tensor, shape: &[usize]) -> Result<Tensor> {
        match self {
            Self::Dense => Ok(base.clone()),
            Self::Transposed => base.permute((0..shape.len()).rev().collect::<Vec<_>>()),
            Self::Narrowed => shape.iter().enumerate().try_fold(base.clone(), |x, (i, size)| x.narrow(i, 1, *size)),
            Self::Repeated(_) => base.broadcast_as(shape),
        }
    }
}

/// Reproducible numbers between −2 and 2, no two alike.
fn numbers(shape: &[usize], seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
    let mut next = || {
        for (left, shift) in [(true, 13), (false, 7), (true, 17)] {
            state ^= if left { state << shift } else { state >> shift };
        }
        (state >> 40) as f32 / (1u64 << 22) as f32 - 2.0
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_: usize| next()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn var(tensor: &Tensor, dtype: DType) -> Var {
    Var::from_tensor(&tensor.to_dtype(dtype).unwrap()).unwrap()
}

fn values(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Fails unless `ours` is `exact`, up to the rounding of sums of numbers of this size.
fn close(what: &str, ours: &Tensor, exact: &Tensor) {
    assert_eq!(ours.dims(), exact.dims(), "{what}: shapes differ");
    let (ours, exact) = (values(ours), values(exact));
    let scale = exact.iter().filter(|v| v.is_finite()).fold(1f64, |m, v| m.max(v.abs()));
    for (i, (a, b)) in ours.iter().zip(&exact).enumerate() {
        assert!(a == b || (a - b).abs() <= 1e-4 * scale, "{what}: element {i} is {a}, expected {b}");
    }
}

/// The function's value with the inputs in this type, and the gradients of what they are views of.
fn outcome(
    f: &Function,
    s: Sizes,
    bases: &[Tensor],
    lies: &[Lies],
    dtype: DType,
) -> Result<(Tensor, Vec<Option<Tensor>>)> {
    let vars: Vec<Var> = bases.iter().map(|base| var(base, dtype)).collect();
    let views = vars.iter().zip((f.shapes)(s)).zip(lies).map(|((v, shape), lies)| lies.view(v, &shape));
    let y = (f.call)(s, &views.collect::<Result<Vec<_>>>()?)?;
    if !y.track_op() {
        return Ok((y, vec![None; vars.len()]));
    }
    let weights = numbers(y.dims(), 7).to_dtype(dtype)?;
    let grads = (&y * weights)?.sum_all()?.backward()?;
    Ok((y, vars.iter().map(|v| grads.get(v).cloned()).collect()))
}

/// Fails unless the function gives what it gives in `f64`, or a clear error.
fn agrees(f: &Function, s: Sizes, seed: u64) {
    let shapes = (f.shapes)(s);
    let lies: Vec<Lies> = (0..shapes.len()).map(|i| Lies::of((seed >> (8 * i)) as usize)).collect();
    // A view of one row that is no row is none.
    let lies: Vec<Lies> =
        lies.into_iter().zip(&shapes).map(|(l, s)| if s.contains(&0) { Lies::Dense } else { l }).collect();
    let bases: Vec<Tensor> =
        lies.iter().zip(&shapes).enumerate().map(|(i, (l, s))| numbers(&l.base(s), seed ^ i as u64)).collect();
    let what = format!("{} of {s:?} {lies:?}", f.name);
    let (ours, exact) = [DType::F32, DType::F64].map(|t| outcome(f, s, &bases, &lies, t)).into();
    match (ours, exact) {
        (Ok((y, grads)), Ok((y64, grads64))) => {
            close(&what, &y, &y64);
            for (i, (g, g64)) in grads.iter().zip(&grads64).enumerate() {
                match (g, g64) {
                    (Some(g), Some(g64)) => close(&format!("{what}, gradient {i}"), g, g64),
                    // Of two empty tensors candle's sum is the first.
                    (g, g64) => assert!(g.is_some() == g64.is_some() || y.elem_count() == 0, "{what}: gradient {i}"),
                }
            }
        }
        (Err(error), Err(_)) => {
            let message = error.to_string();
            assert!(message.contains(|c: char| c.is_ascii_digit()), "{what}: an error without sizes: {message}");
        }
        // candle's own operations refuse much that is empty.
        (Ok((y, _)), Err(error)) => {
            let empty = y.elem_count() == 0 || shapes.iter().any(|shape| shape.contains(&0));
            assert!(empty, "{what}: f64 fails: {error}");
            assert!(values(&y).iter().all(|v| v.is_finite()), "{what}: {y}");
        }
        (Err(error), Ok(_)) => panic!("{what}: {error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_size_and_any_strides_give_the_result_in_f64_or_an_error_with_the_sizes(
        n in 0usize..5, t in 0usize..5, d in 0usize..7, seed: u64,
    ) {
        for f in FUNCTIONS.iter().chain([&MASKED]) {
            agrees(f, Sizes { n, t, d }, seed);
        }
    }

    #[test]
    fn what_is_not_finite_never_becomes_a_wrong_number(
        n in 1usize..5, t in 1usize..5, d in 1usize..7, kind in 0usize..3, at: prop::sample::Index, seed: u64,
    ) {
        let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][kind];
        let s = Sizes { n, t, d };
        for f in FUNCTIONS {
            let mut inputs: Vec<Tensor> =
                (f.shapes)(s).iter().enumerate().map(|(i, shape)| numbers(shape, seed ^ i as u64)).collect();
            let which = at.index(inputs.len());
            let mut spoilt: Vec<f32> = inputs[which].flatten_all().unwrap().to_vec1().unwrap();
            let place = at.index(spoilt.len());
            spoilt[place] = bad;
            inputs[which] = Tensor::from_vec(spoilt, inputs[which].shape(), &Device::Cpu).unwrap();
            let wide: Vec<Tensor> = inputs.iter().map(|x| x.to_dtype(DType::F64).unwrap()).collect();
            let what = format!("{} of {s:?} with {bad} at {place} of input {which}", f.name);
            let (Ok(ours), Ok(exact)) = ((f.call)(s, &inputs), (f.call)(s, &wide)) else { continue };
            for (i, (a, b)) in values(&ours).iter().zip(values(&exact)).enumerate() {
                // In candle's maximum a NaN may lose; in ours it wins.
                let lost = f.name.starts_with("max_pool") && a.is_nan();
                let right = if b.is_finite() { lost || (a - b).abs() <= 1e-4 * b.abs().max(1.0) } else { !a.is_finite() };
                prop_assert!(right, "{}: element {} is {}, expected {}", what, i, a, b);
            }
        }
    }
}

#[test]
fn what_needs_no_gradient_gets_none_and_the_others_keep_their_bits() {
    let s = Sizes { n: 3, t: 4, d: 5 };
    for f in FUNCTIONS {
        let shapes = (f.shapes)(s);
        let vars: Vec<Var> = shapes.iter().zip(0..).map(|(shape, i)| var(&numbers(shape, i), DType::F32)).collect();
        let run = |frozen: usize| -> Vec<Option<Vec<f64>>> {
            let inputs: Vec<Tensor> = vars
                .iter()
                .enumerate()
                .map(|(i, v)| if frozen >> i & 1 == 1 { v.detach() } else { v.as_tensor().clone() })
                .collect();
            let y = (f.call)(s, &inputs).unwrap();
            let weights = numbers(y.dims(), 7);
            let grads = (&y * weights).unwrap().sum_all().unwrap().backward().unwrap();
            for input in &inputs {
                // A gradient that nobody asked for would lie in the store under the name of the input.
                assert!(input.track_op() || grads.get(input).is_none(), "{}: gradient for a constant", f.name);
            }
            inputs.iter().map(|v| grads.get(v).map(values)).collect()
        };
        let all = run(0);
        for frozen in 1..1 << vars.len() {
            for (i, (kept, gradient)) in all.iter().zip(run(frozen)).enumerate() {
                let expected = if frozen >> i & 1 == 1 { &None } else { kept };
                assert_eq!(&gradient, expected, "{}: gradient {i} with {frozen:b} frozen", f.name);
            }
        }
    }
}
