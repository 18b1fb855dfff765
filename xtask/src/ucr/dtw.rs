//! One nearest neighbour by dynamic time warping: the archive's baseline.
//!
//! `D(i, j) = (aᵢ − bⱼ)² + min(D(i−1, j), D(i, j−1), D(i−1, j−1))`, without a window (Sakoe & Chiba 1978; the column
//! "DTW" of TS2Vec's table). Series are taken as they are: the archive's are normalised by those who made it. Cost:
//! `tests · trains · T²`, cut off where a row of the table lies above the best distance so far.

use rayon::prelude::*;

/// Accuracy on the test series.
pub fn one_nearest(train: &[Vec<f32>], labels: &[u32], test: &[Vec<f32>], truth: &[u32]) -> f64 {
    let right = test.par_iter().zip(truth).filter(|(series, truth)| {
        let mut best = (f64::INFINITY, None);
        for (other, label) in train.iter().zip(labels) {
            let distance = distance(series, other, best.0);
            if distance < best.0 {
                best = (distance, Some(label));
            }
        }
        best.1 == Some(truth)
    });
    right.count() as f64 / test.len().max(1) as f64
}

/// The squared distance along the best path; infinity as soon as it must be `most` or more.
fn distance(a: &[f32], b: &[f32], most: f64) -> f64 {
    let mut above = vec![f64::INFINITY; b.len() + 1];
    let mut row = above.clone();
    above[0] = 0.0;
    for x in a {
        row[0] = f64::INFINITY;
        let mut least = f64::INFINITY;
        for (j, y) in b.iter().enumerate() {
            let step = f64::from(x - y).powi(2);
            row[j + 1] = step + above[j].min(above[j + 1]).min(row[j]);
            least = least.min(row[j + 1]);
        }
        if least >= most {
            return f64::INFINITY;
        }
        std::mem::swap(&mut above, &mut row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretched_series_is_near_and_a_cut_off_changes_no_neighbour() {
        let far = f64::INFINITY;
        assert_eq!(distance(&[0.0, 1.0, 2.0], &[0.0, 0.0, 1.0, 1.0, 2.0], far), 0.0);
        assert_eq!(distance(&[0.0, 1.0], &[0.0, 3.0], far), 4.0);
        // By hand: |1−0|² twice, for both values of the first meet the one of the second.
        assert_eq!(distance(&[1.0, 1.0], &[0.0], far), 2.0);
        assert_eq!(distance(&[1.0, 1.0], &[0.0], 1.5), far);
        let train = vec![vec![0.0, 1.0, 0.0], vec![0.0, -1.0, 0.0]];
        let test = vec![vec![0.0, 0.0, 1.0, 0.0], vec![0.0, -1.0, -1.0, 0.0], vec![0.1, 0.9, 0.0]];
        assert_eq!(one_nearest(&train, &[4, 7], &test, &[4, 7, 7]), 2.0 / 3.0);
    }
}
