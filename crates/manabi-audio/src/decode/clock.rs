//! Time stamps of a compressed file, which count ticks, and frames of sound.

use symphonia::core::{formats::Track, units::TimeBase};

/// Converts a track's time stamps to frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    base: Option<TimeBase>,
    start: i64,
    rate: u32,
}

impl Clock {
    /// The clock of a track at `rate` Hz.
    pub fn new(track: &Track, rate: u32) -> Self {
        Self { base: track.time_base, start: track.start_ts.get(), rate }
    }

    /// Frames in so many ticks.
    pub fn frames(&self, ticks: i64) -> i64 {
        match self.base {
            Some(base) => {
                let scaled = i128::from(ticks) * i128::from(base.numer.get()) * i128::from(self.rate);
                i64::try_from(scaled / i128::from(base.denom.get())).unwrap_or(i64::MAX)
            }
            None => ticks,
        }
    }

    /// The frame that a time stamp means; negative where an encoder's delay comes first.
    pub fn place(&self, ticks: i64) -> i64 {
        self.frames(ticks.saturating_sub(self.start))
    }

    /// The time stamp of a frame.
    pub fn ticks(&self, frame: u64) -> i64 {
        let ticks = match self.base {
            Some(base) => {
                let scaled = i128::from(frame) * i128::from(base.denom.get());
                scaled / (i128::from(base.numer.get()) * i128::from(self.rate.max(1)))
            }
            None => i128::from(frame),
        };
        i64::try_from(ticks).unwrap_or(i64::MAX).saturating_add(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_frames_are_inverse() {
        // 90 000 ticks a second, as MPEG streams have, and one tick a frame.
        for base in [TimeBase::try_new(1, 90_000), TimeBase::try_new(1, 8_000), None] {
            let clock = Clock { base, start: -500, rate: 8_000 };
            for frame in [0, 1, 799, 8_000, 1 << 40] {
                let found = clock.place(clock.ticks(frame));
                assert!((found - frame as i64).abs() <= 1, "{found} instead of {frame}");
            }
        }
        let clock = Clock { base: TimeBase::try_new(u32::MAX, 1), start: 0, rate: 192_000 };
        assert_eq!((clock.frames(i64::MAX), clock.ticks(u64::MAX) >= 0), (i64::MAX, true));
    }
}
