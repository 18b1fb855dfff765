//! docs/FORMATS.md and the types of the report say the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use manabi_pilot::report::Report;
use serde_json::Value;

mod sample;

/// The JSON block behind the marker of docs/FORMATS.md.
fn documented() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/FORMATS.md");
    let text = std::fs::read_to_string(path).unwrap();
    let after = text.split("<!-- report.json -->").nth(1).expect("the marker of the example");
    let block = after.split("```json\n").nth(1).expect("a json block").split("\n```").next().unwrap();
    serde_json::from_str(block).expect("the example is JSON")
}

/// Every path of keys with the kind of what it holds; array elements share the path `[]`.
fn tree(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| tree(value, &format!("{path}.{key}"), into)),
        Value::Array(items) => {
            assert!(!items.is_empty(), "{path} is empty: the example has to show what it holds");
            items.iter().for_each(|item| tree(item, &format!("{path}[]"), into));
        }
        Value::Null => drop(into.insert(format!("{path}: null"))),
        Value::Bool(_) => drop(into.insert(format!("{path}: bool"))),
        Value::Number(_) => drop(into.insert(format!("{path}: number"))),
        Value::String(_) => drop(into.insert(format!("{path}: string"))),
    }
}

fn keys(value: &Value) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    tree(value, "", &mut keys);
    keys
}

#[test]
fn the_documented_schema_is_the_schema() {
    let real = serde_json::to_value(sample::documented()).unwrap();
    let (documented, real) = (keys(&documented()), keys(&real));
    let missing: Vec<_> = real.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&real).collect();
    assert!(missing.is_empty() && stale.is_empty(), "docs/FORMATS.md lacks {missing:?}, and still has {stale:?}");
}

#[test]
fn the_documented_example_reads_back_without_loss() {
    let report: Report = serde_json::from_value(documented()).unwrap();
    assert_eq!(serde_json::to_value(report).unwrap(), documented());
}

#[test]
fn every_documented_key_is_explained() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/FORMATS.md");
    let text = std::fs::read_to_string(path).unwrap();
    let Value::Object(map) = serde_json::to_value(Report::default()).unwrap() else { panic!("a report is an object") };
    for key in map.keys() {
        assert!(text.contains(&format!("| `{key}` |")), "docs/FORMATS.md does not explain `{key}`");
    }
}

#[test]
fn the_public_keys_stay_where_scripts_look_for_them() {
    let real = serde_json::to_value(sample::report()).unwrap();
    for key in ["dataset", "modality", "metric", "rows", "cost", "monitor", "verdict"] {
        assert!(real.get(key).is_some(), "{key}");
    }
    let row: BTreeSet<_> = real["rows"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(row, BTreeSet::from(["representation", "method", "labels", "fraction", "mean", "low", "high", "seeds"]));
    let names: BTreeSet<_> =
        real["rows"].as_array().unwrap().iter().map(|row| row["representation"].as_str().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["raw", "random", "supervised", "ssl-knn", "ssl-linear", "ssl-finetune"]));
}

#[test]
fn a_report_with_only_the_public_keys_is_read() {
    let text = r#"{"dataset": "d", "modality": "image", "metric": "accuracy", "rows": [], "cost": {}, "monitor": {}, "verdict": "v", "later": 1}"#;
    let report: Report = serde_json::from_str(text).unwrap();
    assert_eq!((report.dataset.as_str(), report.verdict.as_str()), ("d", "v"));
}
