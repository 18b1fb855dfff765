//! The optimiser steps against their formulas.

use super::*;
use crate::testing::{close, flat, var};
use candle_core::{DType, Device};
use proptest::prelude::*;

fn wide(v: &Var) -> Var {
    Var::from_tensor(&v.detach().to_dtype(DType::F64).unwrap()).unwrap()
}

fn narrow(t: &Tensor) -> Tensor {
    t.detach().to_dtype(DType::F32).unwrap()
}

const ADAMW: AdamWStep = AdamWStep { lr: 1e-2, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, step: 1 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn sgd_agrees_with_the_composition(n in 1usize..40_000, nesterov: bool, seed: u64) {
        let step = SgdStep { lr: 0.1, momentum: 0.9, nesterov, weight_decay: 0.01 };
        let (p, b) = (var(&[n], seed), Var::zeros(n, DType::F32, &Device::Cpu).unwrap());
        let (p64, b64) = (wide(&p), wide(&b));
        for i in 0..3 {
            let g = var(&[n], seed ^ (i + 1));
            sgd_step(&p, &g, &b, step, Also::default()).unwrap();
            sgd_step(&p64, &wide(&g), &b64, step, Also::default()).unwrap();
        }
        close("parameter", &p, &narrow(&p64), 1e-5);
        close("momentum", &b, &narrow(&b64), 1e-5);
    }

    #[test]
    fn adamw_agrees_with_the_composition(n in 1usize..40_000, seed: u64) {
        let zeros = || Var::zeros(n, DType::F32, &Device::Cpu).unwrap();
        let (p, m, v) = (var(&[n], seed), zeros(), zeros());
        let (p64, m64, v64) = (wide(&p), wide(&m), wide(&v));
        for i in 1..4 {
            let (g, step) = (var(&[n], seed ^ i), AdamWStep { step: i, ..ADAMW });
            adamw_step(&p, &g, &m, &v, step, Also::default()).unwrap();
            adamw_step(&p64, &wide(&g), &m64, &v64, step, Also::default()).unwrap();
        }
        close("parameter", &p, &narrow(&p64), 1e-4);
        close("mean", &m, &narrow(&m64), 1e-5);
        close("square", &v, &narrow(&v64), 1e-4);
    }

    #[test]
    fn averages_norms_and_scaling_agree_with_the_composition(n in 1usize..40_000, seed: u64) {
        let (t, s) = (var(&[n], seed), var(&[n], seed ^ 1));
        let (t64, s64) = (wide(&t), wide(&s));
        ema_update(&t, &s, 0.99).unwrap();
        ema_update(&t64, &s64, 0.99).unwrap();
        close("average", &t, &narrow(&t64), 1e-5);
        let (ours, exact) = (sum_of_squares(&s).unwrap(), sum_of_squares(&s64).unwrap());
        prop_assert!((ours - exact).abs() <= 1e-12 * exact);
        scale_in_place(&s, 0.5).unwrap();
        scale_in_place(&s64, 0.5).unwrap();
        close("scaled", &s, &narrow(&s64), 1e-6);
    }
}

#[test]
fn adamw_takes_the_steps_that_pytorch_takes() {
    // torch.optim.AdamW([1.0, -2.0], lr=0.1, weight_decay=0.01), gradients [0.5, -1.0] then [-0.25, 2.0].
    let new = |v: [f32; 2]| Var::new(&v, &Device::Cpu).unwrap();
    let (p, m, v) = (new([1.0, -2.0]), new([0.0; 2]), new([0.0; 2]));
    for (i, g) in [[0.5f32, -1.0], [-0.25, 2.0]].into_iter().enumerate() {
        let step = AdamWStep { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01, step: i as u64 + 1 };
        adamw_step(&p, &Tensor::new(&g, &Device::Cpu).unwrap(), &m, &v, step, Also::default()).unwrap();
    }
    // By hand: first step 1·0.999 − 0.1 = 0.899 and −2·0.999 + 0.1 = −1.898; second, m = 0.02 and v = 3.122e-4, ...
    let expected = |p1: f64, g1: f64, g2: f64| {
        let m = 0.9 * 0.1 * g1 + 0.1 * g2;
        let v = 0.999 * 0.001 * g1 * g1 + 0.001 * g2 * g2;
        p1 * 0.999 - 0.1 * (m / (1.0 - 0.81)) / ((v / (1.0 - 0.998_001)).sqrt() + 1e-8)
    };
    let p = flat(&p);
    assert!((f64::from(p[0]) - expected(0.899, 0.5, -0.25)).abs() < 1e-5, "{p:?}");
    assert!((f64::from(p[1]) - expected(-1.898, -1.0, 2.0)).abs() < 1e-5, "{p:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn lars_agrees_with_the_composition(n in 1usize..40_000, seed: u64) {
        let step = LarsStep { lr: 0.5, momentum: 0.9, weight_decay: 0.01, eta: 0.1 };
        let (p, b) = (var(&[n], seed), Var::zeros(n, DType::F32, &Device::Cpu).unwrap());
        let (p64, b64) = (wide(&p), wide(&b));
        for i in 0..3 {
            let g = var(&[n], seed ^ (i + 1));
            lars_step(&p, &g, &b, step, Also::default()).unwrap();
            // The body of lightly/utils/lars.py.
            let norm = |t: &Tensor| t.detach().sqr().unwrap().sum_all().unwrap().sqrt().unwrap().to_scalar::<f64>().unwrap();
            let (g, p) = (wide(&g).detach(), p64.detach());
            let rate = 0.1 * norm(&p) / (norm(&g) + 0.01 * norm(&p) + 1e-8);
            let d = ((g + (&p * 0.01).unwrap()).unwrap() * rate).unwrap();
            b64.set(&((b64.detach() * 0.9).unwrap() + d).unwrap()).unwrap();
            p64.set(&(p - (b64.detach() * 0.5).unwrap()).unwrap()).unwrap();
        }
        close("parameter", &p, &narrow(&p64), 1e-5);
        close("momentum", &b, &narrow(&b64), 1e-5);
    }

    #[test]
    fn a_factor_and_a_follower_in_the_step_are_those_before_and_after_it(n in 1usize..40_000, which in 0usize..3, seed: u64) {
        let zeros = || Var::zeros(n, DType::F32, &Device::Cpu).unwrap();
        let run = |p: &Var, g: &Tensor, state: &[Var; 2], also: Also<'_>| match which {
            0 => sgd_step(p, g, &state[0], SgdStep { lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.01 }, also),
            1 => adamw_step(p, g, &state[0], &state[1], ADAMW, also),
            _ => lars_step(p, g, &state[0], LarsStep { lr: 0.1, momentum: 0.9, weight_decay: 0.01, eta: 0.1 }, also),
        };
        let (g, t) = (var(&[n], seed ^ 1), var(&[n], seed ^ 2));
        let copy = |v: &Var| Var::from_tensor(&v.detach().copy().unwrap()).unwrap();
        let (fused, apart) = (var(&[n], seed), var(&[n], seed));
        let (t_fused, t_apart) = (copy(&t), copy(&t));
        let also = Also { gradient_scale: 0.25, follower: Some((&t_fused, 0.9)) };
        run(&fused, &g, &[zeros(), zeros()], also).unwrap();
        scale_in_place(&g, 0.25).unwrap();
        run(&apart, &g, &[zeros(), zeros()], Also::default()).unwrap();
        ema_update(&t_apart, &apart, 0.9).unwrap();
        close("parameter", &fused, &apart, 1e-6);
        close("follower", &t_fused, &t_apart, 1e-6);
        // And away from f32.
        let (p64, t64, g64) = (wide(&var(&[n], seed)), wide(&t), wide(&var(&[n], seed ^ 1)));
        let also = Also { gradient_scale: 0.25, follower: Some((&t64, 0.9)) };
        run(&p64, &g64, &[wide(&zeros()), wide(&zeros())], also).unwrap();
        close("parameter in f64", &fused, &narrow(&p64), 1e-4);
        close("follower in f64", &t_fused, &narrow(&t64), 1e-4);
    }
}

#[test]
fn lars_without_a_norm_is_plain_momentum() {
    let p = Var::zeros(3, DType::F32, &Device::Cpu).unwrap();
    let b = Var::zeros(3, DType::F32, &Device::Cpu).unwrap();
    let g = Tensor::new(&[1f32, -2.0, 3.0], &Device::Cpu).unwrap();
    lars_step(&p, &g, &b, LarsStep { lr: 0.5, momentum: 0.9, weight_decay: 0.3, eta: 0.1 }, Also::default()).unwrap();
    assert_eq!(flat(&p), [-0.5, 1.0, -1.5]);
}

#[test]
fn a_follower_of_another_shape_or_in_the_parameters_storage_is_refused() {
    let (p, g, b, t) = (var(&[3], 1), var(&[3], 2), var(&[3], 3), var(&[4], 4));
    let before = flat(&p);
    let step = SgdStep { lr: 0.1, momentum: 0.9, nesterov: false, weight_decay: 0.0 };
    for follower in [&t, &p] {
        let also = Also { follower: Some((follower, 0.9)), ..Also::default() };
        assert!(sgd_step(&p, &g, &b, step, also).is_err());
    }
    assert_eq!(flat(&p), before);
}

#[test]
fn a_gradient_that_is_not_a_number_shows_in_the_parameter() {
    let (p, b) = (var(&[3], 1), Var::zeros(3, DType::F32, &Device::Cpu).unwrap());
    let g = Tensor::new(&[1f32, f32::NAN, 1.0], &Device::Cpu).unwrap();
    lars_step(&p, &g, &b, LarsStep { lr: 0.5, momentum: 0.9, weight_decay: 0.0, eta: 0.1 }, Also::default()).unwrap();
    assert!(flat(&p).iter().all(|v| v.is_nan()));
}

#[test]
fn state_that_shares_a_storage_is_refused_instead_of_waiting_for_ever() {
    let p = var(&[3], 1);
    let shared = Var::from_tensor(&p).unwrap();
    let step = SgdStep { lr: 0.1, momentum: 0.9, nesterov: false, weight_decay: 0.0 };
    let message = sgd_step(&p, &var(&[3], 2), &shared, step, Also::default()).unwrap_err().to_string();
    assert!(message.contains('3') && message.contains('2'), "{message}");
    assert!(sgd_step(&p, &p.detach(), &var(&[3], 2), step, Also::default()).is_err());
    assert!(ema_update(&p, &p, 0.5).is_err());
}

#[test]
fn a_gradient_of_another_shape_and_step_zero_are_refused() {
    let p = || var(&[3], 1);
    let message = adamw_step(&p(), &var(&[4], 2), &p(), &p(), ADAMW, Also::default()).unwrap_err().to_string();
    assert!(message.contains("[4]") && message.contains("[3]"), "{message}");
    assert!(adamw_step(&p(), &p(), &p(), &p(), AdamWStep { step: 0, ..ADAMW }, Also::default()).is_err());
}

#[test]
fn a_broadcast_gradient_is_read_as_it_stands() {
    let (p, b) = (var(&[2, 3], 1), Var::zeros((2, 3), DType::F32, &Device::Cpu).unwrap());
    let before = flat(&p);
    let grad = Tensor::ones(1, DType::F32, &Device::Cpu).unwrap().broadcast_as((2, 3)).unwrap();
    sgd_step(&p, &grad, &b, SgdStep { lr: 1.0, momentum: 0.0, nesterov: false, weight_decay: 0.0 }, Also::default())
        .unwrap();
    assert!(flat(&p).iter().zip(&before).all(|(a, b)| (a - (b - 1.0)).abs() < 1e-6));
}
