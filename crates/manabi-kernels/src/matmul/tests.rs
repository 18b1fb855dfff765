//! Products against the formula written out, on random shapes and strides, and their gradients.

use candle_core::{DType, Device, Tensor};
use proptest::prelude::*;

use super::*;
use crate::testing::{
    any_threads, close, finite_differences, flat, numbers, rounded, same_as_rounded, same_gradients, var,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_tile_of_this_processor_gives_the_sum_of_products(
        m in 1usize..40, n in 1usize..70, k in 0usize..40,
        turned in prop::array::uniform2(any::<bool>()), kind in 0u8..3, gap in 0usize..3, seed: u64,
    ) {
        product_agrees((m, n, k), turned, kind, gap, seed);
    }

    #[test]
    fn products_of_several_blocks_give_the_sum_of_products(
        m in 1usize..300, n in 1usize..90, k in 300usize..700,
        turned in prop::array::uniform2(any::<bool>()), kind in 0u8..3, seed: u64,
    ) {
        product_agrees((m, n, k), turned, kind, 0, seed);
    }
}

/// Compares all tiles, in one thread and in all, with a sum in `f64` of the factors in their precision; all of C outside
/// the product must stay.
fn product_agrees((m, n, k): (usize, usize, usize), turned: [bool; 2], kind: u8, gap: usize, seed: u64) {
    let (a, b, bias) = (numbers(m * k, seed, 1.0), numbers(k * n, seed ^ 1, 1.0), numbers(n, seed ^ 2, 1.0));
    let near = [&a, &b].map(|v| flat(&rounded(&Tensor::from_slice(v, v.len(), &Device::Cpu).unwrap())));
    let a = if turned[0] { Matrix::rows(&a, m).t() } else { Matrix::rows(&a, k) };
    let b = if turned[1] { Matrix::rows(&b, k).t() } else { Matrix::rows(&b, n) };
    let row = n + gap;
    let before = numbers(m * row, seed ^ 3, 1.0);
    let start = [Start::Zero, Start::Add, Start::Columns(&bias)][usize::from(kind)];
    let in_f32 = MicroKernel::all(Precision::F32).into_iter().map(|kernel| (kernel, [a, b]));
    let nearby = [Matrix { data: &near[0], ..a }, Matrix { data: &near[1], ..b }];
    let in_bf16 = MicroKernel::all(Precision::Bf16).into_iter().map(|kernel| (kernel, nearby));
    for (kernel, factors) in in_f32.chain(in_bf16) {
        let mut results = [before.clone(), before.clone()];
        for (c, parallel) in results.iter_mut().zip([false, true]) {
            let product = Product { size: (m, n, k), a, b, c: Shared::new(c), row, start, after: None };
            // SAFETY: the vectors have the sizes of the matrices.
            unsafe { multiply(kernel, &product, parallel) };
        }
        assert_eq!(results[0], results[1], "{}: threads change the result", kernel.name);
        for (i, c) in results[0].iter().enumerate() {
            let (r, column) = (i / row, i % row);
            if column >= n {
                assert_eq!(*c, before[i], "{}: element {i} outside the product was written", kernel.name);
                continue;
            }
            let at = |x: &Matrix<'_>, i: usize, j: usize| f64::from(x.data[i * x.row_stride + j * x.column_stride]);
            let first = match start {
                Start::Zero => 0.0,
                Start::Add => f64::from(before[i]),
                Start::Columns(bias) => f64::from(bias[column]),
            };
            let exact = first + (0..k).map(|k| at(&factors[0], r, k) * at(&factors[1], k, column)).sum::<f64>();
            let near = (f64::from(*c) - exact).abs() < 1e-5 * (1.0 + k as f64).sqrt() * 4.0;
            assert!(near, "{}: ({r}, {column}) of {m} x {n} x {k} is {c}, expected {exact}", kernel.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_product_and_its_gradients_agree_with_candle(m in 1usize..90, n in 1usize..90, k in 1usize..90, seed: u64) {
        let (a, b) = (var(&[m, k], seed), var(&[k, n], seed ^ 5));
        same_gradients(&[&a, &b], || matmul(&a, &b).unwrap(), || a.matmul(&b).unwrap(), 1e-5);
    }

    #[test]
    fn cutting_a_product_into_pieces_changes_no_result(m in 1usize..300, n in 1usize..300, seed: u64) {
        let k = 70;
        let (a, b) = (numbers(m * k, seed, 1.0), numbers(k * n, seed ^ 1, 1.0));
        let (mut whole, mut cut) = (vec![1.0; m * n], vec![1.0; m * n]);
        let (a, b) = (Matrix::rows(&a, m).t(), Matrix::rows(&b, n));
        sgemm((m, n, k), a, b, &mut whole, n, true).unwrap();
        sgemm_parallel((m, n, k), a, b, &mut cut, true).unwrap();
        let tensor = |v: Vec<f32>| Tensor::from_vec(v, (m, n), &Device::Cpu).unwrap();
        close("product", &tensor(cut), &tensor(whole), 1e-5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_product_in_bf16_is_that_of_rounded_factors_and_so_are_its_gradients(
        m in 1usize..90, n in 1usize..90, k in 1usize..90, seed: u64,
    ) {
        let (a, b) = (var(&[m, k], seed), var(&[k, n], seed ^ 5));
        let ours = |a: &Tensor, b: &Tensor| matmul_with(a, b, Precision::Bf16).unwrap();
        same_as_rounded([&a, &b], ours, |a, b| a.matmul(b).unwrap(), 1e-5);
    }
}

#[test]
fn a_product_in_bf16_has_the_same_bits_for_every_number_of_threads() {
    let (a, b) = (var(&[301, 333], 1), var(&[333, 130], 2));
    any_threads(&[&a, &b], || matmul_with(&a, &b, Precision::Bf16).unwrap());
}

#[test]
fn an_emulated_pair_adds_what_rounded_numbers_add() {
    let (m, n, k) = (13, 40, 333);
    let (a, b) = (numbers(m * k, 1, 1.0), numbers(k * n, 2, 1.0));
    let results =
        MicroKernel::all(Precision::Bf16).into_iter().filter(|kernel| kernel.name != "AVX512-BF16").map(|kernel| {
            let mut c = vec![0f32; m * n];
            let (a, b, start) = (Matrix::rows(&a, k), Matrix::rows(&b, n), Start::Zero);
            // SAFETY: the vectors have the sizes of the matrices.
            unsafe {
                multiply(
                    kernel,
                    &Product { size: (m, n, k), a, b, c: Shared::new(&mut c), row: n, start, after: None },
                    true,
                )
            };
            c
        });
    let results: Vec<_> = results.collect();
    assert!(results.len() >= 2 && results.iter().all(|c| *c == results[0]));
}

#[test]
fn the_gradients_of_a_product_agree_with_finite_differences() {
    let (a, b) = (var(&[5, 7], 1), var(&[7, 3], 2));
    finite_differences(&[&a, &b], 1e-2, 1e-2, || matmul(&a, &b).unwrap());
}

#[test]
fn a_transposed_operand_needs_no_copy_by_the_caller() {
    let (a, b) = (var(&[7, 5], 1), var(&[7, 3], 2));
    let t = || a.t().unwrap();
    same_gradients(&[&a, &b], || matmul(&t(), &b).unwrap(), || t().matmul(&b).unwrap(), 1e-5);
}

#[test]
fn other_types_go_to_candle() {
    let a = Tensor::ones((2, 3), DType::F64, &Device::Cpu).unwrap();
    assert_eq!(matmul(&a, &a.t().unwrap()).unwrap().to_vec2::<f64>().unwrap(), [[3.0, 3.0], [3.0, 3.0]]);
}

#[test]
fn sizes_that_do_not_fit_are_refused_with_both_numbers() {
    let (a, b) = (var(&[2, 3], 1), var(&[4, 2], 2));
    let message = matmul(&a, &b).unwrap_err().to_string();
    assert!(message.contains('3') && message.contains('4'), "{message}");
    let mut c = [0.0; 4];
    let short = [0.0; 5];
    assert!(sgemm((2, 2, 3), Matrix::rows(&short, 3), Matrix::rows(&[0.0; 6], 2), &mut c, 2, false).is_err());
    assert!(sgemm((2, 2, 1), Matrix::rows(&short, 1), Matrix::rows(&short, 2), &mut c[..3], 2, false).is_err());
}

#[test]
fn infinities_and_nan_reach_only_their_row_and_column() {
    let mut a = vec![1f32; 7 * 5];
    a[2 * 5 + 1] = f32::NAN;
    a[4 * 5] = f32::INFINITY;
    let b = vec![1f32; 5 * 9];
    for precision in [Precision::F32, Precision::Bf16] {
        let mut c = vec![0f32; 7 * 9];
        gemm(precision, (7, 9, 5), Matrix::rows(&a, 5), Matrix::rows(&b, 9), &mut c, 9, false).unwrap();
        for (row, c) in c.chunks(9).enumerate() {
            match row {
                2 => assert!(c.iter().all(|v| v.is_nan())),
                4 => assert!(c.iter().all(|v| *v == f32::INFINITY)),
                _ => assert!(c.iter().all(|v| *v == 5.0)),
            }
        }
    }
}
