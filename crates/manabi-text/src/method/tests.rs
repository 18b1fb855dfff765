//! Every method of the list on every encoder that it takes: a gradient for each parameter, and a loss that falls.

use std::sync::Arc;

use candle_core::Device;
use manabi_core::{
    encoder::EncoderFactory,
    method::{BuildContext, DatasetFacts, Family, Overrides, Step, ViewPlan},
    nn::{Params, Role},
};

use super::{corrupt::tests::batch, *};
use crate::encoder::Shape;

/// Methods that see the batch as it is, and the encoder that each is made for.
const OWN: [(&str, &str); 7] = [
    ("skip-gram", "static"),
    ("mlm", "bert-mini"),
    ("electra", "bert-mini"),
    ("causal-lm", "causal-mini"),
    ("simcse", "bert-mini"),
    ("declutr", "bert-mini"),
    ("tsdae", "bert-mini"),
];

fn shape(name: &str) -> Shape {
    match Shape::named(name, 50, 40).unwrap() {
        Shape::Bert(config) => {
            Shape::Bert(crate::encoder::BertConfig { hidden: 64, heads: 2, layers: 2, intermediate: 128, ..config })
        }
        other => other,
    }
}

fn facts() -> DatasetFacts {
    DatasetFacts { samples: 8, classes: 0, transformations: 0, batch: 8, steps: 30, dim: 64 }
}

struct Built {
    params: Params,
    encoder: Box<dyn Encoder<TextBatch>>,
    method: Box<dyn manabi_core::method::Method<TextBatch>>,
}

fn build(name: &str, encoder: &str) -> Result<Built> {
    let params = Params::new(4, &Device::Cpu);
    let shape = shape(encoder);
    let factory: EncoderFactory<TextBatch> = Arc::new(move |p: &Params| shape.build(p, &[1.0; 50]));
    let student = params.pp("encoder");
    let encoder = factory(&student)?;
    let entry = methods().into_iter().find(|m| m.name == name).unwrap();
    let method = (entry.build)(&BuildContext {
        name: entry.name,
        tasks: &[],
        heads: &params.pp("head"),
        encoder: encoder.as_ref(),
        student: &student,
        factory: &factory,
        facts: facts(),
        overrides: &Overrides::default(),
    })?;
    Ok(Built { params, encoder, method })
}

/// The batch as each view; views differ by dropout.
fn views(plan: &ViewPlan) -> Vec<TextBatch> {
    let ViewPlan::Views(kinds) = plan else { panic!("{plan:?}") };
    (0..kinds.len() as u64)
        .map(|view| TextBatch { dropout: (0..8).map(|text| 100 * view + text).collect(), ..batch(8) })
        .collect()
}

fn step(index: u64, samples: &[usize]) -> Step<'_> {
    Step { index, total: 30, epoch: 0, seed: 1, samples, labels: &[] }
}

#[test]
fn every_parameter_of_every_method_gets_a_gradient() {
    let samples: Vec<usize> = (0..8).collect();
    for (name, encoder) in OWN {
        let mut built = build(name, encoder).unwrap();
        // A table of neighbours that begins with zeros gives the other none at first.
        for (path, var, _) in built.params.named() {
            if path.ends_with("neighbours.weight") {
                var.set(&var.affine(1.0, 0.1).unwrap()).unwrap();
            }
        }
        let views = views(&built.method.plan());
        let loss = built.method.loss(built.encoder.as_ref(), &views, &step(0, &samples)).unwrap();
        let grads = loss.value.backward().unwrap();
        for (path, var, role) in built.params.named() {
            if role == Role::Buffer {
                continue;
            }
            // A key's bias adds the same to all scores of a query: its gradient is zero but for rounding.
            let silent = path.ends_with("key.bias");
            let grad = grads.get(var.as_tensor()).unwrap_or_else(|| panic!("{name}: {path} has no gradient"));
            let sum = grad.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(sum.is_finite() && (sum > 0.0 || silent), "{name}: the gradient of {path} is {sum}");
        }
    }
}

#[test]
fn the_loss_of_every_method_falls() {
    let samples: Vec<usize> = (0..8).collect();
    for (name, encoder) in OWN {
        let mut built = build(name, encoder).unwrap();
        let views = views(&built.method.plan());
        let mut losses = Vec::new();
        for index in 0..30 {
            // The same hidden words each time, so that falling means learning.
            let now = step(0, &samples);
            let loss = built.method.loss(built.encoder.as_ref(), &views, &now).unwrap();
            losses.push(loss.value.to_scalar::<f32>().unwrap());
            let grads = loss.value.backward().unwrap();
            for (_, var, role) in built.params.named() {
                if let (Some(grad), true) = (grads.get(var.as_tensor()), role != Role::Buffer) {
                    let rate = if name == "skip-gram" { 5.0 } else { 0.02 };
                    var.set(&(var.as_tensor() - (grad * rate).unwrap()).unwrap()).unwrap();
                }
            }
            let _ = index;
        }
        let (first, last) = (losses[0], losses[losses.len() - 1]);
        assert!(last < first - 0.002, "{name}: {losses:?}");
    }
}

#[test]
fn an_encoder_that_sees_too_much_or_too_little_is_refused_with_one_that_does_not() {
    for (name, encoder, choose) in [
        ("mlm", "static", "bert-mini"),
        ("causal-lm", "bert-mini", "causal-mini"),
        ("skip-gram", "bert-mini", "static"),
    ] {
        let message = build(name, encoder).err().unwrap().to_string();
        assert!(message.contains(&format!("--encoder {choose}")), "{message}");
    }
}

#[test]
fn the_list_has_every_family_and_no_name_twice() {
    let all = methods();
    let names: std::collections::BTreeSet<&str> =
        all.iter().flat_map(|m| std::iter::once(m.name).chain(m.aliases.iter().copied())).collect();
    assert_eq!(names.len(), all.iter().map(|m| 1 + m.aliases.len()).sum::<usize>());
    for family in [Family::Instance, Family::Clustering, Family::Masked, Family::Transformation, Family::Supervised] {
        assert!(all.iter().any(|m| m.family == family), "{family:?}");
    }
    for entry in &all {
        assert!((entry.defaults)(&facts()).batch <= 8, "{}", entry.name);
    }
}
