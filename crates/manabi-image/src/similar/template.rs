//! A small grey picture that is compared with others, moved by a few pixels either way.
//!
//! The middle window of one, `side − 2·shift` pixels wide, is laid over every window of the other; the likeness is the
//! largest correlation, in [−1, 1]. Cost of a pair: `(2·shift + 1)²` products of windows.

/// Values and, for each window, mean and length after its subtraction.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    side: usize,
    shift: usize,
    values: Vec<f32>,
    windows: Vec<(f32, f32)>,
}

impl Template {
    /// A template of `side × side` values. Nothing if a window varies by less than `least` (standard deviation): there
    /// is nothing to recognise in it.
    pub fn new(side: usize, shift: usize, mut values: Vec<f32>, least: f32) -> Option<Self> {
        // Sums of products lose less where the values lie around 0.
        let mean = values.iter().sum::<f32>() / values.len().max(1) as f32;
        values.iter_mut().for_each(|v| *v -= mean);
        let mut template = Self { side, shift, values, windows: Vec::new() };
        let window = side.saturating_sub(2 * shift);
        let count = (window * window).max(1) as f32;
        template.windows = template
            .corners()
            .map(|corner| {
                let rows = || template.rows(corner).flatten();
                let mean = rows().sum::<f32>() / count;
                (mean, rows().map(|v| (v - mean) * (v - mean)).sum::<f32>().sqrt())
            })
            .collect();
        template.windows.iter().all(|(_, length)| *length >= least * count.sqrt()).then_some(template)
    }

    /// Correlation of the two middle windows.
    pub fn in_place(&self, other: &Self) -> f32 {
        let middle = (self.shift, self.shift);
        self.correlation(middle, other, middle)
    }

    /// The largest correlation of this middle window with any window of the other. Both are of one size.
    pub fn likeness(&self, other: &Self) -> f32 {
        let middle = (self.shift, self.shift);
        self.corners().map(|corner| self.correlation(middle, other, corner)).fold(-1.0, f32::max)
    }

    fn corners(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let last = 2 * self.shift;
        (0..=last).flat_map(move |y| (0..=last).map(move |x| (y, x)))
    }

    /// The rows of the window with this corner.
    fn rows(&self, (y, x): (usize, usize)) -> impl Iterator<Item = &[f32]> {
        let window = self.side - 2 * self.shift;
        self.values.chunks_exact(self.side).skip(y).take(window).map(move |row| &row[x..x + window])
    }

    fn correlation(&self, own: (usize, usize), other: &Self, theirs: (usize, usize)) -> f32 {
        let products: f32 = self.rows(own).zip(other.rows(theirs)).map(|(a, b)| dot(a, b)).sum();
        let of = |t: &Self, (y, x): (usize, usize)| t.windows[y * (2 * t.shift + 1) + x];
        let ((mean, length), (their_mean, their_length)) = (of(self, own), of(other, theirs));
        let window = self.side - 2 * self.shift;
        (products - (window * window) as f32 * mean * their_mean) / (length * their_length).max(1e-12)
    }
}

/// Eight sums side by side: one alone could not use the processor's vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 8];
    let (eights, rest) = a.as_chunks::<8>();
    let (their_eights, their_rest) = b.as_chunks::<8>();
    for (x, y) in eights.iter().zip(their_eights) {
        sums.iter_mut().zip(x.iter().zip(y)).for_each(|(sum, (x, y))| *sum += x * y);
    }
    sums.iter().sum::<f32>() + rest.iter().zip(their_rest).map(|(x, y)| x * y).sum::<f32>()
}

/// What is left of a picture of `side × side` values without its light and its contrast: the difference to the mean
/// around each pixel, over its own standard deviation in a wider neighbourhood (at least `least`).
pub fn detail(side: usize, values: &[f32], least: f32) -> Vec<f32> {
    let mean = box_mean(side, values, side / 16);
    let difference: Vec<f32> = values.iter().zip(&mean).map(|(v, m)| v - m).collect();
    let squares: Vec<f32> = difference.iter().map(|d| d * d).collect();
    let variance = box_mean(side, &squares, side / 8);
    difference.iter().zip(&variance).map(|(d, v)| d / (v + least * least).sqrt()).collect()
}

/// Mean over the square of `2·radius + 1` pixels around each, cut off at the borders.
fn box_mean(side: usize, values: &[f32], radius: usize) -> Vec<f32> {
    let pass = |values: &[f32], along: usize, across: usize| {
        let mut out = vec![0f32; values.len()];
        for line in 0..side {
            for at in 0..side {
                let (low, high) = (at.saturating_sub(radius), (at + radius).min(side - 1));
                let sum: f32 = (low..=high).map(|i| values[line * across + i * along]).sum();
                out[line * across + at * along] = sum / (high - low + 1) as f32;
            }
        }
        out
    };
    pass(&pass(values, 1, side), side, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 20;

    fn scene(left: usize, top: usize, light: f32) -> Vec<f32> {
        (0..SIDE * SIDE)
            .map(|i| {
                let (x, y) = ((i % SIDE + left) as f32, (i / SIDE + top) as f32);
                ((x * 1.1).sin() + (y * 0.8 + x * 0.4).cos()) * (0.2 + light * x / 40.0) + light * y / 10.0
            })
            .collect()
    }

    fn template(values: Vec<f32>, shift: usize) -> Template {
        Template::new(SIDE, shift, values, 1e-3).unwrap()
    }

    #[test]
    fn a_picture_is_like_itself_and_like_itself_moved_within_the_shift() {
        let (a, moved) = (template(scene(0, 0, 0.0), 3), template(scene(3, 2, 0.0), 3));
        assert!((a.in_place(&a) - 1.0).abs() < 1e-5);
        assert!((a.likeness(&moved) - 1.0).abs() < 1e-4 && a.in_place(&moved) < 0.9);
        let turned: Vec<f32> = scene(0, 0, 0.0).into_iter().rev().collect();
        let other = a.likeness(&template(turned.iter().map(|v| v * v).collect(), 3));
        assert!(other < 0.9, "{other}");
    }

    #[test]
    fn detail_is_the_same_under_another_light() {
        let (dark, bright) = (scene(0, 0, 0.0), scene(0, 0, 1.0));
        let plain = template(dark.clone(), 1).in_place(&template(bright.clone(), 1));
        let of = |values: &[f32]| template(detail(SIDE, values, 0.01), 1);
        let detailed = of(&dark).in_place(&of(&bright));
        assert!(plain < 0.7 && detailed > 0.9, "{plain} {detailed}");
    }

    #[test]
    fn a_flat_picture_is_no_template() {
        assert_eq!(Template::new(SIDE, 1, vec![0.5; SIDE * SIDE], 1e-3), None);
    }

    #[test]
    fn the_mean_around_a_pixel_ends_at_the_border() {
        let values: Vec<f32> = (0..9).map(|v| v as f32).collect();
        let mean = box_mean(3, &values, 1);
        assert_eq!((mean[0], mean[4], mean[8]), (2.0, 4.0, 6.0));
    }
}
