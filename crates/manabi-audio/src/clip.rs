//! The sample type: a waveform as it was read, or the log-mel map that a view is.

use manabi_core::{Error, Result};

use crate::frontend::LogMel;

/// What stood in the file, before mixing down and resampling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Sampling rate in Hz.
    pub rate: u32,
    /// Channels.
    pub channels: u16,
    /// Bits of a sample; 0 where the format has none (MP3, Vorbis, AAC).
    pub bits: u16,
    /// Samples a channel.
    pub frames: u64,
}

impl Facts {
    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.frames as f64 / f64::from(self.rate.max(1))
    }
}

/// One channel at the working rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Wave {
    /// The samples; full scale is ±1.
    pub samples: Vec<f32>,
    /// The working rate in Hz.
    pub rate: u32,
    /// What the file was.
    pub facts: Facts,
}

impl Wave {
    /// A waveform that was made, not read.
    pub fn new(samples: Vec<f32>, rate: u32) -> Self {
        let facts = Facts { rate, channels: 1, bits: 32, frames: samples.len() as u64 };
        Self { samples, rate, facts }
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate.max(1))
    }
}

/// A clip: what sources hold is a [`Clip::Wave`], what augmentation gives is a [`Clip::Map`].
#[derive(Clone, Debug, PartialEq)]
pub enum Clip {
    /// A waveform.
    Wave(Wave),
    /// A log-mel map, not normalised.
    Map(LogMel),
}

impl Clip {
    /// The waveform.
    ///
    /// # Errors
    /// If the clip is a view already.
    pub fn wave(&self) -> Result<&Wave> {
        match self {
            Self::Wave(wave) => Ok(wave),
            Self::Map(_) => Err(Error::data("this clip is a log-mel map already; a view is made of a waveform")),
        }
    }

    /// The map.
    ///
    /// # Errors
    /// If the clip is still a waveform.
    pub fn map(&self) -> Result<&LogMel> {
        match self {
            Self::Map(map) => Ok(map),
            Self::Wave(_) => Err(Error::data("this clip is a waveform still; make a view of it first")),
        }
    }

    /// Memory that it takes.
    pub fn bytes(&self) -> u64 {
        let values = match self {
            Self::Wave(wave) => wave.samples.len(),
            Self::Map(map) => map.values.len(),
        };
        (values * size_of::<f32>() + size_of::<Self>()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_is_one_or_the_other() {
        let wave = Clip::Wave(Wave::new(vec![0.0; 100], 1_000));
        let map = Clip::Map(LogMel::new(1, 2, vec![0.0; 2]).unwrap());
        assert!(wave.wave().is_ok() && wave.map().is_err() && map.map().is_ok() && map.wave().is_err());
        assert_eq!(wave.wave().unwrap().seconds(), 0.1);
        assert!(wave.bytes() >= 400);
    }
}
