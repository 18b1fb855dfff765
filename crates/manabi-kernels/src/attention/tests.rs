//! Attention against the formula written out, on masks, lengths and shapes at the edges.

use super::*;
use crate::testing::{close, finite_differences, flat, same_gradients, var};
use candle_core::Device;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn attention_agrees_with_its_definition(
        b in 1usize..4, t in 1usize..300, heads in 1usize..4, d in 1usize..20, masked: bool, seed: u64,
    ) {
        let x = var(&[b, t, 3 * heads * d], seed);
        // The first key is always kept, the others by chance.
        let keep: Vec<f32> = (0..b * t).map(|i| f32::from(i % t == 0 || (seed >> (i % 60)) & 1 == 1)).collect();
        let mask = Tensor::from_vec(keep, (b, t), &Device::Cpu).unwrap();
        let mask = masked.then_some(&mask);
        same_gradients(&[&x], || attention(&x, heads, mask).unwrap(), || plain(&x, heads, mask).unwrap(), 5e-5);
    }
}

#[test]
fn the_gradient_of_attention_agrees_with_finite_differences() {
    let x = var(&[2, 5, 12], 1);
    let mask = Tensor::new(&[[1f32, 1.0, 1.0, 0.0, 0.0], [1.0; 5]], &Device::Cpu).unwrap();
    finite_differences(&[&x], 1e-2, 1e-2, || attention(&x, 2, Some(&mask)).unwrap());
}

#[test]
fn a_dropped_key_has_no_influence() {
    let x = var(&[1, 4, 6], 1);
    let mask = Tensor::new(&[[1u32, 1, 1, 0]], &Device::Cpu).unwrap();
    let whole = attention(&x, 1, Some(&mask)).unwrap().narrow(1, 0, 3).unwrap();
    let short = attention(&x.narrow(1, 0, 3).unwrap(), 1, None).unwrap();
    close("value", &whole, &short, 1e-5);
}

#[test]
fn a_sample_without_keys_gives_zeros_on_every_path() {
    let x = var(&[1, 4, 6], 1);
    let mask = Tensor::zeros((1, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
    for y in [attention(&x, 1, Some(&mask)).unwrap(), plain(&x, 1, Some(&mask)).unwrap()] {
        assert_eq!(flat(&y), [0.0; 8]);
    }
    let grads = attention(&x, 1, Some(&mask)).unwrap().sum_all().unwrap().backward().unwrap();
    assert!(flat(grads.get(&x).unwrap()).iter().all(|v| *v == 0.0));
}

#[test]
fn features_that_do_not_divide_are_refused_with_both_numbers() {
    let message = attention(&var(&[1, 4, 10], 1), 2, None).unwrap_err().to_string();
    assert!(message.contains("10") && message.contains('2'), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn packed_sequences_agree_with_each_alone(
        lengths in prop::collection::vec(0usize..150, 1..5), heads in 1usize..4, d in 1usize..20, seed: u64,
    ) {
        let total: usize = lengths.iter().sum();
        prop_assume!(total > 0);
        let x = var(&[total, 3 * heads * d], seed);
        let alone = || {
            let mut first = 0;
            let one = |length: &usize| {
                let part = x.narrow(0, first, *length).unwrap().unsqueeze(0).unwrap();
                first += length;
                plain(&part, heads, None).unwrap().squeeze(0).unwrap()
            };
            let parts: Vec<Tensor> = lengths.iter().filter(|length| **length > 0).map(one).collect();
            Tensor::cat(&parts, 0).unwrap()
        };
        same_gradients(&[&x], || attention_packed(&x, heads, &lengths).unwrap(), alone, 5e-5);
    }
}

#[test]
fn padding_at_the_end_gives_what_the_sequence_gives_alone() {
    let x = var(&[2, 200, 12], 3);
    let keep: Vec<f32> = (0..400).map(|i| f32::from(i < 200 || i < 330)).collect();
    let mask = Tensor::from_vec(keep, (2, 200), &Device::Cpu).unwrap();
    let y = attention(&x, 2, Some(&mask)).unwrap().get(1).unwrap().narrow(0, 0, 130).unwrap();
    let alone = attention(&x.get(1).unwrap().narrow(0, 0, 130).unwrap().unsqueeze(0).unwrap(), 2, None).unwrap();
    close("value", &y, &alone.squeeze(0).unwrap(), 1e-5);
}

#[test]
fn scores_far_beyond_the_range_of_the_exponential_give_finite_weights() {
    let x = (var(&[1, 300, 6], 1).as_tensor() * 1e4).unwrap();
    let x = candle_core::Var::from_tensor(&x).unwrap();
    let y = attention(&x, 1, None).unwrap();
    assert!(flat(&y).iter().all(|v| v.is_finite()));
    let grads = y.sum_all().unwrap().backward().unwrap();
    assert!(flat(grads.get(&x).unwrap()).iter().all(|v| v.is_finite()));
}

#[test]
fn a_nan_reaches_its_own_sequence_alone() {
    let mut values = flat(&var(&[2, 3, 6], 1));
    values[0] = f32::NAN;
    let y = attention(&Tensor::from_vec(values, (2, 3, 6), &Device::Cpu).unwrap(), 1, None).unwrap();
    let y = flat(&y);
    assert!(y[0].is_nan() && y[6..].iter().all(|v| v.is_finite()), "{y:?}");
}

#[test]
fn lengths_that_do_not_add_up_are_refused_with_both_numbers() {
    let message = attention_packed(&var(&[7, 6], 1), 1, &[3, 5]).unwrap_err().to_string();
    assert!(message.contains('8') && message.contains('7'), "{message}");
}

#[test]
fn empty_sequences_and_those_of_one_position_are_as_if_alone() {
    let x = var(&[4, 12], 1);
    let y = attention_packed(&x, 2, &[0, 1, 0, 3, 0]).unwrap();
    let values = x.narrow(0, 0, 1).unwrap().narrow(1, 8, 4).unwrap();
    close("one position attends to itself", &y.narrow(0, 0, 1).unwrap(), &values, 1e-6);
    let grads = y.sum_all().unwrap().backward().unwrap();
    assert!(flat(grads.get(&x).unwrap()).iter().all(|v| v.is_finite()));
}

/// What each position sees of itself and those before it, computed alone.
fn causal_by_hand(x: &Tensor, heads: usize, lengths: &[usize]) -> Tensor {
    let mut parts = Vec::new();
    let mut first = 0;
    for length in lengths {
        for end in 1..=*length {
            let own = x.narrow(0, first, end).unwrap().unsqueeze(0).unwrap();
            let y = plain(&own, heads, None).unwrap().squeeze(0).unwrap();
            parts.push(y.narrow(0, end - 1, 1).unwrap());
        }
        first += length;
    }
    Tensor::cat(&parts, 0).unwrap()
}

#[test]
fn causal_attention_sees_nothing_behind_a_position_and_has_its_gradient() {
    // Longer than a block of queries and of keys, and shorter.
    for lengths in [vec![5, 1, 3], vec![150], vec![97, 129]] {
        let x = var(&[lengths.iter().sum(), 12], 3);
        let y = attention_packed_causal(&x, 2, &lengths).unwrap();
        let expected = causal_by_hand(&x, 2, &lengths);
        close("value", &y, &expected, 1e-5);
        let weights = var(y.dims(), 4).as_tensor().detach();
        let grad = |y: &Tensor| {
            let grads = (y * &weights).unwrap().sum_all().unwrap().backward().unwrap();
            grads.get(&x).unwrap().clone()
        };
        close("gradient", &grad(&y), &grad(&expected), 1e-4);
    }
    let message = attention_packed_causal(&var(&[7, 6], 1), 1, &[3, 5]).unwrap_err().to_string();
    assert!(message.contains('8') && message.contains('7'), "{message}");
}
