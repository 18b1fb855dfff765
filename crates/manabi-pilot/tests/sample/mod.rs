//! A synthetic report with every key filled in: cast parts with surface defects. No figure of it was measured.
#![allow(dead_code, missing_docs)]

use manabi_pilot::report::*;

mod png;

/// Scores by representation at 12, 60, 240 and 1200 labels.
const SCORES: [(Representation, &str, [f64; 4]); 6] = [
    (Representation::Raw, "pixels + logistic regression", [0.412, 0.497, 0.561, 0.623]),
    (Representation::Random, "resnet18 + logistic regression", [0.438, 0.531, 0.602, 0.668]),
    (Representation::Supervised, "resnet18 from scratch", [0.431, 0.572, 0.731, 0.884]),
    (Representation::SslKnn, "simclr", [0.566, 0.688, 0.752, 0.801]),
    (Representation::SslLinear, "simclr", [0.561, 0.714, 0.789, 0.836]),
    (Representation::SslFinetune, "simclr", [0.548, 0.705, 0.822, 0.913]),
];
const LABELS: [usize; 4] = [12, 60, 240, 1200];
const CLASSES: [(&str, usize); 6] =
    [("good", 812), ("scratch", 236), ("pore", 204), ("crack", 178), ("burr", 151), ("stain", 119)];

/// The full report, judged.
pub fn report() -> Report {
    let mut report = Report {
        dataset: "cast-parts".into(),
        modality: "image".into(),
        metric: "accuracy".into(),
        rows: rows(),
        cost: cost(),
        monitor: monitor(),
        comparisons: comparisons(),
        label_free: label_free(),
        inventory: inventory(),
        embedding_map: map(),
        neighbours: neighbours(),
        warnings: vec!["3 of 8 204 files could not be read and were skipped.".into()],
        next: next(),
        method: method(),
        machine: Machine {
            cpu: "Intel Core i3-8100T".into(),
            cores: 2,
            threads: 2,
            memory_bytes: Some(8 << 30),
            os: "Linux 6.8".into(),
            device: "cpu".into(),
        },
        reproducibility: reproducibility(),
        ..Report::default()
    };
    report.conclude();
    report
}

/// The same data without any label.
pub fn unlabelled() -> Report {
    let mut report = report();
    report.rows.clear();
    report.comparisons.clear();
    report.inventory.classes.clear();
    (report.inventory.unlabelled, report.inventory.labelled) = (report.inventory.samples, 0);
    for point in &mut report.embedding_map.points {
        point.label = None;
    }
    for query in &mut report.neighbours {
        query.label = None;
        query.neighbours.iter_mut().for_each(|one| one.label = None);
    }
    report.monitor.curve.iter_mut().for_each(|point| point.online_knn = None);
    report.next = vec![NextStep {
        what: "Label a random sample (a CSV with the columns id and label), then measure whether the features fit your task.".into(),
        command: "manabi pilot photos/ --labels labels.csv --out runs/cast-parts-labelled".into(),
    }];
    report.conclude();
    report
}

/// The same data with a run that collapsed and a raw baseline that wins.
pub fn collapsed() -> Report {
    let mut report = report();
    report.monitor.health = Health::Collapsed;
    report.monitor.message = "The feature standard deviation fell to 0.0004 and the effective rank to 1.1.".into();
    for point in &mut report.monitor.curve {
        let left = (-point.epoch / 4.0).exp();
        point.feature_std = Some(0.044 * left);
        point.effective_rank = Some(1.0 + 60.0 * left);
    }
    report.conclude();
    report
}

/// A short report in which every key occurs, as docs/FORMATS.md shows it.
pub fn documented() -> Report {
    let mut report = report();
    report.rows.retain(|row| row.labels == 12);
    report.comparisons.retain(|one| one.labels == 12 && one.a == Representation::SslLinear);
    report.findings.risks = vec![
        Risk::Collapse,
        Risk::Overtaken { labels: 400, supervised: 0.884, ssl: 0.747 },
        Risk::Shortened { share: 0.5 },
        Risk::FewSamples { samples: 320 },
        Risk::FewThings { samples: 320, things: 40, smallest: Some("crack".into()), least: 4 },
        Risk::FewLabels { classes: 1, smallest: "stain".into(), labels: 4 },
        Risk::FewGroups { groups: 2 },
        Risk::FewSeeds { seeds: 2 },
    ];
    report.comparisons.truncate(1);
    report.monitor.curve.truncate(1);
    report.label_free.truncate(1);
    report.inventory.classes.truncate(2);
    report.inventory.skipped.truncate(1);
    report.embedding_map.points.truncate(1);
    report.neighbours = report.neighbours.split_off(report.neighbours.len() - 1);
    let uri = "data:image/png;base64,iVBORw0KGgo=".to_string();
    report.neighbours[0].preview = Preview::DataUri { uri, alt: "a part, scratch".into() };
    report.next.truncate(1);
    report.method.settings.truncate(1);
    report.method.evaluation.truncate(1);
    report
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (representation, method, scores) in SCORES {
        for (index, mean) in scores.into_iter().enumerate() {
            let half = [0.052, 0.031, 0.018, 0.009][index];
            rows.push(Row {
                representation,
                method: method.into(),
                labels: LABELS[index],
                fraction: [0.01, 0.05, 0.2, 1.0][index],
                mean,
                low: tidy(mean - half),
                high: tidy(mean + half * 0.9),
                seeds: 5,
            });
        }
    }
    rows
}

/// Four decimals, as a measured figure would have.
fn tidy(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn comparisons() -> Vec<Comparison> {
    let rows = rows();
    let mut comparisons = Vec::new();
    for a in
        rows.iter().filter(|row| matches!(row.representation, Representation::SslLinear | Representation::SslFinetune))
    {
        for b in rows.iter().filter(|row| !row.representation.is_ssl() && row.labels == a.labels) {
            let (difference, half) = (tidy(a.mean - b.mean), (a.high - a.low) * 0.6);
            comparisons.push(Comparison {
                a: a.representation,
                a_method: a.method.clone(),
                b: b.representation,
                b_method: b.method.clone(),
                labels: a.labels,
                fraction: a.fraction,
                difference,
                low: tidy(difference - half),
                high: tidy(difference + half),
                p: Some(tidy((-3.2 * (difference / half).abs()).exp())),
                pairs: 500,
                test: "paired bootstrap over seeds and test samples".into(),
            });
        }
    }
    comparisons
}

fn cost() -> Cost {
    let phases = [
        ("inspect", 14.0),
        ("calibrate", 31.0),
        ("pretrain", 1843.0),
        ("embed", 52.0),
        ("evaluate", 486.0),
        ("report", 2.1),
    ];
    Cost {
        samples_per_second: Some(171.4),
        planned_epochs: Some(60.0),
        used_epochs: Some(48.0),
        label_training_share: Some(1.0),
        wall_seconds: phases.iter().map(|phase| phase.1).sum(),
        phases: phases.map(|(name, seconds)| Phase { name: name.into(), seconds }).into(),
        cores: 2,
        peak_memory_bytes: Some(1_310_000_000),
    }
}

fn monitor() -> Monitor {
    let curve = (0..48)
        .map(|epoch| {
            let (t, wobble) = (epoch as f64, (epoch as f64 * 2.7).sin());
            let left = (-t / 12.0).exp();
            CurvePoint {
                epoch: t + 1.0,
                step: (epoch + 1) * 102,
                loss: Some(tidy(2.9 + 2.6 * left + 0.03 * wobble)),
                feature_std: Some(tidy(0.036 - 0.012 * left + 0.0004 * wobble)),
                effective_rank: Some(tidy(141.0 - 96.0 * left + 1.5 * wobble)),
                alignment: Some(tidy(0.34 + 0.4 * left + 0.006 * wobble)),
                uniformity: Some(tidy(-2.9 + 1.7 * left + 0.02 * wobble)),
                online_knn: Some(tidy(0.79 - 0.31 * left + 0.008 * wobble)),
            }
        })
        .collect();
    Monitor {
        health: Health::Healthy,
        message: "The loss fell from 5.5 to 2.9, and the effective rank grew from 45 to 139 of 512.".into(),
        feature_dim: Some(512),
        curve,
    }
}

fn label_free() -> Vec<LabelFree> {
    let figure = |name: &str, value, meaning: &str| LabelFree {
        name: name.into(),
        representation: Representation::SslKnn,
        method: "simclr".into(),
        value,
        meaning: meaning.into(),
    };
    vec![
        figure(
            "augmented-view retrieval",
            0.934,
            "How often a second view of a sample finds the first among all; 1 is best.",
        ),
        figure(
            "silhouette",
            0.27,
            "How clearly the embeddings fall into clusters, -1 to 1; above 0.25 there is some structure.",
        ),
    ]
}

fn inventory() -> Inventory {
    Inventory {
        samples: 8201,
        labelled: 1700,
        unlabelled: 6501,
        classes: CLASSES.map(|(name, count)| ClassCount { name: name.into(), count, distinct: Some(count / 4) }).into(),
        split: Split {
            official: false,
            description: "stratified by class, grouped by casting batch, seed 7".into(),
            train: 7701,
            validation: 200,
            test: 300,
            test_groups: Some(17),
        },
        group_column: Some("batch".into()),
        groups: Some(96),
        near_duplicates: Some(41),
        distinct: Some(96),
        skipped: vec![
            Skipped { path: "photos/2024-03/IMG_0412.jpg".into(), reason: "truncated: 1 024 of 48 211 bytes".into() },
            Skipped { path: "photos/2024-05/<tmp> & co.png".into(), reason: "not a PNG file".into() },
            Skipped {
                path: "photos/2024-06/IMG_2299.jpg".into(),
                reason: "12000 × 9000 pixels is more than the limit".into(),
            },
        ],
        skipped_total: 3,
    }
}

fn map() -> EmbeddingMap {
    let mut seed = 7u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as f64 / f64::from(1u32 << 31) - 0.5
    };
    let points = (0..900)
        .map(|index| {
            let class = [0, 0, 0, 1, 1, 2, 2, 3, 4, 5][index % 10];
            let angle = class as f64 * 1.05;
            let mut near = || (0..4).map(|_| random()).sum::<f64>();
            MapPoint {
                x: tidy((3.1 * angle.cos() + near() * 1.3) * 1.2),
                y: tidy(2.4 * angle.sin() + near() * 1.2),
                label: (index % 3 != 1).then(|| CLASSES[class].0.to_string()),
                id: format!("2024-0{}/IMG_{index:04}.jpg", 1 + index % 9),
            }
        })
        .collect();
    EmbeddingMap { projection: "PCA".into(), points }
}

fn neighbours() -> Vec<Query> {
    [(0usize, 3usize), (1, 9), (3, 4), (5, 9)]
        .into_iter()
        .map(|(class, odd)| Query {
            id: format!("IMG_{:04}.jpg", 100 + class),
            label: Some(CLASSES[class].0.into()),
            preview: preview(class, 0),
            neighbours: (1..7)
                .map(|rank| {
                    let own = if rank == odd { (class + 1) % CLASSES.len() } else { class };
                    Neighbour {
                        id: format!("IMG_{:04}.jpg", 200 + class * 10 + rank),
                        label: Some(CLASSES[own].0.into()),
                        preview: preview(own, rank),
                        similarity: tidy(0.97 - 0.021 * rank as f64),
                    }
                })
                .collect(),
        })
        .chain([Query {
            id: "notes.csv:17".into(),
            label: None,
            preview: Preview::Text("Surface note: slight burr along the <edge>, gate side, tool 14.".into()),
            neighbours: vec![Neighbour {
                id: "notes.csv:93".into(),
                label: None,
                preview: Preview::Text("Burr on gate side after tool change.".into()),
                similarity: 0.81,
            }],
        }])
        .collect()
}

/// A grey disc with a defect of its class.
fn preview(class: usize, variant: usize) -> Preview {
    let side = 32;
    let pixels: Vec<u8> = (0..side * side)
        .map(|index| {
            let (x, y) = ((index % side) as f64 - 15.5, (index / side) as f64 - 15.5);
            let shift = variant as f64 * 1.3 - 3.0;
            let disc = if x.hypot(y) < 13.5 { 165.0 + x * 2.0 } else { 38.0 };
            let defect = match class {
                1 => (x - y + shift).abs() < 1.2,
                2 => (x - shift).hypot(y + 3.0) < 2.6,
                3 => (x + shift + (y * 0.8).sin() * 2.0).abs() < 1.0,
                4 => (13.0..15.5).contains(&x.hypot(y)) && x > 3.0 + shift,
                5 => (x + 2.0).hypot(y - shift) < 6.5,
                _ => false,
            };
            (if !defect {
                disc
            } else if class == 5 {
                disc * 0.75
            } else {
                60.0
            }) as u8
        })
        .collect();
    Preview::DataUri { uri: png::data_uri(&pixels, side), alt: format!("a part, {}", CLASSES[class].0) }
}

fn next() -> Vec<NextStep> {
    let step = |what: &str, command: &str| NextStep { what: what.into(), command: command.into() };
    vec![
        step(
            "Fine-tune the encoder on all labels:",
            "manabi finetune photos/ --labels labels.csv --encoder runs/cast-parts/encoder --out runs/cast-parts-model",
        ),
        step(
            "Then predict new photos:",
            "manabi predict new-photos/ --encoder runs/cast-parts-model/encoder --out runs/new",
        ),
    ]
}

fn method() -> MethodInfo {
    let set = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| Setting { name: (*name).into(), value: (*value).into() }).collect()
    };
    MethodInfo {
        name: "simclr".into(),
        family: "instance discrimination".into(),
        encoder: "resnet18".into(),
        summary: "Two augmented views of a photo should have alike features, views of different photos unlike ones."
            .into(),
        settings: set(&[
            ("batch", "256"),
            ("optimiser", "AdamW, lr 0.001, cosine with 5 epochs of warm-up"),
            ("temperature", "0.2"),
            ("input", "96 × 96"),
        ]),
        evaluation: set(&[
            ("kNN", "cosine, k = 20, T = 0.07"),
            ("linear probe", "logistic regression, L2 chosen on validation"),
            ("intervals", "bootstrap, 2000 draws"),
        ]),
    }
}

fn reproducibility() -> Reproducibility {
    Reproducibility {
        seed: 7,
        label_seeds: vec![1, 2, 3, 4, 5],
        version: "0.1.0".into(),
        command: "manabi pilot photos/ --labels labels.csv --budget 30m --seed 7 --out runs/cast-parts".into(),
        finished: "2025-06-12T14:03:22Z".into(),
        config: "method = \"simclr\"\nencoder = \"resnet18\"\nseed = 7\n\n[data]\npath = \"photos/\"\nlabels = \"labels.csv\"\n".into(),
        data_hash: Some("blake3:5f1c0a9e".into()),
    }
}
