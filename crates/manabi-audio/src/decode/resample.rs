//! Another sampling rate: rubato's FFT resampler over the whole clip.
//!
//! `S` samples become `ceil(S · to / from)`. A recording that is cut into clips is resampled clip by clip, so the first
//! and last few milliseconds of a clip see silence beyond its ends.

use rubato::{Fft, FixedSync, Resampler, WindowFunction, audioadapter_buffers::direct::SequentialSlice};

use super::Reason;

/// Samples that the resampler takes at once, at least; its filter is as long.
const BLOCK: usize = 512;

/// `samples` at `from` Hz as samples at `to` Hz.
pub fn resample(samples: Vec<f32>, from: u32, to: u32) -> Reason<Vec<f32>> {
    if from == to || samples.is_empty() {
        return Ok(samples);
    }
    let fail = |e: &dyn std::fmt::Display| format!("{from} Hz cannot be resampled to {to} Hz: {e}");
    // An even number of the smallest blocks that fit both rates: half of one is the delay, and must be whole samples.
    let block = 2 * (from / divisor(from, to)) as usize;
    let (block, window) = (block * BLOCK.div_ceil(block), WindowFunction::BlackmanHarris2);
    let mut resampler = Fft::<f32>::new_custom(from as usize, to as usize, block, 1, 1, window, FixedSync::Both)
        .map_err(|e| fail(&e))?;
    let input = SequentialSlice::new(&samples, 1, samples.len()).map_err(|e| fail(&e))?;
    let mut output = vec![0.0f32; resampler.process_all_needed_output_len(samples.len())];
    let room = output.len();
    let mut adapter = SequentialSlice::new_mut(&mut output, 1, room).map_err(|e| fail(&e))?;
    let (_, length) =
        resampler.process_all_into_buffer(&input, &mut adapter, samples.len(), None).map_err(|e| fail(&e))?;
    output.truncate(length);
    Ok(output)
}

/// The greatest common divisor.
fn divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate: u32, seconds: f64) -> Vec<f32> {
        let step = std::f64::consts::TAU * hz / f64::from(rate);
        (0..(f64::from(rate) * seconds) as usize).map(|i| (0.5 * (step * i as f64).sin()) as f32).collect()
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|v| v * v).sum::<f32>() / samples.len() as f32
    }

    #[test]
    fn a_tone_stays_the_tone_it_was_without_delay() {
        for (from, to) in [(44_100, 16_000), (8_000, 16_000), (48_000, 16_000), (22_050, 16_000), (11_025, 8_000)] {
            let out = resample(tone(440.0, from, 1.0), from, to).unwrap();
            assert_eq!(out.len(), to as usize);
            let wanted = tone(440.0, to, 1.0);
            let middle = to as usize / 10..to as usize * 9 / 10;
            let error: Vec<f32> = middle.clone().map(|i| out[i] - wanted[i]).collect();
            assert!(power(&error) < 1e-6 * power(&wanted), "{from} to {to}: {}", power(&error));
        }
    }

    #[test]
    fn what_the_new_rate_cannot_carry_is_removed() {
        let out = resample(tone(10_000.0, 44_100, 1.0), 44_100, 16_000).unwrap();
        assert!(power(&out[1_600..14_400]) < 1e-6);
    }

    #[test]
    fn any_length_is_resampled() {
        for length in [0, 1, 2, 100, 1_023, 1_024, 1_025, 5_000] {
            let out = resample(vec![0.25; length], 44_100, 16_000).unwrap();
            assert_eq!(out.len(), (length * 160).div_ceil(441));
            assert!(out.iter().all(|v| v.is_finite()));
        }
    }
}
