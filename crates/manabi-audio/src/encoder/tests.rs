use candle_core::{DType, Device};
use manabi_core::{
    encoder::{Mask, Mode},
    nn::Role,
};

use super::*;

fn input(n: usize, bins: usize, frames: usize) -> Tensor {
    let count = n * bins * frames;
    let values: Vec<f32> =
        (0..count).map(|i| ((i * 7919 % 1013) as f32 / 506.5 - 1.0) + (i as f32 * 0.013).sin()).collect();
    Tensor::from_vec(values, (n, 1, bins, frames), &Device::Cpu).unwrap()
}

/// A weighted sum, so that no norm or average can cancel the gradient.
fn weighted(x: &Tensor) -> Tensor {
    let weights = Tensor::arange(0f32, x.elem_count() as f32, &Device::Cpu).unwrap().sin().unwrap();
    (x.flatten_all().unwrap() * weights).unwrap().sum_all().unwrap()
}

#[test]
fn every_parameter_of_every_encoder_receives_a_gradient() {
    for name in NAMES {
        let params = Params::new(1, &Device::Cpu);
        let encoder = build(name, 64, &params).unwrap();
        let x = input(4, 64, 48);
        let features = encoder.features(&x, Mode::Train).unwrap();
        assert_eq!(features.dims(), [4, encoder.dim()], "{name}");
        let mut loss = weighted(&features);
        if let Some(tokens) = encoder.tokens() {
            // The mask token is seen by masked prediction only.
            let t = tokens.token_count(&x).unwrap();
            let masked = Tensor::arange(0f32, (4 * t) as f32, &Device::Cpu).unwrap().sin().unwrap();
            let masked = masked.ge(0.0).unwrap().to_dtype(DType::F32).unwrap().reshape((4, t)).unwrap();
            loss = (loss + weighted(&tokens.masked_tokens(&x, &Mask { masked }).unwrap())).unwrap();
        }
        let grads = loss.backward().unwrap();
        for (parameter, var, role) in params.named() {
            if role == Role::Buffer {
                continue;
            }
            let grad = grads.get(&var).unwrap_or_else(|| panic!("{name}: {parameter} has no gradient"));
            let norm = grad.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(norm > 0.0 && norm.is_finite(), "{name}: {parameter} has gradient norm² {norm}");
        }
    }
}

#[test]
fn any_length_and_number_of_bins_gives_features_of_one_width() {
    for name in NAMES {
        for bins in [64, 40, 23] {
            let params = Params::new(1, &Device::Cpu);
            let encoder = build(name, bins, &params).unwrap();
            for frames in [16, 48, 101] {
                let readout = encoder.readout(&input(2, bins, frames), Mode::Train).unwrap();
                assert_eq!(readout.dims(), [2, encoder.readout_dim()], "{name}, {bins} bins, {frames} frames");
            }
            assert!(encoder.features(&input(2, bins + 1, 48), Mode::Eval).is_err());
        }
    }
}

#[test]
fn in_eval_mode_a_row_does_not_depend_on_its_batch() {
    for name in ["small", "vit-tiny", "vit-frames"] {
        let params = Params::new(1, &Device::Cpu);
        let encoder = build(name, 64, &params).unwrap();
        let x = input(3, 64, 48);
        encoder.features(&x, Mode::Train).unwrap();
        let row = |x: &Tensor, i| encoder.readout(x, Mode::Eval).unwrap().get(i).unwrap().to_vec1::<f32>().unwrap();
        let (all, one) = (row(&x, 1), row(&x.narrow(0, 1, 1).unwrap(), 0));
        assert!(all.iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-4 * a.abs().max(1.0)), "{name}");
    }
}

#[test]
fn frames_are_in_order_of_time_and_see_their_neighbourhood_alone() {
    for (name, step, reach) in [("small", 16, 64), ("byola", 4, 12)] {
        let params = Params::new(1, &Device::Cpu);
        let encoder = build(name, 64, &params).unwrap();
        let frames = |x: &Tensor| {
            let encoder = encoder.frames().unwrap();
            let out = encoder.frames(x, Mode::Eval).unwrap();
            assert_eq!(out.dims(), [1, 192 / step, encoder.frame_dim()], "{name}");
            out.get(0).unwrap().to_vec2::<f32>().unwrap()
        };
        let x = input(1, 64, 192);
        let after = frames(
            &(&x + Tensor::cat(
                &[
                    &x.narrow(3, 0, 96).unwrap().zeros_like().unwrap(),
                    &x.narrow(3, 96, 96).unwrap().ones_like().unwrap(),
                ],
                3,
            )
            .unwrap())
            .unwrap(),
        );
        let before = frames(&x);
        let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
        assert!((96 - reach..=96).contains(&(same * step)), "{name}: {same} frames are untouched");
    }
}

#[test]
fn names_and_sizes_are_as_published() {
    // BYOL-A v2: AudioNTT2022(n_mels=64, d=3072).
    let params = Params::new(0, &Device::Cpu);
    let encoder = build("byola", 64, &params).unwrap();
    assert_eq!(encoder.dim(), 3_072);
    let names: Vec<String> = params.named().into_iter().map(|(n, ..)| n).collect();
    for name in ["features.0.weight", "features.1.running_var", "features.4.weight", "fc.0.weight", "fc.3.bias"] {
        assert!(names.iter().any(|n| n == name), "{name} is missing of {names:?}");
    }
    let message = build("resnet", 64, &params).err().unwrap().to_string();
    assert!(message.contains("resnet") && message.contains("byola"), "{message}");
}

#[test]
fn costs_are_those_of_the_layers() {
    // 9·32·32·48 + 16·24·(9·64·32 + 32·32) + 8·12·(9·96·64 + 32·64) + 4·6·(9·192·128 + 64·128)
    assert_eq!(cost("small", 64, 96), 442_368.0 + 7_471_104.0 + 5_505_024.0 + 5_505_024.0);
    assert_eq!(cost("nothing", 64, 96), 0.0);
    assert!((cost("byola", 64, 96) / 1e9 - 0.21).abs() < 0.03, "{}", cost("byola", 64, 96));
}

#[test]
fn targets_of_patches_are_normalised_and_silence_is_zero() {
    let params = Params::new(1, &Device::Cpu);
    let encoder = build("vit-tiny", 64, &params).unwrap();
    let tokens = encoder.tokens().unwrap();
    let silent = Tensor::full(-2.5f32, (1, 1, 64, 32), &Device::Cpu).unwrap();
    let manabi_core::encoder::Targets::Continuous(zero) = tokens.targets(&silent).unwrap() else { panic!("values") };
    assert_eq!(zero.dims(), [1, 8, 256]);
    assert!(zero.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-3);
    assert_eq!(tokens.token_grid(&silent).unwrap(), (4, 2));
}
