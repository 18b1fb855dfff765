//! How many labels the study looks at: 5 (small data) or 10 a class, 1 %, 10 %, all.

use manabi_core::eval::split::Budget;

/// Label budgets for `labelled` training rows of `classes` classes, smallest first.
///
/// Two budgets that differ by less than a factor of 1.8 would show the same thing twice: the
/// smaller one stays, except that "all" always does.
pub fn label_budgets(labelled: usize, classes: usize) -> Vec<(usize, Budget)> {
    let classes = classes.max(1);
    let per_class = |n: usize| (n * classes, Budget::PerClass(n));
    let fraction = |f: f64| ((labelled as f64 * f).round() as usize, Budget::Fraction(f));
    let mut wanted = vec![per_class(10), fraction(0.01), fraction(0.1)];
    if labelled < 5000 {
        wanted.push(per_class(5));
    }
    wanted.retain(|(count, _)| *count >= 2 * classes && 10 * count <= 9 * labelled);
    wanted.sort_by_key(|(count, _)| *count);
    let mut kept: Vec<(usize, Budget)> = Vec::new();
    for (count, budget) in wanted {
        let apart = kept.last().is_none_or(|(last, _)| count as f64 >= 1.8 * *last as f64);
        if apart && count as f64 * 1.5 <= labelled as f64 {
            kept.push((count, budget));
        }
    }
    kept.push((labelled, Budget::All));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(labelled: usize, classes: usize) -> Vec<usize> {
        label_budgets(labelled, classes).into_iter().map(|(n, _)| n).collect()
    }

    #[test]
    fn large_data_is_studied_at_ten_a_class_one_ten_and_a_hundred_percent() {
        assert_eq!(counts(60_000, 10), [100, 600, 6000, 60_000]);
        assert_eq!(counts(50_000, 10), [100, 500, 5000, 50_000]);
    }

    #[test]
    fn small_data_starts_at_five_a_class() {
        assert_eq!(counts(594, 6), [30, 59, 594]);
    }

    #[test]
    fn a_handful_of_labels_is_one_budget() {
        assert_eq!(counts(9, 3), [9]);
    }
}
