//! What is empty, odd, not finite or not contiguous.

use super::super::*;
use super::{check, either, naive};
use crate::testing::{close, flat, same_gradients, var};
use candle_core::{DType, Device};

/// A shape for each path: patches, depthwise, Winograd by sets and by channels, and lines.
fn shapes(n: usize) -> Vec<(Vec<usize>, Vec<usize>, ConvParams)> {
    let padded = ConvParams { padding: 1, ..Default::default() };
    vec![
        (vec![n, 3, 7, 5], vec![4, 3, 2, 3], ConvParams::default()),
        (vec![n, 6, 7, 5], vec![6, 1, 3, 3], ConvParams { groups: 6, ..padded }),
        (vec![n, 16, 20, 16], vec![16, 16, 3, 3], padded),
        (vec![n, 64, 6, 18], vec![100, 64, 3, 3], padded),
        (vec![n, 5, 11], vec![4, 5, 3], ConvParams { stride: 2, ..padded }),
        (vec![n, 4, 11], vec![8, 1, 5], ConvParams { groups: 4, ..padded }),
    ]
}

#[test]
fn an_empty_batch_has_an_empty_output_and_zero_gradients() {
    for (x, w, params) in shapes(0) {
        let (x, w) = (Tensor::zeros(x, DType::F32, &Device::Cpu).unwrap(), var(&w, 1));
        let x = candle_core::Var::from_tensor(&x).unwrap();
        let bias = var(&w.dims()[..1], 2);
        let y = either(&x, &w, &bias, &params);
        assert_eq!((y.dims()[0], y.dims()[1], y.rank()), (0, w.dims()[0], x.rank()));
        let grads = y.sum_all().unwrap().backward().unwrap();
        assert_eq!(grads.get(&x).unwrap().dims(), x.dims());
        for v in [&w, &bias] {
            let g = grads.get(v).unwrap();
            assert_eq!(g.dims(), v.dims());
            assert!(flat(g).iter().all(|v| *v == 0.0));
        }
    }
}

#[test]
fn a_single_element_is_convolved_with_the_tap_on_it() {
    let padded = Conv2dParams { padding: 1, ..Default::default() };
    for (ci, co, groups) in [(3, 5, 1), (6, 6, 6), (64, 80, 1)] {
        let (x, w) = (var(&[2, ci, 1, 1], 1), var(&[co, ci / groups, 3, 3], 2));
        let params = Conv2dParams { groups, ..padded };
        close("value", &conv2d(&x, &w, &params).unwrap(), &naive(&x, &w, &params), 1e-4);
    }
}

#[test]
fn tensors_that_are_not_contiguous_are_read_in_their_order() {
    for (x, w, params) in shapes(3) {
        let turned = |shape: &[usize], seed| {
            let mut shape = shape.to_vec();
            shape.swap(0, 1);
            var(&shape, seed)
        };
        let (x, w) = (turned(&x, 1), turned(&w, 2));
        let bias = var(&w.dims()[1..2], 3);
        let swap = |t: &Tensor| t.transpose(0, 1).unwrap();
        let ours = || either(&swap(&x), &swap(&w), &bias, &params);
        let plain = || either(&swap(&x).contiguous().unwrap(), &swap(&w).contiguous().unwrap(), &bias, &params);
        same_gradients(&[&x, &w, &bias], ours, plain, 1e-6);
    }
}

#[test]
fn what_is_not_finite_reaches_all_outputs_under_whose_kernel_it_lies() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for (shape, w, params) in shapes(2) {
            let (x, w) = (var(&shape, 1), var(&w, 2));
            let bias = var(&w.dims()[..1], 3);
            let mut values = flat(&x);
            let at = values.len() / 2 + 1;
            values[at] = bad;
            let spoilt = Tensor::from_vec(values, shape.as_slice(), &Device::Cpu).unwrap();
            let y = flat(&either(&spoilt, &w, &bias, &params));
            let plain = flat(&naive(&spoilt, &w, &params));
            let mut spoilt = 0;
            for (i, (y, plain)) in y.iter().zip(&plain).enumerate() {
                if !plain.is_finite() {
                    spoilt += 1;
                    assert!(!y.is_finite(), "{shape:?}: element {i} is {y}, expected {plain}");
                }
            }
            assert!(spoilt > 0);
            // The other image knows nothing of it.
            let (first, second) = y.split_at(y.len() / 2);
            assert!(first.iter().chain(second).any(|v| !v.is_finite()));
            assert!(first.iter().all(|v| v.is_finite()) || second.iter().all(|v| v.is_finite()), "{shape:?}");
        }
    }
}

#[test]
fn other_types_go_to_candle() {
    let (x, w, bias) = (var(&[2, 3, 5, 6], 1), var(&[4, 3, 3, 3], 2), var(&[4], 3));
    let to = |t: &Tensor| t.to_dtype(DType::F64).unwrap();
    let params = Conv2dParams { padding: 1, ..Default::default() };
    let plain = conv2d_bias(&to(&x), &to(&w), Some(&to(&bias)), &params).unwrap().to_dtype(DType::F32).unwrap();
    close("value", &conv2d_bias(&x, &w, Some(&bias), &params).unwrap(), &plain, 1e-5);
    let (x, w) = (var(&[2, 3, 9], 1), var(&[4, 3, 3], 2));
    let plain = conv1d(&to(&x), &to(&w), Some(&to(&bias)), &params).unwrap().to_dtype(DType::F32).unwrap();
    close("value", &conv1d(&x, &w, Some(&bias), &params).unwrap(), &plain, 1e-5);
}

#[test]
fn what_does_not_fit_is_refused_with_both_numbers() {
    let (x, w) = (var(&[2, 3, 5, 6], 1), var(&[4, 2, 3, 3], 2));
    let message = conv2d(&x, &w, &Conv2dParams::default()).unwrap_err().to_string();
    assert!(message.contains('2') && message.contains('3'), "{message}");
    let w = var(&[4, 3, 7, 7], 2);
    let message = conv2d(&x, &w, &Conv2dParams::default()).unwrap_err().to_string();
    assert!(message.contains('7') && message.contains('5'), "{message}");
    assert!(conv2d(&x, &w, &Conv2dParams { stride: 0, ..Default::default() }).is_err());
}

/// Padded as they stand, these maps would take gigabytes.
#[test]
fn taps_and_positions_that_lie_far_apart_cost_no_memory_between_them() {
    let far = 30_000;
    let params = Conv2dParams { padding: far, dilation: far, ..Default::default() };
    check(&[2, 3, 5, 6], &[4, 3, 3, 3], &params, 1, 1e-4);
    check(&[2, 3, 9], &[4, 3, 3], &params, 2, 1e-4);
    let params = Conv2dParams { padding: 1, stride: 1 << 40, ..Default::default() };
    check(&[2, 3, 5, 6], &[4, 3, 3, 3], &params, 3, 1e-4);
    check(&[2, 3, 9], &[4, 3, 3], &params, 4, 1e-4);
    let depthwise = Conv2dParams { padding: far, dilation: far, groups: 4, ..Default::default() };
    check(&[2, 4, 5, 6], &[4, 1, 3, 3], &depthwise, 6, 1e-4);
    // Each tap on its own, with strides between positions.
    let params = Conv2dParams { padding: 40, dilation: 40, stride: 3, ..Default::default() };
    check(&[2, 3, 15, 17], &[4, 3, 3, 3], &params, 5, 1e-4);
}
