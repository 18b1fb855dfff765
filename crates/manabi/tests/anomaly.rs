//! `manabi anomaly` as a user types it, on a folder of small pictures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{path::Path, process::Command};

use manabi::image::{preview::png, synthetic::picture};

/// 60 pictures of one class as `good`, 20 of another as `odd`.
fn pictures(folder: &Path) {
    for (class, kind, count) in [("good", 0, 60), ("odd", 5, 20)] {
        std::fs::create_dir_all(folder.join(class)).unwrap();
        for number in 0..count {
            let image = picture(1, number * 10 + kind).unwrap();
            let bytes = png(&image.to_f32(), image.width, image.height, image.channels, 1).unwrap();
            std::fs::write(folder.join(class).join(format!("{number:02}.png")), bytes).unwrap();
        }
    }
}

fn manabi(words: &[&str], data: &Path) -> (bool, String, String) {
    let (verb, rest) = words.split_first().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_manabi"));
    let out = command.arg(verb).arg(data).args(rest).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.success(), text(out.stdout), text(out.stderr))
}

#[test]
fn pictures_of_another_kind_are_scored_with_and_without_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    pictures(&data);

    let (done, out, err) = manabi(&["anomaly", "--json", "--quiet"], &data);
    assert!(done, "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((report["normal"].as_str(), report["score"].as_str()), (Some("good"), Some("raw/knn")));
    assert_eq!(report["rows"].as_array().unwrap().len(), 7);
    assert!(report["rows"][0]["quality"]["auroc"]["mean"].as_f64().unwrap() >= 0.0);

    let (done, _, err) = manabi(&["anomaly", "--normal", "fine"], &data);
    assert!(!done && err.contains("--normal fine: there is no such class; there are good, odd"), "{err}");

    // A run of masked prediction is asked for its own error too, and keeps the scores.
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    let pretrain =
        ["pretrain", "--method", "masked", "--encoder", "vit-tiny", "--set", "train.steps=2", "--out", run, "--quiet"];
    let (done, _, err) = manabi(&pretrain, &data);
    assert!(done, "{err}");
    let (done, out, err) = manabi(&["anomaly", "--run", run, "--quiet"], &data);
    assert!(done, "{err}");
    for name in ["raw/pca", "random/knn", "run/mahalanobis", "run/masked", "anomaly.csv"] {
        assert!(out.contains(name), "{name} is not in {out}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 80 || line.contains("anomaly.csv")), "{out}");
    let csv = std::fs::read_to_string(Path::new(run).join("anomaly.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!((lines[0], lines.len()), ("id,score,flagged", 1 + 20));
    assert!(lines[1..].iter().all(|l| l.ends_with(",true") || l.ends_with(",false")), "{csv}");

    let (done, _, err) = manabi(&["anomaly", "--run", run], &data);
    assert!(!done && err.contains("--overwrite"), "{err}");
}
