//! The filter of one axis of a resize: which input positions an output position sees, and how much of each.
//!
//! The filter is the triangle that PIL and torchvision (`antialias=True`) use: as wide as the shrinking factor, two taps
//! when enlarging, cut at the edge.

/// Filter weights of one axis: `taps` a output position, zero where there are fewer.
pub struct Axis {
    taps: usize,
    starts: Vec<usize>,
    weights: Vec<f32>,
}

impl Axis {
    /// From `input` positions to `output`; every weight times `factor`.
    pub fn new(input: usize, output: usize, factor: f32) -> Self {
        let scale = input as f32 / output as f32;
        let support = scale.max(1.0);
        // Enlarging, only the first two of three pixels under the filter have a weight.
        let taps = if scale <= 1.0 { 2 } else { (2.0 * support).ceil() as usize + 1 }.min(input);
        let (mut starts, mut weights) = (Vec::with_capacity(output), vec![0.0; output * taps]);
        for (i, row) in weights.chunks_exact_mut(taps).enumerate() {
            let centre = (i as f32 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(input).min(first + taps);
            // Weights are kept at `start .. start + taps`, inside the input.
            let start = first.min(input - taps);
            let mut sum = 0.0;
            for j in first..end {
                let weight = (1.0 - ((j as f32 + 0.5 - centre) / support).abs()).max(0.0);
                row[j - start] = weight;
                sum += weight;
            }
            let factor = factor / sum;
            row.iter_mut().for_each(|w| *w *= factor);
            starts.push(start);
        }
        Self { taps, starts, weights }
    }

    /// First input position and weights of each output position.
    #[inline(always)]
    pub fn windows(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.starts.iter().copied().zip(self.weights.chunks_exact(self.taps))
    }

    /// Those of output position `at`.
    #[inline(always)]
    pub fn window(&self, at: usize) -> (usize, &[f32]) {
        (self.starts[at], &self.weights[at * self.taps..][..self.taps])
    }

    /// Input positions that an output position sees, at most.
    pub fn taps(&self) -> usize {
        self.taps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_every_window_sum_to_the_factor_and_lie_inside() {
        for (input, output) in [(1, 1), (1, 9), (7, 3), (224, 224), (300, 17), (17, 300)] {
            let axis = Axis::new(input, output, 0.5);
            assert_eq!(axis.windows().count(), output);
            for (at, (start, weights)) in axis.windows().enumerate() {
                assert!(start + weights.len() <= input);
                assert!((weights.iter().sum::<f32>() - 0.5).abs() < 1e-5);
                assert_eq!(axis.window(at), (start, weights));
            }
        }
    }
}
