//! What every encoder must do.

use candle_core::Device;
use manabi_core::{
    encoder::Mode,
    nn::{Params, Role},
};

use super::*;

fn batch() -> TextBatch {
    TextBatch {
        ids: vec![2, 9, 8, 3, 2, 7, 3, 2, 11, 12, 13, 3],
        lengths: vec![4, 3, 5],
        begins: vec![true; 12],
        dropout: vec![1, 2, 3],
        marks: Default::default(),
        device: Device::Cpu,
    }
}

#[test]
fn every_parameter_of_every_encoder_gets_a_gradient() {
    for name in ["static", "bert-mini", "causal-mini"] {
        let params = Params::new(2, &Device::Cpu);
        let encoder = Shape::named(name, 20, 8).unwrap().build(&params, &[1.0; 20]).unwrap();
        let features = encoder.features(&batch(), Mode::Train).unwrap();
        assert_eq!(features.dims(), [3, encoder.dim()]);
        assert_eq!(encoder.readout(&batch(), Mode::Eval).unwrap().dims(), [3, encoder.readout_dim()]);
        let weights = candle_core::Tensor::arange(0f32, encoder.dim() as f32, &Device::Cpu).unwrap().sin().unwrap();
        let grads = features.broadcast_mul(&weights).unwrap().sum_all().unwrap().backward().unwrap();
        for (path, var, role) in params.named() {
            if role == Role::Buffer {
                continue;
            }
            let grad = grads.get(var.as_tensor()).unwrap_or_else(|| panic!("{name}: {path} has no gradient"));
            let sum = grad.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
            // A key's bias adds the same to all scores of a query.
            assert!(sum > 0.0 || path.ends_with("key.bias"), "{name}: {path}");
        }
    }
}

#[test]
fn larger_encoders_cost_more() {
    let cost = |name| Shape::named(name, 8_192, 128).unwrap().cost(50);
    let costs: Vec<f64> =
        ["static", "bert-mini", "bert-small", "bert-medium", "bert-base"].into_iter().map(cost).collect();
    assert!(costs.windows(2).all(|w| w[0] < w[1]), "{costs:?}");
    assert!(Shape::named("pretrained", 10, 10).is_none() && NAMES.contains(&"pretrained"));
}

#[test]
fn a_causal_encoder_does_not_see_what_comes_after() {
    for (name, changes) in [("causal-mini", false), ("bert-mini", true)] {
        let params = Params::new(2, &Device::Cpu);
        let encoder = Shape::named(name, 20, 8).unwrap().build(&params, &[1.0; 20]).unwrap();
        let packed = encoder.packed().unwrap();
        let parts = |batch: &TextBatch| packed.parts(batch, Mode::Eval).unwrap().to_vec2::<f32>().unwrap();
        let mut ids = batch().ids;
        ids[2] = 15;
        let (a, b) = (parts(&batch()), parts(&batch().with_ids(ids)));
        let same = |row: usize| a[row].iter().zip(&b[row]).all(|(a, b)| (a - b).abs() < 1e-6);
        assert_eq!(same(1), !changes, "{name}");
        assert!(!same(3) && same(5));
    }
}
