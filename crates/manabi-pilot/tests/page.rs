//! The page stands alone, escapes what it shows, and holds every section for every kind of report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use manabi_pilot::report::{ClassCount, MapPoint, Pays, Report, Risk, Skipped, render};

mod sample;

#[test]
fn the_page_asks_nobody_for_anything_and_runs_nothing() {
    let page = render(&sample::report());
    for bad in ["http://", "https://", "<script", "url(", "@import", "<link", " onclick", " onload"] {
        assert!(!page.contains(bad), "{bad}");
    }
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("default-src 'none'"));
}

#[test]
fn text_from_data_is_escaped_everywhere() {
    let evil = "\"><script>alert(1)</script>";
    let mut report = sample::report();
    report.dataset = evil.into();
    report.metric = evil.into();
    report.warnings.push(evil.into());
    report.rows.iter_mut().for_each(|row| row.method = evil.into());
    report.inventory.classes.push(ClassCount { name: evil.into(), count: 3, distinct: None });
    report.inventory.skipped.push(Skipped { path: evil.into(), reason: evil.into() });
    report.embedding_map.points.push(MapPoint { x: 0.0, y: 0.0, label: Some(evil.into()), id: evil.into() });
    report.next[0].command = evil.into();
    report.reproducibility.config = evil.into();
    report.conclude();
    assert!(!render(&report).contains("<script"));
}

#[test]
fn where_most_samples_are_copies_the_page_asks_for_other_things() {
    let mut report = sample::report();
    report.findings.pays = Pays::Unclear;
    let few = |smallest| Risk::FewThings { samples: 792, things: 248, smallest, least: 9 };
    report.findings.risks = vec![few(Some("fray".into()))];
    let page = render(&report);
    assert!(page.contains("Collect samples of other things") && page.contains("fray"));
    report.findings.risks = Vec::new();
    assert!(!render(&report).contains("Collect samples of other things"));
}

#[test]
fn every_kind_of_report_renders_without_nan() {
    for report in [sample::report(), sample::unlabelled(), sample::collapsed(), Report::default()] {
        let page = render(&report);
        assert!(!page.contains("NaN") && !page.contains("inf%"));
        for section in
            ["id=\"verdict\"", "id=\"training\"", "id=\"embedding\"", "id=\"data\"", "id=\"cost\"", "id=\"repeat\""]
        {
            assert!(page.contains(section), "{section}");
        }
    }
}

#[test]
fn the_page_shows_the_verdict_as_the_terminal_does() {
    let report = sample::report();
    let page = render(&report);
    for line in &report.findings.lines[..2] {
        let (_, answer) = line.split_once("? ").unwrap();
        assert!(page.contains(&answer.replace('<', "&lt;")), "{answer}");
    }
    assert_eq!(report.verdict, report.findings.lines.join("\n"));
}

#[test]
fn the_same_report_renders_to_the_same_bytes() {
    assert_eq!(render(&sample::report()), render(&sample::report()));
}
