//! Which rows may be used for what: hold-out, k folds and label budgets, stratified by class and never through a group.
//!
//! Without groups every class (and the unlabelled rows, as one more) is dealt out within one row of its exact share.
//! With groups (speaker, machine, patient, document) whole groups are placed, large ones first, where the counts of
//! the classes then deviate least, as scikit-learn's `StratifiedGroupKFold` does. Everything is drawn from the seed.
//!
//! Shapes: rows are indices into `labels`; all results are sorted. Cost: `N log N`, with groups `groups · classes · k`.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};

/// Two parts of the rows that have no row and no group in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The rows to fit on.
    pub train: Vec<usize>,
    /// The rows held out.
    pub held_out: Vec<usize>,
}

/// How many labels may be used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// So many of each class.
    PerClass(usize),
    /// This share of each class, but at least one row.
    Fraction(f64),
    /// Every label there is.
    All,
}

/// A class that has fewer rows than the budget asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortfall {
    /// The class.
    pub class: u32,
    /// The rows that it has, all of them used.
    pub rows: usize,
    /// The rows asked for.
    pub asked: usize,
}

/// The rows whose labels may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// The rows, in ascending order.
    pub rows: Vec<usize>,
    /// The classes that fell short of the budget.
    pub short: Vec<Shortfall>,
}

/// Holds out `fraction` of the rows. Every class keeps a row in `train`, and gives one where it has two (and no groups).
pub fn holdout(labels: &[Option<u32>], groups: Option<&[u64]>, fraction: f64, seed: u64) -> Result<Split> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::Config(format!("a held-out fraction of {fraction} is not between 0 and 1")));
    }
    check(labels, groups)?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut held = vec![false; labels.len()];
    match groups {
        None => {
            let mut carry = 0.0;
            for (_, mut rows) in classes(labels) {
                rows.shuffle(&mut rng);
                let exact = fraction * rows.len() as f64;
                // What rounding took from one class goes to the next, within one row of the exact share.
                let count = (exact + carry).round().clamp(exact.floor(), exact.ceil()) as usize;
                carry += exact - count as f64;
                let count = count.max(1).min(rows.len() - 1);
                rows[..count].iter().for_each(|&row| held[row] = true);
            }
        }
        Some(groups) => {
            let (sizes, members) = group_counts(labels, groups, &mut rng);
            let totals = sum(&sizes);
            let wanted: Vec<f64> = totals.iter().map(|&n| n as f64 * fraction).collect();
            let mut taken = vec![0; totals.len()];
            let legal = |counts: &[usize], taken: &[usize]| {
                counts.iter().zip(taken).zip(&totals).all(|((&c, &t), &total)| c == 0 || t + c < total)
            };
            let gain =
                |counts: &[usize], taken: &[usize]| deviation(taken, &wanted) - deviation(&add(taken, counts), &wanted);
            for (counts, rows) in sizes.iter().zip(&members) {
                if legal(counts, &taken) && gain(counts, &taken) > 0.0 {
                    taken = add(&taken, counts);
                    rows.iter().for_each(|&row| held[row] = true);
                }
            }
            if taken.iter().all(|&t| t == 0) {
                let best = (0..sizes.len())
                    .filter(|&g| legal(&sizes[g], &taken))
                    .max_by(|&a, &b| gain(&sizes[a], &taken).total_cmp(&gain(&sizes[b], &taken)));
                let Some(best) = best else {
                    return Err(Error::Data("no group can be held out: each is the only one of some class".into()));
                };
                members[best].iter().for_each(|&row| held[row] = true);
            }
        }
    }
    Ok(part(&held))
}

/// Cuts the rows into `k` folds; split `i` holds out fold `i`.
pub fn kfold(labels: &[Option<u32>], groups: Option<&[u64]>, k: usize, seed: u64) -> Result<Vec<Split>> {
    check(labels, groups)?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut fold_of = vec![0; labels.len()];
    let units = match groups {
        None => {
            let mut next = 0;
            for (_, mut rows) in classes(labels) {
                rows.shuffle(&mut rng);
                for row in rows {
                    fold_of[row] = next % k.max(1);
                    next += 1;
                }
            }
            labels.len()
        }
        Some(groups) => {
            let (sizes, members) = group_counts(labels, groups, &mut rng);
            let wanted: Vec<f64> = sum(&sizes).iter().map(|&n| n as f64 / k.max(1) as f64).collect();
            let mut folds = vec![vec![0; wanted.len()]; k];
            for (i, (counts, rows)) in sizes.iter().zip(&members).enumerate() {
                let empty = folds.iter().filter(|fold| fold.iter().all(|&n| n == 0)).count();
                let must_open = sizes.len() - i <= empty;
                let cost = |f: &usize| deviation(&add(&folds[*f], counts), &wanted) - deviation(&folds[*f], &wanted);
                let best = (0..k)
                    .filter(|&f| !must_open || folds[f].iter().all(|&n| n == 0))
                    .min_by(|a, b| cost(a).total_cmp(&cost(b)));
                let Some(best) = best else { break };
                folds[best] = add(&folds[best], counts);
                rows.iter().for_each(|&row| fold_of[row] = best);
            }
            sizes.len()
        }
    };
    if k < 2 || units < k {
        return Err(Error::Config(format!("{units} rows or groups cannot be cut into {k} folds")));
    }
    Ok((0..k).map(|fold| part(&fold_of.iter().map(|&f| f == fold).collect::<Vec<_>>())).collect())
}

/// Draws the rows whose labels may be used. For one seed a smaller budget is a subset of a larger one, and no class that
/// has rows is left out. With groups, a class takes a row of each of its groups before a second one of any.
pub fn label_budget(labels: &[Option<u32>], groups: Option<&[u64]>, budget: Budget, seed: u64) -> Result<Labelled> {
    check(labels, groups)?;
    match budget {
        Budget::Fraction(f) if !(f > 0.0 && f <= 1.0) => {
            return Err(Error::Config(format!("a label fraction of {f} is not in 0..=1 above 0")));
        }
        Budget::PerClass(0) => return Err(Error::Config("a budget of no labels".into())),
        _ => {}
    }
    let (mut drawn, mut short) = (Vec::new(), Vec::new());
    for (class, mut rows) in classes(labels) {
        let Some(class) = class else { continue };
        // A stream of its own, so that another class' rows do not change the draw.
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(u64::from(class));
        rows.shuffle(&mut rng);
        if let Some(groups) = groups {
            let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
            let mut turns: Vec<(usize, usize)> = Vec::with_capacity(rows.len());
            for &row in &rows {
                let turn = seen.entry(groups[row]).or_insert(0);
                turns.push((*turn, row));
                *turn += 1;
            }
            turns.sort_by_key(|&(turn, _)| turn);
            rows = turns.into_iter().map(|(_, row)| row).collect();
        }
        let count = match budget {
            Budget::All => rows.len(),
            Budget::Fraction(f) => ((f * rows.len() as f64).round() as usize).clamp(1, rows.len()),
            Budget::PerClass(asked) => {
                if rows.len() < asked {
                    short.push(Shortfall { class, rows: rows.len(), asked });
                }
                asked.min(rows.len())
            }
        };
        drawn.extend_from_slice(&rows[..count]);
    }
    drawn.sort_unstable();
    Ok(Labelled { rows: drawn, short })
}

fn check(labels: &[Option<u32>], groups: Option<&[u64]>) -> Result<()> {
    match groups {
        _ if labels.is_empty() => Err(Error::Data("no rows to split".into())),
        Some(groups) if groups.len() != labels.len() => {
            Err(Error::Data(format!("{} groups for {} rows", groups.len(), labels.len())))
        }
        _ => Ok(()),
    }
}

fn classes(labels: &[Option<u32>]) -> BTreeMap<Option<u32>, Vec<usize>> {
    let mut classes: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    labels.iter().enumerate().for_each(|(row, &label)| classes.entry(label).or_default().push(row));
    classes
}

/// For each group the rows of each class and its members; the largest first, in random order among equals.
fn group_counts(labels: &[Option<u32>], groups: &[u64], rng: &mut impl Rng) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let columns: BTreeMap<Option<u32>, usize> = classes(labels).into_keys().zip(0..).collect();
    let mut members: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    groups.iter().enumerate().for_each(|(row, &group)| members.entry(group).or_default().push(row));
    let mut members: Vec<Vec<usize>> = members.into_values().collect();
    members.shuffle(rng);
    members.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
    let count = |rows: &Vec<usize>| {
        let mut counts = vec![0; columns.len()];
        rows.iter().for_each(|&row| counts[columns[&labels[row]]] += 1);
        counts
    };
    (members.iter().map(count).collect(), members)
}

fn add(a: &[usize], b: &[usize]) -> Vec<usize> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn sum(counts: &[Vec<usize>]) -> Vec<usize> {
    counts.iter().skip(1).fold(counts.first().cloned().unwrap_or_default(), |total, c| add(&total, c))
}

/// Squared deviation of the counts, each class in units of its own share.
fn deviation(counts: &[usize], wanted: &[f64]) -> f64 {
    counts.iter().zip(wanted).map(|(&n, w)| ((n as f64 - w) / w).powi(2)).sum()
}

fn part(held: &[bool]) -> Split {
    let (held_out, train) = (0..held.len()).partition(|&row| held[row]);
    Split { train, held_out }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows() -> impl Strategy<Value = Vec<Option<u32>>> {
        proptest::collection::vec(proptest::option::weighted(0.8, 0..5u32), 2..120)
    }

    fn count(labels: &[Option<u32>], rows: &[usize], class: Option<u32>) -> usize {
        rows.iter().filter(|&&row| labels[row] == class).count()
    }

    fn groups_of(rows: &[usize], groups: &[u64]) -> std::collections::BTreeSet<u64> {
        rows.iter().map(|&row| groups[row]).collect()
    }

    proptest! {
        #[test]
        fn a_hold_out_is_disjoint_stratified_and_repeatable(labels in rows(), fraction in 0.05..0.95, seed: u64) {
            let split = holdout(&labels, None, fraction, seed).unwrap();
            let mut all = [split.train.clone(), split.held_out.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            for (class, rows) in classes(&labels) {
                let held = count(&labels, &split.held_out, class) as f64;
                prop_assert!((held - fraction * rows.len() as f64).abs() <= 1.0);
                prop_assert!(count(&labels, &split.train, class) >= 1);
                prop_assert!(held >= 1.0 || rows.len() == 1);
            }
            prop_assert_eq!(split, holdout(&labels, None, fraction, seed).unwrap());
        }

        #[test]
        fn no_group_is_in_two_parts(labels in rows(), many in 1..30u64, fraction in 0.05..0.95, seed: u64, k in 2..6usize) {
            let groups: Vec<u64> = (0..labels.len() as u64).map(|i| i * i % many).collect();
            if let Ok(split) = holdout(&labels, Some(&groups), fraction, seed) {
                prop_assert!(groups_of(&split.train, &groups).is_disjoint(&groups_of(&split.held_out, &groups)));
                prop_assert_eq!(split.train.len() + split.held_out.len(), labels.len());
                prop_assert!(!split.held_out.is_empty());
                for class in classes(&labels).into_keys() {
                    prop_assert!(count(&labels, &split.train, class) >= 1);
                }
            }
            for split in kfold(&labels, Some(&groups), k, seed).unwrap_or_default() {
                prop_assert!(groups_of(&split.train, &groups).is_disjoint(&groups_of(&split.held_out, &groups)));
                prop_assert!(!split.held_out.is_empty());
            }
        }

        #[test]
        fn folds_cover_every_row_once_and_are_stratified(labels in rows(), k in 2..6usize, seed: u64) {
            prop_assume!(labels.len() >= k);
            let folds = kfold(&labels, None, k, seed).unwrap();
            let mut all: Vec<usize> = folds.iter().flat_map(|fold| fold.held_out.clone()).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            for (class, rows) in classes(&labels) {
                for fold in &folds {
                    let share = rows.len() as f64 / k as f64;
                    prop_assert!((count(&labels, &fold.held_out, class) as f64 - share).abs() < 1.0);
                }
            }
        }

        #[test]
        fn a_smaller_budget_is_a_subset_of_a_larger_one(labels in rows(), a in 0.01..1.0, b in 0.01..1.0, seed: u64, grouped: bool) {
            prop_assume!(labels.iter().any(Option::is_some));
            let groups: Vec<u64> = (0..labels.len() as u64).map(|i| i % 7).collect();
            let groups = grouped.then_some(&groups[..]);
            let draw = |budget| label_budget(&labels, groups, budget, seed).unwrap().rows;
            let (small, large) = (draw(Budget::Fraction(f64::min(a, b))), draw(Budget::Fraction(f64::max(a, b))));
            prop_assert!(small.iter().all(|row| large.contains(row)));
            let (one, five) = (draw(Budget::PerClass(1)), draw(Budget::PerClass(5)));
            prop_assert!(one.iter().all(|row| five.contains(row)));
            for class in classes(&labels).into_keys().flatten() {
                prop_assert!(count(&labels, &small, Some(class)) >= 1);
                prop_assert_eq!(count(&labels, &one, Some(class)), 1);
            }
        }
    }

    #[test]
    fn a_class_with_too_few_rows_is_named_and_groups_take_turns() {
        let labels = [Some(0), Some(0), Some(0), Some(0), Some(1), None];
        let drawn = label_budget(&labels, None, Budget::PerClass(3), 1).unwrap();
        assert_eq!(drawn.short, [Shortfall { class: 1, rows: 1, asked: 3 }]);
        assert_eq!(drawn.rows.len(), 4);
        let groups = [8, 8, 8, 9, 9, 9];
        let drawn = label_budget(&labels, Some(&groups), Budget::PerClass(2), 1).unwrap();
        assert!(drawn.rows.contains(&3) && drawn.rows.contains(&4));
        assert!(holdout(&labels, Some(&[1; 6]), 0.5, 0).is_err());
        assert!(label_budget(&labels, None, Budget::All, 0).unwrap().rows == [0, 1, 2, 3, 4]);
    }
}
