//! The reductions by segment against loops over the rows, candle's operations, and PyTorch's figures.

use super::*;
use crate::testing::{
    any_threads, close, figures, finite_differences, flat, in_f64, same_gradients, sine, var, weighted,
};
use candle_core::{DType, Device, Var};
use proptest::prelude::*;

type Reduce = fn(&Tensor, &[u32], usize) -> Result<Tensor>;
const ALL: [(&str, Reduce); 4] =
    [("sum", segment_sum), ("mean", segment_mean), ("max", segment_max), ("softmax", segment_softmax)];

fn rows_of(segments: &[u32], id: u32) -> Vec<u32> {
    (0..segments.len() as u32).filter(|i| segments[*i as usize] == id).collect()
}

/// `reduce` over the rows of each segment, stacked; zero where there is none.
fn one_by_one(x: &Tensor, segments: &[u32], count: usize, reduce: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let one = |id: u32| match &rows_of(segments, id)[..] {
        [] => Tensor::zeros(&x.dims()[1..], DType::F32, &Device::Cpu).unwrap(),
        rows => reduce(&x.index_select(&Tensor::new(rows, &Device::Cpu).unwrap(), 0).unwrap()),
    };
    Tensor::stack(&(0..count as u32).map(one).collect::<Vec<_>>(), 0).unwrap()
}

fn softmax_one_by_one(x: &Tensor, segments: &[u32], count: usize) -> Tensor {
    let e = x.exp().unwrap();
    let sums = one_by_one(&e, segments, count, |rows| rows.sum(0).unwrap());
    (e / sums.index_select(&Tensor::new(segments, &Device::Cpu).unwrap(), 0).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn reductions_agree_with_one_segment_after_the_other(
        picks in prop::collection::vec(0u32..10_000, 1..120), count in 1usize..12, d in 1usize..20, seed: u64,
    ) {
        let segments: Vec<u32> = picks.iter().map(|p| p % count as u32).collect();
        let (x, s) = (var(&[segments.len(), d], seed), &segments[..]);
        let sum = || one_by_one(&x, s, count, |rows| rows.sum(0).unwrap());
        same_gradients(&[&x], || segment_sum(&x, s, count).unwrap(), sum, 1e-5);
        let mean = || one_by_one(&x, s, count, |rows| rows.mean(0).unwrap());
        same_gradients(&[&x], || segment_mean(&x, s, count).unwrap(), mean, 1e-5);
        let max = || one_by_one(&x, s, count, |rows| rows.max(0).unwrap());
        same_gradients(&[&x], || segment_max(&x, s, count).unwrap(), max, 1e-6);
        let softmax = || softmax_one_by_one(&x, s, count);
        same_gradients(&[&x], || segment_softmax(&x, s, count).unwrap(), softmax, 1e-5);
    }

    #[test]
    fn the_compositions_of_other_types_give_the_same_values_and_gradients(
        picks in prop::collection::vec(0u32..10_000, 1..60), count in 1usize..8, d in 1usize..5, seed: u64,
    ) {
        let segments: Vec<u32> = picks.iter().map(|p| p % count as u32).collect();
        // Rounded, so that some elements are equal and the first must win.
        let x = Var::from_tensor(&(var(&[segments.len(), d], seed).affine(2.0, 0.0).unwrap().round().unwrap())).unwrap();
        for (name, reduce) in ALL {
            let y = reduce(&x, &segments, count).unwrap();
            let x64 = Var::from_tensor(&x.to_dtype(DType::F64).unwrap()).unwrap();
            let y64 = reduce(&x64, &segments, count).unwrap().to_dtype(DType::F32).unwrap();
            close(name, &y, &y64, 1e-5);
            let (grads, grads64) = (weighted(&y).backward().unwrap(), weighted(&y64).backward().unwrap());
            let gradient = grads64.get(&x64).unwrap().to_dtype(DType::F32).unwrap();
            close(name, grads.get(&x).unwrap(), &gradient, 1e-4);
        }
    }
}

#[test]
fn the_gradients_of_reductions_agree_with_finite_differences() {
    let x = var(&[9, 2], 3);
    for (_, reduce) in ALL {
        finite_differences(&[&x], 1e-3, 2e-2, || reduce(&x, &[2, 0, 2, 0, 0, 5, 2, 4, 0], 6).unwrap());
    }
    let x = var(&[7], 3);
    finite_differences(&[&x], 1e-2, 1e-2, || segment_softmax(&x, &[1, 0, 1, 1, 0, 2, 1], 3).unwrap());
}

/// Value and gradient of each of [`ALL`].
const FIGURES: [(&[f32], &[f32]); 4] = [
    (
        &[0.770861, 0.868925, 0.0, 0.0, 0.334988, 0.293434, -0.631267, 0.016814],
        &[-0.653644, 0.283662, 1.0, 0.540302, -0.653644, 0.283662, 1.0, 0.540302, 0.96017, 0.753902, 1.0, 0.540302],
    ),
    (
        &[0.256954, 0.289642, 0.0, 0.0, 0.167494, 0.146717, -0.631267, 0.016814],
        &[
            -0.326822, 0.141831, 0.333333, 0.180101, -0.326822, 0.141831, 0.333333, 0.180101, 0.96017, 0.753902,
            0.333333, 0.180101,
        ],
    ),
    (
        &[0.98545, 0.988168, 0.0, 0.0, 0.334988, 0.644218, -0.631267, 0.016814],
        &[0.0, 0.283662, 1.0, 0.0, -0.653644, 0.0, 0.0, 0.0, 0.96017, 0.753902, 0.0, 0.540302],
    ),
    (
        &[0.417027, 0.730075, 0.533002, 0.436486, 0.582973, 0.269925, 0.083221, 0.06893, 1.0, 1.0, 0.383777, 0.494583],
        &[
            0.402026, 0.050575, 0.025462, -0.267143, -0.402026, -0.050575, 0.118514, 0.07802, 0.0, 0.0, -0.143976,
            0.189123,
        ],
    ),
];

// x = sin(0.7 i) as (6, 2), s = tensor([2, 0, 2, 0, 3, 0]), t = s[:, None].expand(6, 2);
// y = zeros(4, 2).scatter_reduce(0, t, x, r, include_self=False) for r = "sum", "mean", "amax";
// softmax: e = exp(x); y = e / zeros(4, 2).index_add(0, s, e)[s];
// (y * cos(arange(y.numel())).reshape(y.shape)).sum().backward()
#[test]
fn reductions_have_pytorchs_figures() {
    for ((name, reduce), (value, gradient)) in ALL.iter().zip(FIGURES) {
        let x = sine(&[6, 2], 0.0);
        let y = reduce(&x, &[2, 0, 2, 0, 3, 0], 4).unwrap();
        figures(name, &y, value);
        figures(name, weighted(&y).backward().unwrap().get(&x).unwrap(), gradient);
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let x = var(&[9000, 7], 1);
    // One segment with half of the rows, many small ones, none sorted.
    let segments: Vec<u32> = (0..9000u32).map(|i| if i % 2 == 0 { 5 } else { i * i % 301 }).collect();
    for (_, reduce) in ALL {
        any_threads(&[&x], || reduce(&x, &segments, 301).unwrap());
    }
}

#[test]
fn the_first_of_the_largest_gets_the_gradient_also_across_blocks() {
    let n = 5000;
    let mut values = vec![0f32; n];
    values[1500] = 3.0;
    values[4000] = 3.0;
    let x = Var::from_tensor(&Tensor::from_vec(values, (n, 1), &Device::Cpu).unwrap()).unwrap();
    let y = segment_max(&x, &vec![0; n], 1).unwrap();
    assert_eq!(flat(&y), [3.0]);
    let grads = y.sum_all().unwrap().backward().unwrap();
    let gradient = flat(grads.get(&x).unwrap());
    assert_eq!((gradient[1500], gradient.iter().sum::<f32>()), (1.0, 1.0));
}

#[test]
fn large_scores_do_not_overflow_and_a_row_alone_has_weight_one() {
    let x = Tensor::new(&[1e4f32, 1e4 - 1.0, -1e4, 7.0], &Device::Cpu).unwrap();
    let y = flat(&segment_softmax(&x, &[0, 0, 0, 1], 2).unwrap());
    assert!((y[0] - 0.731_058_6).abs() < 1e-6 && (y[1] - 0.268_941_4).abs() < 1e-6 && y[2] < 1e-30, "{y:?}");
    assert_eq!(y[3], 1.0);
}

#[test]
fn nan_stays_in_its_segment() {
    let x = Tensor::new(&[1f32, f32::NAN, 2.0, 3.0], &Device::Cpu).unwrap();
    for (name, reduce) in ALL {
        let y = flat(&reduce(&x, &[1, 1, 0, 0], 2).unwrap());
        let (spoilt, clean) = if y.len() == 4 { (&y[..2], &y[2..]) } else { (&y[1..], &y[..1]) };
        assert!(spoilt.iter().all(|v| v.is_nan()) && clean.iter().all(|v| v.is_finite()), "{name}: {y:?}");
        let y = in_f64(|t| reduce(&t[0], &[1, 1, 0, 0], 2), &[&x]);
        assert_eq!(flat(&y).iter().filter(|v| v.is_nan()).count(), spoilt.len(), "{name}");
    }
}

#[test]
fn strided_rows_of_any_rank_give_the_same() {
    let x = var(&[4, 2, 5], 1);
    let strided = x.transpose(0, 2).unwrap();
    for (name, reduce) in ALL {
        let y = reduce(&strided, &[1, 0, 1, 1, 0], 3).unwrap();
        close(name, &y, &reduce(&strided.contiguous().unwrap(), &[1, 0, 1, 1, 0], 3).unwrap(), 0.0);
        assert_eq!(y.dims()[1..], [2, 4], "{name}");
    }
}

#[test]
fn no_rows_and_empty_segments_are_zero() {
    for (name, reduce) in ALL {
        let y = reduce(&var(&[0, 3], 1), &[], 2).unwrap();
        assert_eq!(flat(&y), vec![0.0; if name == "softmax" { 0 } else { 6 }]);
        assert_eq!(reduce(&var(&[2, 0], 1), &[0, 1], 2).unwrap().dims(), [2, 0]);
    }
    assert_eq!(flat(&segment_max(&(var(&[1], 1).abs().unwrap() * -1.0).unwrap(), &[1], 3).unwrap())[2], 0.0);
}

#[test]
fn what_does_not_fit_is_refused_with_both_numbers() {
    for (name, reduce) in ALL {
        let message = reduce(&var(&[3, 2], 1), &[0, 1], 2).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains("3 rows") && message.contains("2 segment"), "{message}");
        let message = reduce(&var(&[2, 2], 1), &[0, 9], 2).unwrap_err().to_string();
        assert!(message.contains("segment 9 of 2"), "{message}");
        assert!(reduce(&Tensor::new(1f32, &Device::Cpu).unwrap(), &[0], 1).is_err());
    }
}
