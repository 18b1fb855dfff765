//! What is true of every encoder.

use candle_core::{DType, Device, Tensor};
use manabi_core::{
    encoder::{Mask, Mode, Targets},
    nn::Role,
};

use super::{
    testing::{apart, input},
    *,
};

/// A weighted sum, so that no norm or average can cancel a gradient.
fn weighted(t: &Tensor) -> Tensor {
    let weights = Tensor::arange(0f32, t.elem_count() as f32, &Device::Cpu).unwrap().sin().unwrap();
    (t.flatten_all().unwrap() * weights).unwrap().sum_all().unwrap()
}

fn some_mask(n: usize, t: usize) -> Mask {
    let marks = Tensor::arange(0f32, (n * t) as f32, &Device::Cpu).unwrap().sin().unwrap().ge(0.0).unwrap();
    Mask { masked: marks.to_dtype(DType::F32).unwrap().reshape((n, t)).unwrap() }
}

#[test]
fn every_parameter_of_every_encoder_receives_a_gradient() {
    for name in NAMES {
        for (channels, length) in [(1, 40), (3, 130)] {
            let params = Params::new(1, &Device::Cpu);
            let encoder = build(name, channels, length, &params).unwrap();
            let x = input(4, channels, length, true);
            let features = encoder.features(&x, Mode::Train).unwrap();
            let readout = encoder.readout(&x, Mode::Train).unwrap();
            assert_eq!((features.dims(), readout.dims()), (&[4, encoder.dim()][..], &[4, encoder.readout_dim()][..]));
            // The mask token is seen by masked prediction only.
            let tokens = encoder.tokens().unwrap();
            let mask = some_mask(4, tokens.token_count(&x).unwrap());
            let masked = tokens.masked_tokens(&x, &mask).unwrap();
            let loss = (weighted(&features) + weighted(&masked)).unwrap();
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
}

#[test]
fn any_length_and_any_number_of_channels_work_whatever_the_encoder_was_built_for() {
    for name in NAMES {
        for (channels, built, length) in [(1, 1, 1), (2, 100, 1), (5, 1, 100), (3, 100, 37), (1, 30, 301)] {
            let encoder = build(name, channels, built, &Params::new(1, &Device::Cpu)).unwrap();
            let x = input(2, channels, length, false);
            for mode in [Mode::Train, Mode::Eval] {
                let features = encoder.features(&x, mode).unwrap().to_vec2::<f32>().unwrap();
                assert!(features.iter().flatten().all(|v| v.is_finite()), "{name}, {channels} x {length}");
            }
            let tokens = encoder.tokens().unwrap();
            let t = tokens.token_count(&x).unwrap();
            let masked = tokens.masked_tokens(&x, &some_mask(2, t)).unwrap();
            assert_eq!(masked.dims(), [2, t, encoder.dim()], "{name}, {channels} x {length}");
            let Targets::Continuous(targets) = tokens.targets(&x).unwrap() else { panic!("{name}: other targets") };
            assert_eq!(targets.dims(), [2, t, tokens.target_dim()], "{name}, {channels} x {length}");
        }
    }
}

#[test]
fn in_eval_mode_a_row_does_not_depend_on_its_batch() {
    for name in NAMES {
        let encoder = build(name, 2, 50, &Params::new(1, &Device::Cpu)).unwrap();
        let x = input(3, 2, 50, true);
        encoder.features(&x, Mode::Train).unwrap();
        let all = encoder.readout(&x, Mode::Eval).unwrap().narrow(0, 1, 1).unwrap();
        let seen = x.seen.as_ref().map(|s| s.narrow(0, 1, 1).unwrap());
        let row = SeriesBatch::new(x.values.narrow(0, 1, 1).unwrap(), seen).unwrap();
        let one = encoder.readout(&row, Mode::Eval).unwrap();
        assert!(apart(&all, &one) < 1e-4, "{name}: {}", apart(&all, &one));
    }
}

#[test]
fn a_frame_sees_as_far_as_it_says_and_no_further() {
    let (n, channels, length) = (1, 2, 200);
    let shallow = DilatedConfig { depth: 2, ..DilatedConfig::new(channels, 1) };
    let narrow = ResNet1dConfig::new(channels, length);
    let (reach, stride) = (narrow.reach(), narrow.stride());
    let encoders: [(Box<dyn Encoder<SeriesBatch>>, usize, usize); 2] = [
        (Box::new(Dilated::new(&Params::new(1, &Device::Cpu), shallow).unwrap()), shallow.reach(), 1),
        (Box::new(ResNet1d::new(&Params::new(1, &Device::Cpu), narrow).unwrap()), reach, stride),
    ];
    for (encoder, reach, stride) in encoders {
        let frames = encoder.frames().unwrap();
        let x = input(n, channels, length, false);
        let at = 96;
        let mut touched = x.values.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        touched[at] += 1.0;
        let touched = Tensor::from_vec(touched, (n, channels, length), &Device::Cpu).unwrap();
        let run = |values: &Tensor| {
            let batch = SeriesBatch::new(values.clone(), None).unwrap();
            let frames = frames.frames(&batch, Mode::Eval).unwrap();
            assert_eq!(frames.dims(), [n, length.div_ceil(stride), encoder.frames().unwrap().frame_dim()]);
            frames.contiguous().unwrap().get(0).unwrap().to_vec2::<f32>().unwrap()
        };
        let (before, after) = (run(&x.values), run(&touched));
        let changed: Vec<usize> = (0..before.len()).filter(|&t| before[t] != after[t]).map(|t| t * stride).collect();
        let (first, last) = (changed[0], changed[changed.len() - 1]);
        assert!(first + reach >= at && last <= at + reach, "{first} to {last} saw {at}, reach {reach}");
        assert!(first < at && last > at, "{first} to {last}");
        assert!(last - first + 2 * stride > 2 * reach, "{first} to {last} is less than the reach of {reach}");
    }
}

#[test]
fn a_hidden_time_stamp_is_not_looked_at() {
    for name in NAMES {
        let encoder = build(name, 2, 40, &Params::new(1, &Device::Cpu)).unwrap();
        let x = input(2, 2, 40, true);
        let other =
            (x.values.broadcast_add(&x.seen().unwrap().unsqueeze(1).unwrap().affine(-9.0, 9.0).unwrap())).unwrap();
        let other = SeriesBatch::new(other, x.seen.clone()).unwrap();
        let features = |x| encoder.features(x, Mode::Eval).unwrap();
        assert!(apart(&features(&x), &features(&other)) < 1e-5, "{name}");
    }
}

#[test]
fn batches_of_other_channels_and_unknown_names_are_refused_with_both() {
    for name in NAMES {
        let encoder = build(name, 2, 40, &Params::new(1, &Device::Cpu)).unwrap();
        let message = encoder.features(&input(1, 3, 40, false), Mode::Eval).unwrap_err().to_string();
        assert!(message.contains("2 channels, not 3"), "{message}");
        assert!(cost(name, 2, 40) > 0.0);
    }
    let message = build("lstm", 1, 1, &Params::new(1, &Device::Cpu)).err().unwrap().to_string();
    assert!(message.contains("lstm") && message.contains("dilated"), "{message}");
    assert!(build("patch", 0, 5, &Params::new(1, &Device::Cpu)).is_err());
    assert_eq!(cost("lstm", 1, 1), 0.0);
}
