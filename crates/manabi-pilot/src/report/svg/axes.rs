//! Scales, ticks and the small helpers that every chart needs.

/// A coordinate with one decimal; what is not a number lands at 0 rather than breaking the picture.
pub fn px(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    if !rounded.is_finite() || rounded == 0.0 {
        "0".into()
    } else if rounded == rounded.trunc() {
        format!("{rounded:.0}")
    } else {
        format!("{rounded:.1}")
    }
}

/// From values to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Scale {
    /// A linear scale from `low..high` to `from..to`.
    pub fn linear((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        Self { low, high, from, to, log: false }
    }

    /// A logarithmic scale; `low` has to be positive.
    pub fn log((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        Self { low: low.ln(), high: high.ln(), from, to, log: true }
    }

    /// The pixel of a value. Where all values are equal, they stand in the middle.
    pub fn at(&self, value: f64) -> f64 {
        let value = if self.log { value.ln() } else { value };
        let span = self.high - self.low;
        let share = if span.abs() > f64::EPSILON && span.is_finite() { (value - self.low) / span } else { 0.5 };
        self.from + share * (self.to - self.from)
    }
}

/// The least and the greatest finite value.
pub fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|value| value.is_finite()).fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// Round ticks that enclose `low..high`, about `wanted` of them. Equal ends are pulled apart first.
pub fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let (low, high) = if high - low > f64::EPSILON * high.abs().max(low.abs()) {
        (low, high)
    } else {
        let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
        (low - room, high + room)
    };
    let raw = (high - low) / wanted.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].iter().map(|m| m * power).find(|step| *step >= raw * 0.999).unwrap_or(power * 10.0);
    let (first, last) = ((low / step + 1e-9).floor() as i64, (high / step - 1e-9).ceil() as i64);
    // Multiplying by the inverse keeps 0.3 from becoming 0.30000000000000004 in a label.
    (first..=last)
        .map(|index| if step < 1.0 { index as f64 / (1.0 / step).round() } else { index as f64 * step })
        .collect()
}

/// Moves labels apart: at least `gap` between neighbours, within `low..high` as far as there is room, each as near to
/// where it wanted to be as its neighbours allow.
pub fn dodge(wanted: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut placed = wanted.to_vec();
    // Clusters of labels that touch are centred on the mean of what they wanted, and merged until none touch.
    let mut clusters: Vec<(Vec<usize>, f64)> = Vec::new();
    for index in order {
        clusters.push((vec![index], wanted[index]));
        while let Some((members, centre)) = clusters.pop() {
            let half = |count: usize| (count - 1) as f64 * gap / 2.0;
            let centre = centre.min(high - half(members.len())).max(low + half(members.len()));
            let touches = clusters
                .last()
                .is_some_and(|(before, at)| at + half(before.len()) + gap > centre - half(members.len()) + 1e-9);
            match clusters.pop() {
                Some((mut before, _)) if touches => {
                    before.extend(members);
                    let mean = before.iter().map(|i| wanted[*i]).sum::<f64>() / before.len() as f64;
                    clusters.push((before, mean));
                }
                other => {
                    clusters.extend(other);
                    clusters.push((members, centre));
                    break;
                }
            }
        }
    }
    for (members, centre) in &clusters {
        let start = centre - (members.len() - 1) as f64 * gap / 2.0;
        for (rank, index) in members.iter().enumerate() {
            placed[*index] = start + rank as f64 * gap;
        }
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_enclose_the_data() {
        assert_eq!(ticks(0.31, 0.87, 6), vec![0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
        assert_eq!(ticks(0.0, 100.0, 5), vec![0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
    }

    #[test]
    fn equal_values_still_get_ticks_and_a_place() {
        assert!(ticks(0.5, 0.5, 4).len() >= 2);
        assert!(ticks(0.0, 0.0, 4).len() >= 2);
        assert_eq!(Scale::linear((2.0, 2.0), (0.0, 10.0)).at(2.0), 5.0);
        assert_eq!(Scale::log((7.0, 7.0), (0.0, 10.0)).at(7.0), 5.0);
    }

    #[test]
    fn labels_that_would_overlap_move_apart_and_stay_inside() {
        let placed = dodge(&[10.0, 11.0, 12.0, 98.0, 99.0], 15.0, 0.0, 100.0);
        let mut sorted = placed.clone();
        sorted.sort_by(f64::total_cmp);
        assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= 15.0 - 1e-6), "{placed:?}");
        assert!(sorted[0] >= 0.0 && sorted[4] <= 100.0, "{placed:?}");
    }

    #[test]
    fn labels_with_room_stay_where_they_are() {
        assert_eq!(dodge(&[10.0, 50.0], 15.0, 0.0, 100.0), vec![10.0, 50.0]);
        assert!(dodge(&[], 15.0, 0.0, 100.0).is_empty());
    }

    #[test]
    fn a_coordinate_is_never_nan() {
        assert_eq!(px(f64::NAN), "0");
        assert_eq!(px(-0.01), "0");
        assert_eq!(px(7.283), "7.3");
    }
}
