//! A block computed again against the same block kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::DType;

use super::*;
use crate::activation::{gelu, relu};
use crate::linear::linear;
use crate::testing::{flat, var, weighted};

fn bits(tensor: &Tensor) -> Vec<u32> {
    flat(tensor).iter().map(|v| v.to_bits()).collect()
}

/// Two linear layers around a GELU, and the input once more.
fn mlp(x: &Tensor, [w, b, v]: &[Tensor; 3]) -> Result<Tensor> {
    x + linear(&gelu(&linear(x, w, Some(b))?)?, v, None)?
}

fn parts() -> [Tensor; 3] {
    [var(&[7, 5], 1), var(&[7], 2), var(&[5, 7], 3)].map(Var::into_inner)
}

/// Value and gradients of `of` (the input, then the parts), as bits.
fn results(y: &Tensor, of: &[&Tensor]) -> Vec<Option<Vec<u32>>> {
    let grads = weighted(y).backward().unwrap();
    std::iter::once(Some(bits(y))).chain(of.iter().map(|t| grads.get(t).map(bits))).collect()
}

#[test]
fn value_and_gradients_have_the_bits_of_the_block_itself() {
    let (x, parts) = (var(&[2, 4, 5], 4), parts());
    let all = [x.as_tensor(), &parts[0], &parts[1], &parts[2]];
    let kept = results(&mlp(&x, &parts).unwrap(), &all);
    let held = parts.clone();
    let again = recompute(&x, move |x, _| mlp(x, &held)).unwrap();
    assert!(kept.iter().all(Option::is_some));
    assert_eq!(results(&again, &all), kept);
}

#[test]
fn a_block_that_is_used_for_two_views_and_in_a_row_gets_both_gradients() {
    let (x, parts) = (var(&[4, 5], 4), parts());
    let view = (x.detach() * 0.5).unwrap();
    let all = [x.as_tensor(), &parts[0], &parts[1], &parts[2]];
    let twice = |block: &dyn Fn(&Tensor) -> Tensor| Tensor::cat(&[block(&x), block(&view)], 0).unwrap();
    let kept = results(&twice(&|x| mlp(x, &parts).unwrap()), &all);
    let block = |x: &Tensor| {
        let held = parts.clone();
        recompute(x, move |x, _| mlp(x, &held)).unwrap()
    };
    assert_eq!(results(&twice(&block), &all), kept);
    // Behind one another: the gradient of the first block's input goes through the second.
    let kept = results(&mlp(&mlp(&x, &parts).unwrap(), &parts).unwrap(), &all);
    assert_eq!(results(&block(&block(&x)), &all), kept);
}

#[test]
fn blocks_inside_of_blocks_are_computed_again_too() {
    let (x, parts) = (var(&[4, 5], 4), parts());
    let all = [x.as_tensor(), &parts[0], &parts[1], &parts[2]];
    let kept = results(&relu(&mlp(&x, &parts).unwrap()).unwrap(), &all);
    let held = parts.clone();
    let nested = recompute(&x, move |x, _| {
        let held = held.clone();
        relu(&recompute(x, move |x, _| mlp(x, &held))?)
    });
    assert_eq!(results(&nested.unwrap(), &all), kept);
}

#[test]
fn what_needs_no_gradient_gets_none() {
    let (x, [w, b, v]) = (var(&[4, 5], 4), parts());
    let frozen = [w.detach(), b.clone(), v.detach()];
    let all = [x.as_tensor(), &frozen[0], &b, &frozen[2]];
    let kept = results(&mlp(&x, &frozen).unwrap(), &all);
    let held = frozen.clone();
    let again = results(&recompute(&x, move |x, _| mlp(x, &held)).unwrap(), &all);
    assert_eq!(again, kept);
    assert!(again[2].is_none() && again[3].is_some() && again[4].is_none());
    // An input without a gradient, and then nothing that has one.
    let fixed = x.detach();
    let held = frozen.clone();
    let y = recompute(&fixed, move |x, _| mlp(x, &held)).unwrap();
    assert_eq!(results(&y, &[&fixed, &b]), [kept[0].clone(), None, kept[3].clone()]);
    assert!(!recompute(&fixed, |x, _| relu(x)).unwrap().track_op());
}

#[test]
fn a_block_without_variables_or_without_its_input_has_the_gradients_that_are_left() {
    let x = var(&[4, 5], 4);
    let y = recompute(&x, |x, _| relu(x)).unwrap();
    assert_eq!(results(&y, &[&x]), results(&relu(&x).unwrap(), &[&x]));
    let w = var(&[3], 1);
    let held = w.as_tensor().clone();
    // candle would fail on an input that leads somewhere and gets no gradient.
    let moved = (x.as_tensor() * 2.0).unwrap();
    let grads = weighted(&recompute(&moved, move |_, _| relu(&held)).unwrap()).backward().unwrap();
    assert!(flat(grads.get(&x).unwrap()).iter().all(|g| *g == 0.0));
    assert!(grads.get(&w).is_some());
}

#[test]
fn the_block_runs_once_forward_and_once_again_backward() {
    let (x, count) = (var(&[3], 1), Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]));
    let seen = count.clone();
    let y = recompute(&x, move |x, pass| {
        seen[usize::from(pass == Pass::Again)].fetch_add(1, Ordering::Relaxed);
        x.sqr()
    });
    let counts = || [0, 1].map(|i: usize| count[i].load(Ordering::Relaxed));
    let loss = weighted(&y.unwrap());
    assert_eq!(counts(), [1, 0]);
    loss.backward().unwrap();
    assert_eq!(counts(), [1, 1]);
    // A graph may be walked twice.
    loss.backward().unwrap();
    assert_eq!(counts(), [1, 2]);
}

#[test]
fn other_shapes_types_and_strides_come_through() {
    let x = Var::from_tensor(&var(&[4, 5], 1).to_dtype(DType::F64).unwrap()).unwrap();
    let y = recompute(&x, |x, _| x.narrow(1, 1, 3)?.t()?.sqr()?.t()).unwrap();
    assert_eq!((y.dims(), y.dtype()), (&[4, 3][..], DType::F64));
    let plain = x.narrow(1, 1, 3).unwrap().sqr().unwrap();
    let gradient = |y: &Tensor| y.sum_all().unwrap().backward().unwrap().get(&x).unwrap().to_vec2::<f64>().unwrap();
    assert_eq!(gradient(&y), gradient(&plain));
    assert_eq!(y.to_vec2::<f64>().unwrap(), plain.to_vec2::<f64>().unwrap());
}

#[test]
fn an_error_of_the_block_comes_out_in_either_pass() {
    let x = var(&[3], 1);
    let fail = |at: Pass| recompute(&x, move |x, pass| if pass == at { bail!("no {at:?}") } else { x.sqr() });
    assert!(fail(Pass::First).unwrap_err().to_string().contains("no First"));
    let y = weighted(&fail(Pass::Again).unwrap());
    assert!(y.backward().unwrap_err().to_string().contains("no Again"));
}
