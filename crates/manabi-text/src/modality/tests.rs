//! The modality on generated texts.

use manabi_core::{
    data::Source,
    encoder::Mode,
    rng::{Key, Purpose},
};

use super::*;
use crate::synthetic::{Settings, dataset};

fn fitted(config: &TextConfig) -> (impl Source<Sample> + use<>, TextModality) {
    let source = dataset(&Settings { texts: 300, ..Settings::default() }).unwrap();
    let rows: Vec<usize> = (0..200).collect();
    let modality = TextModality::fit(config, &source, &rows).unwrap();
    (source, modality)
}

fn view(modality: &TextModality, source: &impl Source<Sample>, row: usize, kind: ViewKind, key: u64) -> Tokens {
    let mut rng = Key::new(key, Purpose::Augment).rng();
    modality.augment(&source.load(row).unwrap(), kind, &mut rng).unwrap().tokens().unwrap().clone()
}

#[test]
fn views_differ_by_dropout_or_words_and_evaluation_sees_the_text() {
    for (encoder, words_differ) in [("static", true), ("bert-mini", false)] {
        let (source, modality) = fitted(&TextConfig { encoder: encoder.into(), ..TextConfig::default() });
        let (a, b) =
            (view(&modality, &source, 3, ViewKind::Strong(0), 1), view(&modality, &source, 3, ViewKind::Strong(1), 2));
        assert_ne!(a.dropout, b.dropout);
        assert_eq!(a.ids != b.ids, words_differ, "{encoder}");
        let eval = view(&modality, &source, 3, ViewKind::Eval, 1);
        assert_eq!((eval.dropout, eval.ids.len()), (None, view(&modality, &source, 3, ViewKind::Weak, 9).ids.len()));
        let local = view(&modality, &source, 3, ViewKind::Local, 4);
        assert!(local.ids.len() <= eval.ids.len());
    }
}

#[test]
fn what_was_fitted_comes_back_from_the_files_beside_the_weights() {
    for encoder in ["static", "bert-mini"] {
        let (source, modality) = fitted(&TextConfig { encoder: encoder.into(), ..TextConfig::default() });
        let dir = tempfile::tempdir().unwrap();
        let companions = modality.companions().unwrap();
        for (name, bytes) in &companions.files {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        let text = serde_json::to_string(modality.config()).unwrap();
        let mut config: TextConfig = serde_json::from_str(&text).unwrap();
        TextModality::settle(&mut config, dir.path());
        let again = TextModality::fit(&config, &source, &[0, 1]).unwrap();
        let ids = |m: &TextModality| view(m, &source, 7, ViewKind::Eval, 0).ids;
        assert_eq!(ids(&modality), ids(&again));
        let params = |m: &TextModality| {
            let params = Params::new(1, &Device::Cpu);
            m.encoder(&params).unwrap();
            params.snapshot().unwrap().into_iter().map(|(n, t)| (n, t.dims().to_vec())).collect::<Vec<_>>()
        };
        assert_eq!(params(&modality), params(&again));
        assert_eq!(companions.fields.get("model_type").is_some(), encoder != "static");
    }
}

#[test]
fn a_text_has_the_same_features_in_any_batch() {
    let (source, modality) = fitted(&TextConfig { encoder: "bert-mini".into(), ..TextConfig::default() });
    let params = Params::new(1, &Device::Cpu);
    let encoder = modality.encoder(&params).unwrap();
    let batch = |rows: &[usize]| {
        let views: Vec<Sample> =
            rows.iter().map(|row| Sample::Tokens(view(&modality, &source, *row, ViewKind::Eval, 0))).collect();
        encoder.readout(&modality.collate(&views, &Device::Cpu).unwrap(), Mode::Eval).unwrap().to_vec2::<f32>().unwrap()
    };
    let (all, one) = (batch(&[4, 5, 6]), batch(&[5]));
    assert!(all[1].iter().zip(&one[0]).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn halves_of_a_text_are_exchanged_in_class_one_alone() {
    let (source, modality) = fitted(&TextConfig::default());
    let of = |class: u32| {
        let mut rng = Key::new(1, Purpose::Augment).rng();
        let made = modality.transform(&source.load(2).unwrap(), 0, class, &mut rng).unwrap();
        made.tokens().unwrap().ids.clone()
    };
    let (kept, swapped) = (of(0), of(1));
    assert_ne!(kept, swapped);
    let sorted = |mut ids: Vec<u32>| {
        ids.sort_unstable();
        ids
    };
    assert_eq!(sorted(kept), sorted(swapped));
    let mut rng = Key::new(1, Purpose::Augment).rng();
    assert!(modality.transform(&source.load(2).unwrap(), 0, 2, &mut rng).is_err());
}

#[test]
fn a_tokeniser_of_another_vocabulary_than_the_weights_is_refused_with_both_numbers() {
    let (source, modality) = fitted(&TextConfig { encoder: "bert-mini".into(), ..TextConfig::default() });
    let layout = modality.config().layout.map(|l| crate::encoder::BertConfig { tokens: 30_522, ..l });
    let config = TextConfig { layout, encoder: "bert-mini".into(), ..TextConfig::default() };
    let rows: Vec<usize> = (0..200).collect();
    let message = TextModality::fit(&config, &source, &rows).unwrap_err().to_string();
    assert!(message.contains("30522") && message.contains(&modality.tokenizer().size().to_string()), "{message}");
}
