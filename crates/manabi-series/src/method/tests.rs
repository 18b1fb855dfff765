//! What is true of every method of this folder.

use candle_core::{Device, Tensor};
use manabi_core::{
    encoder::EncoderFactory,
    method::{BuildContext, DatasetFacts, Loss, Method, Overrides, Step, ViewPlan},
    nn::Params,
};

use super::*;
use crate::encoder::build;

fn batch(rows: usize, length: usize, shift: f64) -> SeriesBatch {
    let values: Vec<f32> = (0..rows * 2 * length).map(|i| ((i * i) as f64 * 0.37 + shift).sin() as f32).collect();
    SeriesBatch::new(Tensor::from_vec(values, (rows, 2, length), &Device::Cpu).unwrap(), None).unwrap()
}

struct Built {
    params: Params,
    encoder: Box<dyn Encoder<SeriesBatch>>,
    method: Box<dyn Method<SeriesBatch>>,
}

fn built(name: &str, encoder: &'static str, settings: toml::Table) -> Result<Built> {
    let params = Params::new(1, &Device::Cpu);
    let student = params.pp("encoder");
    let model = build(encoder, 2, 64, &student).unwrap();
    let factory: EncoderFactory<SeriesBatch> = std::sync::Arc::new(move |params| build(encoder, 2, 64, params));
    let facts = DatasetFacts { samples: 4, classes: 0, transformations: 0, batch: 4, steps: 10, dim: model.dim() };
    let entry = methods().into_iter().find(|m| m.name == name).unwrap();
    let overrides = Overrides(settings);
    let context = BuildContext {
        name: entry.name,
        tasks: &[],
        heads: &params.pp("head"),
        encoder: model.as_ref(),
        student: &student,
        factory: &factory,
        facts,
        overrides: &overrides,
    };
    let method = (entry.build)(&context)?;
    Ok(Built { params, encoder: model, method })
}

fn loss(built: &mut Built, length: usize, index: u64) -> Result<Loss> {
    let ViewPlan::Views(kinds) = built.method.plan() else { panic!("other views") };
    let views: Vec<SeriesBatch> = (0..kinds.len()).map(|v| batch(4, length, v as f64)).collect();
    let step = Step { index, total: 10, epoch: 0, seed: 3, samples: &[5, 2, 9, 4], labels: &[] };
    built.method.loss(built.encoder.as_ref(), &views, &step)
}

fn number(loss: &Loss) -> f32 {
    loss.value.to_scalar().unwrap()
}

const PAIRS: [(&str, &str); 7] = [
    ("ts2vec", "dilated"),
    ("ts-tcc", "resnet1d"),
    ("ts-tcc", "dilated"),
    ("simmtm", "patch"),
    ("simmtm", "patch-revin"),
    ("simmtm", "dilated"),
    ("simmtm", "resnet1d"),
];

#[test]
fn every_parameter_of_encoder_and_heads_receives_a_gradient() {
    for (name, encoder) in PAIRS {
        let mut built = built(name, encoder, toml::Table::new()).unwrap();
        let loss = loss(&mut built, 128, 1).unwrap();
        assert_eq!(loss.features.dims(), loss.second.unwrap().dims());
        let grads = loss.value.backward().unwrap();
        for (parameter, var, _) in built.params.trainable() {
            let grad = grads.get(&var).unwrap_or_else(|| panic!("{name} on {encoder}: {parameter} has no gradient"));
            let norm = grad.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(norm > 0.0 && norm.is_finite(), "{name} on {encoder}: {parameter} has gradient norm² {norm}");
        }
    }
}

#[test]
fn a_step_can_be_repeated_and_later_ones_draw_other_numbers() {
    for (name, encoder) in PAIRS {
        let mut built = built(name, encoder, toml::Table::new()).unwrap();
        let mut at = |index| number(&loss(&mut built, 64, index).unwrap());
        let first = at(1);
        assert_eq!(first, at(1), "{name} on {encoder}");
        assert!((2..8).any(|index| at(index) != first), "{name} on {encoder}");
    }
}

#[test]
fn short_series_work_or_say_how_long_they_must_be() {
    for (name, encoder) in PAIRS {
        for length in [1, 2, 3, 5] {
            match loss(&mut built(name, encoder, toml::Table::new()).unwrap(), length, 1) {
                Ok(loss) => assert!(number(&loss).is_finite(), "{name} on {encoder}, {length}"),
                Err(e) => assert!(e.to_string().contains("series"), "{name} on {encoder}, {length}: {e}"),
            }
        }
    }
}

#[test]
fn an_encoder_that_does_not_suit_is_refused_with_those_that_do() {
    for (name, encoder) in [("ts2vec", "patch"), ("ts-tcc", "patch")] {
        let message = built(name, encoder, toml::Table::new()).err().unwrap().to_string();
        assert!(message.contains("--encoder dilated"), "{message}");
    }
    let mut strided = built("ts2vec", "resnet1d", toml::Table::new()).unwrap();
    let message = loss(&mut strided, 64, 1).unwrap_err().to_string();
    assert!(message.contains("each time stamp") && message.contains("--encoder dilated"), "{message}");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let table = |text: &str| text.parse::<toml::Table>().unwrap();
    for (name, encoder, text) in [
        ("ts2vec", "dilated", "alpha = 2"),
        ("ts2vec", "dilated", "hidden = 1.0"),
        ("ts-tcc", "resnet1d", "ahead = 0"),
        ("ts-tcc", "resnet1d", "temperature = 0"),
        ("simmtm", "patch", "copies = 0"),
        ("simmtm", "patch", "copies = \"many\""),
    ] {
        assert!(built(name, encoder, table(text)).is_err(), "{name}: {text}");
    }
    for entry in methods() {
        let facts = DatasetFacts { samples: 4, classes: 0, transformations: 0, batch: 4, steps: 10, dim: 64 };
        assert!(!(entry.settings)(&facts).is_empty());
        assert!((entry.defaults)(&facts).batch <= 4);
    }
}

#[test]
fn averaged_weights_are_the_mean_of_those_after_each_step() {
    let built = built("ts2vec", "dilated", toml::Table::new()).unwrap();
    let bias = |params: &Params| params.named().into_iter().find(|(n, ..)| n == "encoder.input_fc.bias").unwrap().1;
    for (index, value) in [(0, 1.0), (1, 3.0), (2, 8.0)] {
        let own = bias(&built.params);
        own.set(&(own.zeros_like().unwrap() + value).unwrap()).unwrap();
        let step = Step { index, total: 10, epoch: 0, seed: 3, samples: &[], labels: &[] };
        for follower in built.method.followers(&built.params, &step) {
            manabi_core::optim::ema::update(&follower.params, &follower.student, follower.momentum).unwrap();
        }
    }
    let averaged = built.method.averaged().unwrap().unwrap();
    let mean = averaged["encoder.input_fc.bias"].to_vec1::<f32>().unwrap();
    assert!(mean.iter().all(|v| (v - 4.0).abs() < 1e-5), "{mean:?}");
    assert_eq!(built.method.state().len(), averaged.len());
}
