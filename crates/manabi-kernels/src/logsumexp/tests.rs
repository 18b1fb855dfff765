//! The sums against their definition, PyTorch's figures and finite differences.

use super::*;
use crate::testing::{finite_differences, flat, numbers, same_gradients};
use candle_core::{Device, Var};
use proptest::prelude::*;

/// Random rows of length about 1.
fn rows(n: usize, d: usize, seed: u64) -> Var {
    let values = numbers(n * d, seed, 1.0 / (d as f32).sqrt());
    Var::from_tensor(&Tensor::from_vec(values, (n, d), &Device::Cpu).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sums_over_products_agree_with_the_whole_matrix(
        n in 1usize..300, m in 2usize..300, d in 1usize..40, scale in -4f64..30.0, own in 0usize..200, seed: u64,
    ) {
        let (a, b) = (rows(n, d, seed), rows(m, d, seed ^ 7));
        // Beyond 200: none is left out; nor is it in the rows whose own column lies outside.
        let own = (own < 150).then_some(own);
        let ours = || log_sum_exp_products(&a, &b, scale, own).unwrap();
        same_gradients(&[&a, &b], ours, || plain(&a, &b, scale, own).unwrap(), 3e-5);
    }

    #[test]
    fn sums_over_the_other_rows_agree_with_the_whole_matrix(
        n in 2usize..400, d in 1usize..40, scale in -2f64..60.0, seed: u64,
    ) {
        let a = rows(n, d, seed);
        same_gradients(&[&a], || log_sum_exp_gram(&a, scale).unwrap(), || plain(&a, &a, scale, Some(0)).unwrap(), 1e-4);
    }
}

#[test]
fn the_gradients_agree_with_finite_differences() {
    let (a, b) = (rows(7, 5, 1), rows(9, 5, 2));
    finite_differences(&[&a, &b], 1e-2, 1e-2, || log_sum_exp_products(&a, &b, 3.0, Some(1)).unwrap());
    finite_differences(&[&a], 1e-2, 1e-2, || log_sum_exp_gram(&a, 3.0).unwrap());
    // Products too large for the common shift.
    finite_differences(&[&a], 2e-4, 2e-2, || log_sum_exp_gram(&a, 100.0).unwrap());
}

// a = torch.sin(torch.arange(12.) * 0.7).reshape(4, 3).requires_grad_(); w = torch.tensor([1., 2, -1, 0.5])
// for s in (2.0, 50.0):
//     y = (s * a @ a.T).masked_fill(torch.eye(4, dtype=bool), -math.inf).logsumexp(1); y; (y * w).sum().backward(); a.grad
#[test]
fn values_and_gradients_are_pytorchs() {
    for (scale, value, gradient) in FIGURES {
        let values: Vec<f32> = (0..12).map(|i| (f64::from(i) * 0.7).sin() as f32).collect();
        let a = Var::from_tensor(&Tensor::from_vec(values, (4, 3), &Device::Cpu).unwrap()).unwrap();
        let weights = Tensor::new(&[1f32, 2.0, -1.0, 0.5], &Device::Cpu).unwrap();
        for y in [log_sum_exp_gram(&a, scale).unwrap(), log_sum_exp_products(&a, &a, scale, Some(0)).unwrap()] {
            let grads = (&y * &weights).unwrap().sum_all().unwrap().backward().unwrap();
            for (got, want) in flat(&y).iter().zip(value) {
                assert!((got - want).abs() < 2e-6 * want.abs().max(1.0), "{scale}: {got}, PyTorch {want}");
            }
            for (got, want) in flat(grads.get(&a).unwrap()).iter().zip(gradient) {
                assert!((got - want).abs() < 3e-5 * want.abs().max(1.0), "{scale}: {got}, PyTorch {want}");
            }
        }
    }
}

#[test]
fn the_bits_are_the_same_for_any_number_of_threads() {
    let (a, b) = (rows(700, 24, 3), rows(900, 24, 4));
    let bits = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let y = log_sum_exp_gram(&a, 8.0).unwrap();
            let z = log_sum_exp_products(&a, &b, 50.0, None).unwrap();
            let grads = (y.sum_all().unwrap() + z.sum_all().unwrap()).unwrap().backward().unwrap();
            let all = [flat(&y), flat(&z), flat(grads.get(&a).unwrap()), flat(grads.get(&b).unwrap())].concat();
            all.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        })
    };
    let one = bits(1);
    assert!(one == bits(2) && one == bits(5));
}

#[test]
fn an_input_without_gradient_gets_none() {
    let (a, b) = (rows(20, 4, 1), rows(30, 4, 2));
    let (fixed_a, fixed_b) = (a.detach(), b.detach());
    let grads = |y: Tensor| y.sum_all().unwrap().backward().unwrap();
    let left = grads(log_sum_exp_products(&a, &fixed_b, 2.0, None).unwrap());
    assert!(left.get(&a).is_some() && left.get(&fixed_b).is_none());
    let right = grads(log_sum_exp_products(&fixed_a, &b, 2.0, None).unwrap());
    assert!(right.get(&b).is_some() && right.get(&fixed_a).is_none());
    let both = with(&a, |a| with(&b, |b| blocks::backward(a, b, 4, 1.0, None, &[0.0; 20], &[1.0; 20], (false, false))));
    assert_eq!(both.unwrap(), (None, None));
}

#[test]
fn large_products_neither_overflow_nor_vanish() {
    let a = Tensor::new(&[[100f32, 0.0], [99.0, 0.0], [-100.0, 0.0]], &Device::Cpu).unwrap();
    let y = flat(&log_sum_exp_gram(&a, 10.0).unwrap());
    assert_eq!(y, [99_000.0, 99_000.0, -99_000.0]);
    let far = flat(&log_sum_exp_products(&a, &a, -10.0, None).unwrap());
    assert_eq!(far, [100_000.0, 99_000.0, 100_000.0]);
}

#[test]
fn a_row_far_below_the_common_shift_keeps_its_digits() {
    // One pair at +70, one row whose products are all −70: 140 below it.
    let a = Tensor::new(&[[1f32, 0.0], [1.0, 0.0], [-1.0, 0.0]], &Device::Cpu).unwrap();
    let y = flat(&log_sum_exp_gram(&a, 70.0).unwrap());
    assert!((y[2] - (2f32.ln() - 70.0)).abs() < 1e-5, "{y:?}");
    let a = Var::from_tensor(&a).unwrap();
    same_gradients(&[&a], || log_sum_exp_gram(&a, 70.0).unwrap(), || plain(&a, &a, 70.0, Some(0)).unwrap(), 1e-5);
}

#[test]
fn a_sum_of_nothing_is_minus_infinity_without_gradient() {
    for scale in [1.0, 1e4] {
        let a = rows(1, 3, 5);
        let y = log_sum_exp_gram(&a, scale).unwrap();
        assert_eq!(flat(&y), [f32::NEG_INFINITY]);
        assert_eq!(flat(y.sum_all().unwrap().backward().unwrap().get(&a).unwrap()), [0.0; 3]);
    }
}

#[test]
fn numbers_that_are_not_finite_show_in_the_result() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut values = numbers(100 * 3, 1, 0.5);
        values[200] = bad;
        let a = Var::from_tensor(&Tensor::from_vec(values, (100, 3), &Device::Cpu).unwrap()).unwrap();
        let y = log_sum_exp_gram(&a, 1.0).unwrap();
        // The exponential of −∞ is 0: with an infinite number half of the products leave no trace.
        let lost = flat(&y).iter().filter(|v| !v.is_finite()).count();
        assert!(lost == 100 || bad.is_infinite() && lost > 20, "{bad}: {y}");
        let grads = y.sum_all().unwrap().backward().unwrap();
        assert!(flat(grads.get(&a).unwrap()).iter().any(|v| v.is_nan()));
    }
}

#[test]
fn transposed_rows_and_other_types_give_the_same() {
    let a = rows(6, 20, 1);
    let turned = || a.t().unwrap();
    let whole = || plain(&turned(), &turned(), 2.0, Some(0)).unwrap();
    same_gradients(&[&a], || log_sum_exp_gram(&turned(), 2.0).unwrap(), whole, 1e-5);
    let wide = turned().to_dtype(DType::F64).unwrap();
    let (ours, exact) = (log_sum_exp_gram(&turned(), 2.0).unwrap(), log_sum_exp_gram(&wide, 2.0).unwrap());
    crate::testing::close("f64", &ours, &exact.to_dtype(DType::F32).unwrap(), 1e-6);
}

#[test]
fn matrices_that_do_not_fit_are_refused_with_both_numbers() {
    let message = log_sum_exp_products(&rows(2, 3, 1), &rows(2, 4, 1), 1.0, None).unwrap_err().to_string();
    assert!(message.contains('3') && message.contains('4'), "{message}");
    let empty = Tensor::zeros((0, 3), DType::F32, &Device::Cpu).unwrap();
    assert!(log_sum_exp_gram(&empty, 1.0).is_err());
    assert!(log_sum_exp_products(&rows(2, 3, 1), &empty, 1.0, None).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn the_matrix_of_products_is_never_in_memory() {
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    };
    let n = 12_000;
    let a = rows(n, 8, 1);
    let before = peak();
    log_sum_exp_gram(&a, 2.0).unwrap().sum_all().unwrap().backward().unwrap();
    log_sum_exp_products(&a, &a, 2.0, None).unwrap().sum_all().unwrap().backward().unwrap();
    let grown = peak() - before;
    assert!(grown < (n * n) as u64 / 4, "{grown} bytes more for products of {} bytes", 4 * n * n);
}

const FIGURES: [(f64, [f32; 4], [f32; 12]); 2] = [
    (
        2.0,
        [2.844901, 0.5593644, -1.087586, 2.846263],
        [
            2.059518, 2.957663, 2.464772, 0.6008059, 3.066463, 4.089914, -0.5714152, -0.8195214, -0.6821937, 2.010261,
            2.906514, 2.435788,
        ],
    ),
    (
        50.0,
        [69.85162, -5.258312, -43.00123, 69.85162],
        [
            26.3565, 59.01287, 63.91454, 44.77133, 114.4501, 130.3011, -43.16047, -16.74941, 17.53916, 61.22546,
            72.07626, 49.02848,
        ],
    ),
];
