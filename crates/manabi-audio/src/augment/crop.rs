//! Which stretch of a recording a view sees.

use manabi_core::rng::Rng;

/// Places that are tried: a recording may be silent for the most part.
const TRIES: usize = 4;
/// A stretch is heard if its mean power is at least this share of the recording's.
const HEARD: f32 = 0.05;

/// The middle `length` samples, or all of a shorter recording.
pub fn middle(samples: &[f32], length: usize) -> &[f32] {
    let start = samples.len().saturating_sub(length) / 2;
    &samples[start..samples.len().min(start + length)]
}

/// A random stretch of `length` samples, or all of a shorter recording.
///
/// Of four places the first one is taken where something is heard: two views of silence have nothing in common but the
/// silence, which is also every other recording's.
pub fn random<'a>(samples: &'a [f32], length: usize, rng: &mut Rng) -> &'a [f32] {
    let Some(room) = samples.len().checked_sub(length).filter(|room| *room > 0) else { return samples };
    let quiet = HEARD * power(samples);
    let mut found = samples;
    for _ in 0..TRIES {
        let start = rng.below(room + 1);
        found = &samples[start..start + length];
        if power(found) >= quiet {
            break;
        }
    }
    found
}

/// Mean square.
pub(super) fn power(samples: &[f32]) -> f32 {
    let mut parts = [0.0f32; 16];
    let (chunks, rest) = samples.as_chunks::<16>();
    for chunk in chunks {
        parts.iter_mut().zip(chunk).for_each(|(p, v)| *p += v * v);
    }
    let sum: f32 = parts.iter().sum::<f32>() + rest.iter().map(|v| v * v).sum::<f32>();
    sum / samples.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::{super::testing::rng, *};

    #[test]
    fn stretches_lie_inside_and_have_the_length() {
        let samples: Vec<f32> = (0..100).map(|i| i as f32).collect();
        assert_eq!(middle(&samples, 10), &samples[45..55]);
        assert_eq!((middle(&samples, 200), middle(&[], 5)), (&samples[..], &[][..]));
        for sample in 0..200 {
            assert_eq!(random(&samples, 30, &mut rng(sample)).len(), 30);
            assert_eq!(random(&samples, 130, &mut rng(sample)).len(), 100);
        }
    }

    #[test]
    fn silence_is_mostly_passed_over() {
        let mut samples = vec![0.0f32; 10_000];
        samples[..3_000].fill(0.5);
        let heard = (0..500).filter(|s| power(random(&samples, 1_000, &mut rng(*s))) > 0.0).count();
        // One place in three is heard: four of them miss it in one view of five.
        assert!(heard > 350, "{heard} of 500");
    }
}
