//! Group normalisation against its definition, finite differences and PyTorch's figures.

use super::*;
use crate::testing::{close, figures, finite_differences, flat, in_f64, same_gradients, sine, var, weighted};
use candle_core::Device;
use proptest::prelude::*;

fn naive(x: &Tensor, groups: usize, gamma: &Tensor, beta: &Tensor) -> Tensor {
    let (n, c) = (x.dims()[0], x.dims()[1]);
    let rows = x.reshape((n, groups, ())).unwrap();
    let centred = rows.broadcast_sub(&rows.mean_keepdim(2).unwrap()).unwrap();
    let variance = centred.sqr().unwrap().mean_keepdim(2).unwrap();
    let unit = centred.broadcast_div(&(variance + 1e-5).unwrap().sqrt().unwrap()).unwrap();
    let affine = |t: &Tensor| t.reshape((1, c, 1)).unwrap();
    let y = unit.reshape((n, c, ())).unwrap().broadcast_mul(&affine(gamma)).unwrap();
    y.broadcast_add(&affine(beta)).unwrap().reshape(x.shape()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn group_norm_agrees_with_its_definition(
        n in 1usize..6, groups in 1usize..6, each in 1usize..6, h in 1usize..9, w in 1usize..20, seed: u64,
    ) {
        let c = groups * each;
        // With a few values to a group the gradient is mostly rounding.
        prop_assume!(each * h * w > 3);
        let (x, gamma, beta) = (var(&[n, c, h, w], seed), var(&[c], seed ^ 1), var(&[c], seed ^ 2));
        let ours = || group_norm(&x, groups, &gamma, &beta, 1e-5).unwrap();
        same_gradients(&[&x, &gamma, &beta], ours, || naive(&x, groups, &gamma, &beta), 2e-3);
    }
}

#[test]
fn the_gradients_of_group_norm_agree_with_finite_differences() {
    let (x, gamma, beta) = (var(&[2, 6, 5], 1), var(&[6], 2), var(&[6], 3));
    finite_differences(&[&x, &gamma, &beta], 3e-3, 2e-2, || group_norm(&x, 2, &gamma, &beta, 1e-5).unwrap());
    let x = var(&[3, 6], 1);
    finite_differences(&[&x, &gamma, &beta], 3e-3, 2e-2, || group_norm(&x, 1, &gamma, &beta, 1e-5).unwrap());
}

// x = sin(0.7 i) as (2, 4, 2), w = sin(0.7 i + 1), b = sin(0.7 i + 2) as (4), all requiring gradients;
// y = F.group_norm(x, 2, w, b, eps=1e-5); (y * cos(arange(16)).reshape(2, 4, 2)).sum().backward()
#[test]
fn group_norm_has_pytorchs_figures() {
    let (x, gamma, beta) = (sine(&[2, 4, 2], 0.0), sine(&[4], 1.0), sine(&[4], 2.0));
    let y = group_norm(&x, 2, &gamma, &beta, 1e-5).unwrap();
    let value = [
        -0.470651, 0.955793, 1.372599, 1.05362, 0.784644, -0.104302, -0.850525, -0.859372, -0.29572, 0.582794,
        1.065286, 1.594354, 0.638481, 0.089909, -0.840245, -0.872609,
    ];
    figures("value", &y, &value);
    let grads = weighted(&y).backward().unwrap();
    let gx = [
        -0.275901, 1.347097, 0.463663, -1.534859, -0.245188, 0.528492, -0.097745, -0.185559, 0.46116, -0.552621,
        -0.634172, 0.725633, -0.129353, 0.27641, -0.208486, 0.061428,
    ];
    figures("gx", grads.get(&x).unwrap(), &gx);
    figures("gγ", grads.get(&gamma).unwrap(), &[-1.048176, -1.556381, 0.63792, -0.569329]);
    figures("gβ", grads.get(&beta).unwrap(), &[0.483672, -2.240785, 1.381319, 1.091122]);
}

#[test]
fn a_far_offset_does_not_harm_the_variance() {
    let x = var(&[2, 4, 33, 33], 3);
    let (gamma, beta) = (var(&[4], 1), var(&[4], 2));
    let near = group_norm(&x, 2, &gamma, &beta, 1e-5).unwrap();
    let far = group_norm(&(x.as_tensor() + 1024.0).unwrap(), 2, &gamma, &beta, 1e-5).unwrap();
    close("shifted", &far, &near, 2e-3);
}

#[test]
fn other_types_and_strided_inputs_give_the_same() {
    let (x, gamma, beta) = (var(&[3, 5, 4], 1), var(&[4], 2), var(&[4], 3));
    let strided = x.transpose(1, 2).unwrap();
    let y = group_norm(&strided, 2, &gamma, &beta, 1e-5).unwrap();
    let dense = strided.contiguous().unwrap();
    close("strided", &y, &group_norm(&dense, 2, &gamma, &beta, 1e-5).unwrap(), 0.0);
    let exact = in_f64(|t| group_norm(&t[0], 2, &t[1], &t[2], 1e-5), &[&strided, &gamma, &beta]);
    close("in f64", &y, &exact, 1e-5);
}

#[test]
fn only_what_tracks_gradients_gets_one() {
    let (x, gamma, beta) = (var(&[2, 4, 3], 1), var(&[4], 2), var(&[4], 3));
    let y = group_norm(&x.detach(), 2, &gamma, &beta.detach(), 1e-5).unwrap();
    let grads = y.sum_all().unwrap().backward().unwrap();
    assert!(grads.get(&gamma).is_some() && grads.get(&x).is_none() && grads.get(&beta).is_none());
}

#[test]
fn groups_that_do_not_divide_the_channels_are_refused_and_nan_stays_in_its_group() {
    let (gamma, beta) = (var(&[6], 1), var(&[6], 2));
    let message = group_norm(&var(&[2, 6, 3], 1), 4, &gamma, &beta, 1e-5).unwrap_err().to_string();
    assert!(message.contains('6') && message.contains('4'), "{message}");
    assert!(group_norm(&var(&[2, 6, 3], 1), 0, &gamma, &beta, 1e-5).is_err());
    assert!(group_norm(&var(&[2, 6, 0], 1), 2, &gamma, &beta, 1e-5).is_err());
    assert!(group_norm(&var(&[6], 1), 2, &gamma, &beta, 1e-5).is_err());
    assert_eq!(group_norm(&var(&[0, 6, 2], 1), 2, &gamma, &beta, 1e-5).unwrap().dims(), [0, 6, 2]);
    let mut values = flat(&var(&[1, 6, 2], 1));
    values[0] = f32::NAN;
    let x = Tensor::from_vec(values, (1, 6, 2), &Device::Cpu).unwrap();
    let y = flat(&group_norm(&x, 2, &gamma, &beta, 1e-5).unwrap());
    assert!(y[..6].iter().all(|v| v.is_nan()) && y[6..].iter().all(|v| v.is_finite()), "{y:?}");
}
