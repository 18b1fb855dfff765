//! Convolution against its definition, candle and finite differences.

mod input;
mod lines;

use super::*;
use crate::testing::{close, finite_differences, flat, same_as_rounded, same_gradients, var};
use candle_core::Device;
use proptest::prelude::*;

/// The definition, in `f64`, with as many loops as it has indices.
fn naive(x: &Tensor, w: &Tensor, params: &Conv2dParams) -> Tensor {
    let g = Geometry::new("naive", x.dims(), w.dims(), params).unwrap();
    let shape =
        [x.dims()[..1].to_vec(), vec![g.co], if x.rank() == 3 { vec![] } else { vec![g.down.positions] }].concat();
    let (x, w) = (flat(x), flat(w));
    let ((channels, per_group), (down, across)) = (g.per_group(), (g.down, g.across));
    let mut y = Vec::new();
    for n in 0..g.n {
        for o in 0..g.co {
            for oy in 0..down.positions {
                for ox in 0..across.positions {
                    let mut sum = 0f64;
                    for c in 0..channels {
                        for ky in 0..down.kernel {
                            for kx in 0..across.kernel {
                                let iy = (oy * down.stride + ky * down.dilation).wrapping_sub(down.padding);
                                let ix = (ox * across.stride + kx * across.dilation).wrapping_sub(across.padding);
                                if iy < down.size && ix < across.size {
                                    let map = n * g.ci + o / per_group * channels + c;
                                    let tap = ((o * channels + c) * down.kernel + ky) * across.kernel + kx;
                                    let from = (map * down.size + iy) * across.size + ix;
                                    sum += f64::from(x[from]) * f64::from(w[tap]);
                                }
                            }
                        }
                    }
                    y.push(sum as f32);
                }
            }
        }
    }
    let shape = [shape, vec![across.positions]].concat();
    Tensor::from_vec(y, shape, &Device::Cpu).unwrap()
}

/// Either convolution, with a bias.
fn either(x: &Tensor, w: &Tensor, bias: &Tensor, params: &ConvParams) -> Tensor {
    match x.rank() {
        3 => conv1d(x, w, Some(bias), params).unwrap(),
        _ => conv2d_bias(x, w, Some(bias), params).unwrap(),
    }
}

/// Compares with the definition, and the gradients with those of a shifted sum of slices: y is linear in x and in w,
/// so <v, A x> = <Aᵀ v, x> holds for the gradients whatever the shape.
fn check(x: &[usize], w: &[usize], params: &Conv2dParams, seed: u64, tolerance: f32) {
    let (x, w) = (var(x, seed), var(w, seed ^ 1));
    let bias = var(&w.dims()[..1], seed ^ 3);
    let y = either(&x, &w, &bias, params);
    let plain = naive(&x, &w, params);
    let per_channel = bias.reshape([vec![1, bias.elem_count()], vec![1; x.rank() - 2]].concat()).unwrap();
    close("value", &y, &plain.broadcast_add(&per_channel).unwrap(), tolerance);
    let v = var(y.dims(), seed ^ 2);
    let grads = (&y * v.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
    let dot = |a: &Tensor, b: &Tensor| -> f64 {
        flat(a).iter().zip(&flat(b)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let others: Vec<usize> = (0..x.rank()).filter(|d| *d != 1).collect();
    close("gradient of bias", grads.get(&bias).unwrap(), &v.sum(others).unwrap(), 1e-4);
    // Other directions than x and w themselves, so that a gradient that is only right along them does not pass.
    for direction in 0..4 {
        let (dx, dw) = (var(x.dims(), seed ^ (10 + direction)), var(w.dims(), seed ^ (20 + direction)));
        for (what, slope, along) in [
            ("x", dot(grads.get(&x).unwrap(), &dx), naive(&dx, &w, params)),
            ("w", dot(grads.get(&w).unwrap(), &dw), naive(&x, &dw, params)),
        ] {
            let expected = dot(&along, &v);
            let scale = flat(&along).iter().zip(&flat(&v)).map(|(a, b)| f64::from(a * b).powi(2)).sum::<f64>().sqrt();
            assert!(
                (slope - expected).abs() <= f64::from(tolerance) * scale.max(1e-3),
                "gradient of {what} along a direction: {slope}, expected {expected} (scale {scale})"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_convolution_agrees_with_its_definition(
        n in 1usize..4, groups in 1usize..4, ci in 1usize..4, co in 1usize..4,
        h in 1usize..12, w in 1usize..12, kh in 1usize..5, kw in 1usize..5,
        stride in 1usize..4, padding in 0usize..4, dilation in 1usize..4, seed: u64,
    ) {
        let params = Conv2dParams { stride, padding, dilation, groups, ..Default::default() };
        prop_assume!(h + 2 * padding > dilation * (kh - 1) && w + 2 * padding > dilation * (kw - 1));
        check(&[n, ci * groups, h, w], &[co * groups, ci, kh, kw], &params, seed, 1e-4);
    }

    #[test]
    fn a_three_by_three_convolution_agrees_with_its_definition(
        n in 1usize..6, ci in 16usize..40, co in 16usize..40, h in 1usize..20, w in 1usize..20, seed: u64,
    ) {
        let params = Conv2dParams { padding: 1, ..Default::default() };
        check(&[n, ci, h, w], &[co, ci, 3, 3], &params, seed, 3e-4);
    }

    #[test]
    fn depthwise_convolution_agrees_with_its_definition(
        n in 1usize..4, c in 1usize..20, multiplier in 1usize..6, h in 3usize..9, w in 1usize..40, k in 1usize..6,
        stride in 1usize..4, dilation in 1usize..3, seed: u64,
    ) {
        let params = Conv2dParams { stride, padding: k, dilation, groups: c, ..Default::default() };
        prop_assume!(h + 2 * k > 2 * dilation && w + 2 * k > dilation * (k - 1));
        check(&[n, c, h, w], &[c * multiplier, 1, 3, k], &params, seed, 1e-4);
    }

    #[test]
    fn few_channels_a_group_agree_with_the_definition(
        n in 1usize..4, groups in 1usize..6, inputs in 1usize..5, outputs in 1usize..5, h in 1usize..9,
        padding in 1usize..3, stride in 1usize..3, seed: u64,
    ) {
        let params = Conv2dParams { stride, padding, groups, ..Default::default() };
        check(&[n, groups * inputs, h, 7], &[groups * outputs, inputs, 3, 3], &params, seed, 1e-4);
    }

    #[test]
    fn both_tiles_agree_with_the_matrix_of_patches_for_few_and_many_channels(
        n in 1usize..9, ci in 16usize..40, co in 16usize..110, h in 1usize..10, w in 1usize..10, seed: u64,
    ) {
        let params = Conv2dParams { padding: 1, ..Default::default() };
        let (x, k, bias) = (var(&[n, ci, h, w], seed), var(&[co, ci, 3, 3], seed ^ 1), flat(&var(&[co], seed ^ 2)));
        let grad = flat(&var(&[n, co, h, w], seed ^ 3));
        let g = Geometry::new("conv2d", x.dims(), k.dims(), &params).unwrap();
        let (x, k) = (flat(&x), flat(&k));
        let same = |what: &str, ours: Vec<f32>, plain: Vec<f32>| {
            let tensor = |v: Vec<f32>| Tensor::new(v, &Device::Cpu).unwrap();
            close(what, &tensor(ours), &tensor(plain), 3e-4);
        };
        let plain = im2col::backward(&g, &x, &k, &grad, (true, true)).unwrap();
        for size in [winograd::Size::Two, winograd::Size::Four] {
            let y = winograd::forward(&g, size, &x, &k, Some(&bias)).unwrap();
            same("value", y, im2col::forward(&g, &x, &k, Some(&bias)).unwrap());
            let (gx, gw) = winograd::backward(&g, size, &x, &k, &grad, (true, true)).unwrap();
            same("gradient of x", gx.unwrap(), plain.0.clone().unwrap());
            same("gradient of w", gw.unwrap(), plain.1.clone().unwrap());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_matrix_product_in_bf16_is_that_of_rounded_factors_and_so_are_its_gradients(
        n in 1usize..4, groups in 1usize..3, ci in 9usize..12, co in 9usize..12, side in 5usize..12,
        stride in 1usize..3, padding in 0usize..2, seed: u64,
    ) {
        // 5 x 5 and more than 8 channels a group: neither Winograd nor direct.
        let params = Conv2dParams { stride, padding, groups, precision: Precision::Bf16, ..Default::default() };
        let (x, w) = (var(&[n, ci * groups, side, side], seed), var(&[co * groups, ci, 5, 5], seed ^ 1));
        let ours = |x: &Tensor, w: &Tensor| conv2d(x, w, &params).unwrap();
        same_as_rounded([&x, &w], ours, |x, w| x.conv2d(w, padding, stride, 1, groups).unwrap(), 1e-4);
    }
}

#[test]
fn the_shapes_of_small_residual_networks_agree_with_candle() {
    let three = Conv2dParams { padding: 1, ..Default::default() };
    for (n, ci, co, side, kernel, params) in [
        (9, 1, 32, 28, 3, three),
        (9, 3, 32, 32, 3, three),
        (9, 32, 32, 28, 3, three),
        (9, 64, 64, 14, 3, three),
        (9, 128, 128, 7, 3, three),
        (5, 32, 48, 8, 3, three),
        (5, 128, 64, 4, 3, three),
        (9, 32, 64, 28, 3, Conv2dParams { stride: 2, ..three }),
        (9, 32, 64, 28, 1, Conv2dParams { stride: 2, ..Default::default() }),
        (9, 64, 32, 14, 1, Conv2dParams::default()),
        (9, 64, 32, 3, 1, Conv2dParams::default()),
        (2, 3, 16, 32, 7, Conv2dParams { stride: 2, padding: 3, ..Default::default() }),
    ] {
        let (x, w) = (var(&[n, ci, side, side], 1), var(&[co, ci, kernel, kernel], 2));
        let plain = || x.conv2d(&w, params.padding, params.stride, 1, 1).unwrap();
        same_gradients(&[&x, &w], || conv2d(&x, &w, &params).unwrap(), plain, 5e-5);
    }
}

#[test]
fn the_gradients_of_a_convolution_agree_with_finite_differences() {
    let params = Conv2dParams { stride: 2, padding: 1, ..Default::default() };
    let (x, w) = (var(&[2, 3, 5, 6], 1), var(&[4, 3, 3, 3], 2));
    finite_differences(&[&x, &w], 1e-2, 1e-2, || conv2d(&x, &w, &params).unwrap());
    let params = Conv2dParams { padding: 1, ..Default::default() };
    let (x, w) = (var(&[4, 16, 16, 12], 1), var(&[16, 16, 3, 3], 2));
    finite_differences(&[&x, &w], 1e-1, 1e-2, || conv2d(&x, &w, &params).unwrap());
}

#[test]
fn a_first_layer_computes_no_gradient_for_its_input() {
    let (x, w) = (var(&[2, 16, 5, 6], 1), var(&[16, 16, 3, 3], 2));
    for padding in [0, 1] {
        let params = Conv2dParams { padding, input_grad: false, ..Default::default() };
        let grads = conv2d(&x, &w, &params).unwrap().sum_all().unwrap().backward().unwrap();
        assert!(grads.get(&x).is_none());
        assert!(grads.get(&w).is_some());
        // Behind another layer too, which then ends in nothing.
        let y = conv2d(&x.sqr().unwrap(), &w, &params).unwrap();
        let grads = y.sum_all().unwrap().backward().unwrap();
        assert!(grads.get(&x).is_none() && grads.get(&w).is_some());
    }
}

#[test]
fn a_convolution_repeats_bit_for_bit() {
    let params = Conv2dParams { padding: 1, ..Default::default() };
    let (x, w) = (var(&[37, 16, 14, 14], 1), var(&[16, 16, 3, 3], 2));
    let run = || {
        let y = conv2d(&x, &w, &params).unwrap();
        let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        (flat(&y), flat(grads.get(&x).unwrap()), flat(grads.get(&w).unwrap()))
    };
    let first = run();
    for _ in 0..5 {
        assert!(first == run());
    }
}

#[test]
fn winograds_tile_follows_the_size_of_the_maps_and_the_number_of_channels_does_not_matter() {
    use winograd::Size::{Four, Two};
    let params = Conv2dParams { padding: 1, ..Default::default() };
    for (n, channels, side, tile) in [
        (128, 64, 32, Some(Four)),
        (128, 64, 14, Some(Four)),
        (128, 128, 7, Some(Four)),
        (128, 512, 4, Some(Four)),
        (32, 512, 4, Some(Four)),
        (32, 256, 6, Some(Two)),
        (128, 512, 2, Some(Two)),
        (128, 512, 1, None),
        (1, 64, 4, None),
        (128, 8, 32, None),
    ] {
        let g = Geometry::new("conv2d", &[n, channels, side, side], &[channels, channels, 3, 3], &params).unwrap();
        assert_eq!(winograd::choose(&g), tile, "{channels} channels of {side}, batch {n}");
    }
}
