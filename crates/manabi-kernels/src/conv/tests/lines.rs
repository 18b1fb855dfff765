//! Convolution of lines.

use super::super::*;
use super::check;
use crate::testing::{finite_differences, var};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_convolution_of_a_line_agrees_with_its_definition(
        n in 1usize..4, groups in 1usize..4, ci in 1usize..6, co in 1usize..6, t in 1usize..60, k in 1usize..8,
        stride in 1usize..5, padding in 0usize..5, dilation in 1usize..5, seed: u64,
    ) {
        let params = Conv1dParams { stride, padding, dilation, groups, ..Default::default() };
        prop_assume!(t + 2 * padding > dilation * (k - 1));
        check(&[n, ci * groups, t], &[co * groups, ci, k], &params, seed, 1e-4);
    }

    #[test]
    fn a_long_line_is_cut_and_agrees_with_its_definition(
        n in 1usize..3, t in 500usize..2000, k in 1usize..6, stride in 1usize..3, padding in 0usize..3, seed: u64,
    ) {
        let params = Conv1dParams { stride, padding, ..Default::default() };
        check(&[n, 5, t], &[7, 5, k], &params, seed, 1e-4);
    }
}

#[test]
fn lines_of_many_channels_agree_with_the_definition() {
    for (n, ci, co, t, k, stride, dilation) in [
        (3, 64, 64, 100, 3, 1, 1),
        (2, 48, 32, 600, 9, 1, 1),
        (9, 32, 40, 20, 5, 1, 1),
        (3, 16, 8, 300, 1, 1, 1),
        (2, 32, 48, 700, 9, 2, 1),
        (2, 24, 32, 130, 5, 1, 4),
        (1, 1, 32, 1000, 10, 5, 1),
    ] {
        let params = Conv1dParams { stride, dilation, padding: dilation * (k / 2), ..Default::default() };
        check(&[n, ci, t], &[co, ci, k], &params, 7, 1e-4);
    }
}

#[test]
fn the_gradients_of_lines_agree_with_finite_differences() {
    for (groups, co) in [(1, 4), (3, 6)] {
        let params = Conv1dParams { stride: 2, padding: 2, dilation: 2, groups, ..Default::default() };
        let (x, w, bias) = (var(&[2, 3, 14], 1), var(&[co, 3 / groups, 3], 2), var(&[co], 3));
        finite_differences(&[&x, &w, &bias], 1e-2, 1e-2, || conv1d(&x, &w, Some(&bias), &params).unwrap());
    }
}
