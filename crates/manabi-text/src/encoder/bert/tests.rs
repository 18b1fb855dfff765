//! Against transformers' own models, on parameters made by a formula.
//!
//! model = BertModel(BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
//!     intermediate_size=16, max_position_embeddings=16), add_pooling_layer=False).eval()   # and the others alike
//! for k, name in enumerate(sorted(dict(model.named_parameters()))):
//!     p = model.get_parameter(name); i = torch.arange(p.numel(), dtype=torch.float64)
//!     wave = torch.sin(0.7 * i + k + 0.01 * i * i)
//!     norm = ("layernorm" in name.lower() or "layer_norm" in name.lower()) and name.endswith("weight")
//!     p.data = (1 + 0.1 * wave if norm else 0.3 * wave).reshape(p.shape).float()
//! model.double()(input_ids=ids, attention_mask=mask).last_hidden_state   # transformers 4.57, torch 2.15

use candle_core::Device;
use manabi_core::encoder::Mode;

use super::*;

fn small(family: Family) -> BertConfig {
    let bert = family == Family::Bert;
    BertConfig {
        family,
        hidden: 8,
        heads: 2,
        intermediate: 16,
        positions: 16,
        types: if bert { 2 } else { 0 },
        buckets: if family == Family::Mpnet { 32 } else { 0 },
        pooling: Pooling::Mean,
        ..BertConfig::scratch(30, 16, 2, 8, 2)
    }
}

fn filled(family: Family) -> (Params, Bert) {
    let params = Params::new(1, &Device::Cpu);
    let bert = Bert::new(&params, small(family)).unwrap();
    for (k, (name, var, _)) in params.named().into_iter().enumerate() {
        let lower = name.to_lowercase();
        let norm = (lower.contains("layernorm") || lower.contains("layer_norm")) && name.ends_with("weight");
        let values: Vec<f32> = (0..var.elem_count())
            .map(|i| {
                let i = i as f64;
                let wave = (0.7 * i + k as f64 + 0.01 * i * i).sin();
                (if norm { 1.0 + 0.1 * wave } else { 0.3 * wave }) as f32
            })
            .collect();
        var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap()).unwrap();
    }
    (params, bert)
}

fn batch(texts: &[&[u32]]) -> TextBatch {
    TextBatch {
        ids: texts.concat(),
        lengths: texts.iter().map(|t| t.len()).collect(),
        begins: vec![true; texts.iter().map(|t| t.len()).sum()],
        dropout: Vec::new(),
        marks: Default::default(),
        device: Device::Cpu,
    }
}

#[track_caller]
fn compare(family: Family, texts: &[&[u32]], expected: &[(usize, [f32; 8])]) {
    let (_params, bert) = filled(family);
    let found = bert.parts(&batch(texts), Mode::Eval).unwrap().to_vec2::<f32>().unwrap();
    for (row, expected) in expected {
        for (found, expected) in found[*row].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "row {row}: {:?} instead of {expected}", found);
        }
    }
}

#[test]
fn bert_is_transformers_bert() {
    compare(
        Family::Bert,
        &[&[2, 5, 7, 3], &[2, 9, 3]],
        &[
            (0, [0.863875, 0.966836, 0.058550, -0.344519, -2.470229, -0.551161, 0.263695, 1.537695]),
            (2, [2.00073, -0.23607, -1.50313, -0.17379, -0.23961, 1.14877, -0.68770, -0.17086]),
            (5, [1.791636, 1.027229, -1.191019, -1.031961, -1.589611, 0.060289, 0.625071, 0.753764]),
            (6, [2.319213, -0.616467, -1.101696, -0.165790, -0.717901, 1.038453, -0.296215, -0.282388]),
        ],
    );
}

#[test]
fn distilbert_is_transformers_distilbert() {
    compare(
        Family::Distilbert,
        &[&[2, 5, 7, 3], &[2, 9, 3]],
        &[
            (0, [-0.984254, -1.257996, 1.335293, 0.862294, 0.657157, -0.983795, -0.893645, 1.149733]),
            (3, [-0.16411, 0.94937, 0.96919, -1.61575, -1.20926, -0.10879, 1.12536, 0.37035]),
            (6, [0.332571, 1.258166, -1.555872, -0.084383, -0.225745, 1.030401, 0.479734, -1.275177]),
        ],
    );
}

#[test]
fn mpnet_is_transformers_mpnet_near_and_far() {
    compare(
        Family::Mpnet,
        &[&[0, 5, 7, 2], &[0, 9, 2]],
        &[
            (0, [0.516702, -0.692836, -0.278089, -1.269308, 0.660046, 0.955070, 0.908472, -0.947007]),
            (6, [-1.220289, -1.237917, 0.686206, 0.599966, 1.408747, -1.025686, -0.004422, 0.539533]),
        ],
    );
    // Fourteen tokens leave the buckets of single distances.
    compare(
        Family::Mpnet,
        &[&[0, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 2]],
        &[
            (0, [0.509168, -0.820728, -0.415978, -1.244947, 0.638115, 1.003247, 0.872333, -0.686650]),
            (9, [0.740206, -0.853856, 1.552625, -1.768705, 0.409171, 0.224259, 0.213284, -0.471916]),
            (13, [-1.800464, -0.991094, 0.170123, 1.252852, 1.039426, -0.297887, -0.166128, 0.428395]),
        ],
    );
}

#[test]
fn every_parameter_of_every_family_gets_a_gradient() {
    for family in [Family::Bert, Family::Distilbert, Family::Mpnet] {
        let (params, bert) = filled(family);
        let parts = bert.parts(&batch(&[&[2, 5, 7, 3], &[2, 9, 3]]), Mode::Train).unwrap();
        let weights = Tensor::arange(0f32, 8.0, &Device::Cpu).unwrap().sin().unwrap();
        let grads = parts.broadcast_mul(&weights).unwrap().sum_all().unwrap().backward().unwrap();
        for (name, var, _) in params.named() {
            let grad = grads.get(var.as_tensor()).unwrap_or_else(|| panic!("{family:?}: {name} has no gradient"));
            assert!(grad.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap() > 0.0, "{family:?}: {name}");
        }
    }
}

#[test]
fn texts_that_are_too_long_are_refused_with_both_numbers() {
    let (_params, bert) = filled(Family::Mpnet);
    let message = bert.parts(&batch(&[&[5; 15]]), Mode::Eval).unwrap_err().to_string();
    assert!(message.contains("14") && message.contains("15"), "{message}");
}
