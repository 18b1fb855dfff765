//! The verdict claims no more than the rows, the comparisons and the monitor bear out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use manabi_pilot::report::verdict::{judge, risk_sentence};
use manabi_pilot::report::*;
use proptest::prelude::*;

mod sample;

/// A report with two budgets, in which SSL (linear) differs from the baselines as given: (difference, half interval).
fn report(small: [(f64, f64); 3], large: [(f64, f64); 3]) -> Report {
    let mut report = Report { metric: "accuracy".into(), dataset: "d".into(), ..Report::default() };
    report.monitor.health = Health::Healthy;
    report.inventory.samples = 5000;
    report.inventory.labelled = 1000;
    for (labels, against, mean) in [(50, small, 0.7), (1000, large, 0.9)] {
        report.rows.push(row(Representation::SslLinear, labels, mean));
        for (baseline, (difference, half)) in Representation::BASELINES.into_iter().zip(against) {
            report.rows.push(row(baseline, labels, mean - difference));
            report.comparisons.push(Comparison {
                a: Representation::SslLinear,
                a_method: "m".into(),
                b: baseline,
                b_method: "m".into(),
                labels,
                fraction: labels as f64 / 1000.0,
                difference,
                low: difference - half,
                high: difference + half,
                p: None,
                pairs: 500,
                test: "paired bootstrap".into(),
            });
        }
    }
    report
}

fn row(representation: Representation, labels: usize, mean: f64) -> Row {
    let fraction = labels as f64 / 1000.0;
    Row { representation, method: "m".into(), labels, fraction, mean, low: mean - 0.02, high: mean + 0.02, seeds: 5 }
}

const WIN: [(f64, f64); 3] = [(0.12, 0.04), (0.1, 0.04), (0.15, 0.04)];
const TIE: [(f64, f64); 3] = [(0.01, 0.04), (0.1, 0.04), (0.15, 0.04)];
const RAW_WINS: [(f64, f64); 3] = [(0.12, 0.04), (-0.08, 0.04), (0.15, 0.04)];
const RANDOM_WINS: [(f64, f64); 3] = [(0.12, 0.04), (0.1, 0.04), (-0.06, 0.03)];

#[test]
fn a_win_over_all_three_baselines_is_a_yes_with_its_figures() {
    let findings = judge(&report(WIN, TIE));
    assert_eq!((findings.pays, findings.labels), (Pays::Yes, Some(50)));
    for part in [
        "Yes.",
        "50 labels (5 %)",
        "+12.0 points against supervised training (+8.0 to +16.0)",
        "raw features",
        "random encoder",
    ] {
        assert!(findings.lines[0].contains(part), "{part} in {}", findings.lines[0]);
    }
}

#[test]
fn an_interval_that_includes_zero_is_never_a_win() {
    let findings = judge(&report(TIE, TIE));
    assert_eq!(findings.pays, Pays::Unclear);
    assert!(findings.lines[0].contains("the interval includes 0"), "{}", findings.lines[0]);
    assert!(findings.lines[1].contains("None that could be shown"), "{}", findings.lines[1]);
}

#[test]
fn raw_features_that_win_are_named() {
    let findings = judge(&report(RAW_WINS, RAW_WINS));
    assert_eq!(findings.pays, Pays::No);
    assert!(findings.lines[0].contains("raw features beat SSL"), "{}", findings.lines[0]);
    assert!(findings.lines[1].contains("raw features without any pre-training save more"), "{}", findings.lines[1]);
}

#[test]
fn a_random_encoder_that_wins_is_named() {
    let findings = judge(&report(RANDOM_WINS, RANDOM_WINS));
    assert_eq!(findings.pays, Pays::No);
    assert!(findings.lines[0].contains("a random encoder beats SSL"), "{}", findings.lines[0]);
}

#[test]
fn a_tight_tie_with_supervised_training_at_every_budget_is_a_no() {
    let tight = [(0.001, 0.004), (0.1, 0.04), (0.15, 0.04)];
    let findings = judge(&report(tight, tight));
    assert_eq!(findings.pays, Pays::No);
    assert!(findings.lines[0].contains("below one point"), "{}", findings.lines[0]);
}

#[test]
fn a_win_at_a_larger_budget_only_names_that_budget() {
    let findings = judge(&report(TIE, WIN));
    assert_eq!((findings.pays, findings.labels), (Pays::Yes, Some(1000)));
}

#[test]
fn a_win_that_does_not_survive_the_correction_is_unclear() {
    let mut report = report(WIN, TIE);
    report.comparisons.iter_mut().for_each(|one| one.p = Some(0.04));
    let findings = judge(&report);
    assert_eq!(findings.pays, Pays::Unclear);
    assert!(findings.lines[0].contains("not after correction for 2 comparisons"), "{}", findings.lines[0]);
}

#[test]
fn a_comparison_made_the_other_way_round_counts_the_same() {
    let mut turned = report(WIN, TIE);
    for one in &mut turned.comparisons {
        (one.a, one.b) = (one.b, one.a);
        (one.difference, one.low, one.high) = (-one.difference, -one.high, -one.low);
    }
    assert_eq!(judge(&turned), judge(&report(WIN, TIE)));
}

#[test]
fn a_missing_comparison_is_unclear_and_says_which() {
    let mut report = report(WIN, WIN);
    report.comparisons.retain(|one| one.b != Representation::Raw);
    let findings = judge(&report);
    assert_eq!(findings.pays, Pays::Unclear);
    assert!(findings.lines[0].contains("not tested against raw features"), "{}", findings.lines[0]);
}

#[test]
fn a_collapsed_run_never_pays_and_comes_first_among_the_risks() {
    let mut report = report(WIN, WIN);
    report.monitor.health = Health::Collapsed;
    let findings = judge(&report);
    assert_eq!((findings.pays, findings.risks.first()), (Pays::Unclear, Some(&Risk::Collapse)));
    assert!(findings.lines[2].contains("collapsed"), "{}", findings.lines[2]);
}

#[test]
fn a_score_that_supervised_training_never_reaches_says_more_than() {
    let mut report = report(WIN, WIN);
    report
        .rows
        .iter_mut()
        .filter(|row| row.representation == Representation::Supervised)
        .for_each(|row| row.mean = 0.5);
    assert!(judge(&report).lines[1].contains("more than 1000: at least 950 saved"), "{}", judge(&report).lines[1]);
}

#[test]
fn without_labels_nothing_is_claimed() {
    let findings = sample::unlabelled().findings;
    assert_eq!((findings.pays, findings.risks.first()), (Pays::Unknown, Some(&Risk::NoLabels)));
    assert!(findings.lines[0].contains("no labels") && findings.lines[2].contains("--labels labels.csv"));
}

#[test]
fn few_samples_labels_and_seeds_are_risks() {
    let mut report = report(WIN, WIN);
    report.inventory.samples = 120;
    report.inventory.classes = vec![ClassCount { name: "rare".into(), count: 3, distinct: None }];
    report.rows[0].seeds = 1;
    let risks = judge(&report).risks;
    assert_eq!(risks.len(), 3, "{risks:?}");
}

#[test]
fn a_test_on_two_speakers_says_that_it_speaks_of_these_alone() {
    let mut report = report(WIN, WIN);
    report.inventory.split.test_groups = Some(2);
    let findings = judge(&report);
    assert_eq!(findings.pays, Pays::Yes);
    assert!(findings.lines[2].contains("2 groups only"), "{:?}", findings.lines);
    report.inventory.split.test_groups = Some(9);
    assert!(!judge(&report).risks.iter().any(|risk| matches!(risk, Risk::FewGroups { .. })));
    // With whole groups drawn, a lead that the correction takes away asks for more of them.
    report.comparisons.iter_mut().for_each(|one| one.p = Some(0.04));
    let findings = judge(&report);
    assert!(findings.lines[0].contains("more groups to test on would tell"), "{:?}", findings.lines);
}

#[test]
fn on_a_handful_of_test_rows_nothing_is_said_not_to_pay() {
    let mut report = report(RAW_WINS, RAW_WINS);
    assert_eq!(judge(&report).pays, Pays::No);
    report.comparisons.iter_mut().for_each(|one| one.pairs = 2);
    assert_eq!(judge(&report).pays, Pays::Unclear);
}

#[test]
fn a_budget_at_which_supervised_training_overtakes_is_a_risk() {
    const OVERTAKEN: [(f64, f64); 3] = [(-0.14, 0.03), (0.3, 0.04), (0.3, 0.04)];
    let findings = judge(&report(WIN, OVERTAKEN));
    assert_eq!(findings.pays, Pays::Yes);
    let found = findings.risks.iter().find(|risk| matches!(risk, Risk::Overtaken { .. })).map(risk_sentence).unwrap();
    assert!(found.contains("1000 labels") && found.contains("supervised"), "{found}");
    assert!(findings.lines.join(" ").contains("supervised training from scratch is better"), "{:?}", findings.lines);
    let warned = |report| judge(&report).risks.iter().any(|risk| matches!(risk, Risk::Overtaken { .. }));
    assert!(!warned(report(WIN, WIN)));
    // From the first budget on: nobody in this report has fewer.
    assert!(!warned(report(OVERTAKEN, OVERTAKEN)));
}

#[test]
fn trainings_that_were_cut_short_are_a_risk_that_the_third_line_names() {
    let mut report = report(WIN, WIN);
    report.cost.label_training_share = Some(0.25);
    let findings = judge(&report);
    assert!(findings.lines[2].contains("25 % of their full length"), "{:?}", findings.lines);
    report.cost.label_training_share = Some(1.0);
    assert!(!judge(&report).risks.iter().any(|risk| matches!(risk, Risk::Shortened { .. })));
}

#[test]
fn many_copies_of_few_things_are_a_risk_that_names_the_poorest_class() {
    let mut report = report(WIN, WIN);
    (report.inventory.samples, report.inventory.distinct) = (792, Some(248));
    let class = |name: &str, count, distinct| ClassCount { name: name.into(), count, distinct: Some(distinct) };
    report.inventory.classes = vec![class("free", 400, 150), class("fray", 32, 8)];
    let risks = judge(&report).risks;
    let found = risks.iter().find(|risk| matches!(risk, Risk::FewThings { .. })).map(risk_sentence).unwrap();
    assert!(found.contains("792") && found.contains("248") && found.contains("\"fray\": 8"), "{found}");
    report.inventory.distinct = Some(700);
    assert!(!judge(&report).risks.iter().any(|risk| matches!(risk, Risk::FewThings { .. })));
}

#[test]
fn a_terminal_of_eighty_columns_shows_three_lines_and_whole_commands() {
    for report in [sample::report(), sample::unlabelled(), sample::collapsed(), report(RAW_WINS, TIE)] {
        assert_eq!(report.findings.lines.len().max(3), 3);
        let shown = judge(&report).terminal(80);
        for line in shown.lines().filter(|line| !line.contains('`')) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn an_empty_report_gets_a_verdict_too() {
    assert_eq!(judge(&Report::default()).pays, Pays::Unknown);
}

proptest! {
    #[test]
    fn no_yes_is_ever_said_with_an_interval_that_includes_zero(
        small in prop::array::uniform3((-0.3f64..0.3, 0.0f64..0.2)),
        large in prop::array::uniform3((-0.3f64..0.3, 0.0f64..0.2)),
    ) {
        let findings = judge(&report(small, large));
        if findings.pays == Pays::Yes {
            prop_assert!(findings.against.iter().all(|one| one.low.unwrap() > 0.0));
            prop_assert!(findings.corrected_p.unwrap() <= 0.05);
        }
        prop_assert!(!findings.lines.iter().any(|line| line.contains("NaN")));
    }
}
