//! The log-mel map of a clip.

use manabi_core::{Error, Result};

/// `ln(power)` by mel bin and frame, bin after bin.
#[derive(Clone, Debug, PartialEq)]
pub struct LogMel {
    /// Mel bins, the lowest first.
    pub bins: usize,
    /// Frames in order of time.
    pub frames: usize,
    /// `bins · frames` values.
    pub values: Vec<f32>,
}

impl LogMel {
    /// A map; the number of values must fit.
    pub fn new(bins: usize, frames: usize, values: Vec<f32>) -> Result<Self> {
        if bins == 0 || frames == 0 || values.len() != bins * frames {
            let found = values.len();
            return Err(Error::data(format!("{found} values for a map of {bins} bins and {frames} frames")));
        }
        Ok(Self { bins, frames, values })
    }

    /// The frames of bin `bin`, bin by bin.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.frames)
    }

    /// The frames `start .. start + frames`, cut to what there is.
    pub fn narrowed(&self, start: usize, frames: usize) -> Self {
        let start = start.min(self.frames - 1);
        let frames = frames.clamp(1, self.frames - start);
        let values = self.rows().flat_map(|row| row[start..start + frames].iter().copied()).collect();
        Self { bins: self.bins, frames, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrowing_keeps_the_bins() {
        let map = LogMel::new(2, 3, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!(map.narrowed(1, 2).values, [1.0, 2.0, 4.0, 5.0]);
        assert_eq!(map.narrowed(2, 9).values, [2.0, 5.0]);
        assert!(LogMel::new(2, 3, vec![0.0; 5]).is_err());
    }
}
