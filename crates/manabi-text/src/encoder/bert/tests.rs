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
            (0, [0.8638751, 0.9668356, 0.0585498, -0.3445195, -2.4702288, -0.5511612, 0.2636952, 1.5376951]),
            (2, [2.0007297, -0.2360756, -1.5031349, -0.1737977, -0.2396146, 1.1487726, -0.6877069, -0.1708613]),
            (5, [1.7916364, 1.0272292, -1.1910190, -1.0319605, -1.5896115, 0.0602890, 0.6250713, 0.7537636]),
            (6, [2.3192128, -0.6164666, -1.1016964, -0.1657900, -0.7179008, 1.0384535, -0.2962152, -0.2823883]),
        ],
    );
}

#[test]
fn distilbert_is_transformers_distilbert() {
    compare(
        Family::Distilbert,
        &[&[2, 5, 7, 3], &[2, 9, 3]],
        &[
            (0, [-0.9842537, -1.2579963, 1.3352932, 0.8622935, 0.6571568, -0.9837945, -0.8936454, 1.1497327]),
            (3, [-0.1641175, 0.9493719, 0.9691911, -1.6157553, -1.2092654, -0.1087929, 1.1253597, 0.3703591]),
            (6, [0.3325711, 1.2581656, -1.5558725, -0.0843827, -0.2257451, 1.0304015, 0.4797338, -1.2751772]),
        ],
    );
}

#[test]
fn mpnet_is_transformers_mpnet_near_and_far() {
    compare(
        Family::Mpnet,
        &[&[0, 5, 7, 2], &[0, 9, 2]],
        &[
            (0, [0.5167019, -0.6928365, -0.2780888, -1.2693081, 0.6600461, 0.9550698, 0.9084723, -0.9470068]),
            (6, [-1.2202891, -1.2379173, 0.6862061, 0.5999663, 1.4087474, -1.0256864, -0.0044222, 0.5395335]),
        ],
    );
    // Fourteen tokens leave the buckets of single distances.
    compare(
        Family::Mpnet,
        &[&[0, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 2]],
        &[
            (0, [0.5091679, -0.8207282, -0.4159785, -1.2449469, 0.6381145, 1.0032466, 0.8723327, -0.6866495]),
            (9, [0.7402064, -0.8538564, 1.5526253, -1.7687054, 0.4091713, 0.2242586, 0.2132844, -0.4719160]),
            (13, [-1.8004642, -0.9910945, 0.1701232, 1.2528522, 1.0394257, -0.2978871, -0.1661280, 0.4283945]),
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
