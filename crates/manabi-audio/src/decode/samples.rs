//! Bytes of interleaved samples to one channel of floats.

/// How a sample is written, lowest byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    U8,
    I16,
    I24,
    /// 24 bits or less in the upper bytes of 32.
    I24In32,
    I32,
    F32,
    F64,
}

impl Format {
    /// Bytes of one sample.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::I16 => 2,
            Self::I24 => 3,
            Self::I24In32 | Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Appends the mean over channels of each frame of `block`; full scale is ±1.
    pub fn mono(self, block: &[u8], channels: usize, to: &mut Vec<f32>) {
        match self {
            Self::U8 => average::<1>(block, channels, to, |b| (f32::from(b[0]) - 128.0) / 128.0),
            Self::I16 => average::<2>(block, channels, to, |b| f32::from(i16::from_le_bytes(b)) / 32_768.0),
            Self::I24 => average::<3>(block, channels, to, |b| {
                i32::from_le_bytes([0, b[0], b[1], b[2]]) as f32 / 2_147_483_648.0
            }),
            Self::I24In32 | Self::I32 => {
                average::<4>(block, channels, to, |b| i32::from_le_bytes(b) as f32 / 2_147_483_648.0)
            }
            Self::F32 => average::<4>(block, channels, to, f32::from_le_bytes),
            Self::F64 => average::<8>(block, channels, to, |b| f64::from_le_bytes(b) as f32),
        }
    }
}

/// Mean over `channels` values of `N` bytes each.
fn average<const N: usize>(block: &[u8], channels: usize, to: &mut Vec<f32>, value: impl Fn([u8; N]) -> f32) {
    let (values, _) = block.as_chunks::<N>();
    match channels {
        0 | 1 => to.extend(values.iter().map(|b| value(*b))),
        // Two are the common case; written out, the compiler makes vector code of it.
        2 => to.extend(values.chunks_exact(2).map(|f| 0.5 * (value(f[0]) + value(f[1])))),
        _ => {
            let scale = 1.0 / channels as f32;
            to.extend(values.chunks_exact(channels).map(|f| f.iter().map(|b| value(*b)).sum::<f32>() * scale));
        }
    }
}

/// Mean over channels of interleaved floats.
pub(super) fn mean_of_channels(values: &[f32], channels: usize, to: &mut Vec<f32>) {
    match channels {
        0 | 1 => to.extend_from_slice(values),
        _ => {
            let scale = 1.0 / channels as f32;
            to.extend(values.chunks_exact(channels).map(|f| f.iter().sum::<f32>() * scale));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mono(format: Format, bytes: &[u8], channels: usize) -> Vec<f32> {
        let mut to = Vec::new();
        format.mono(bytes, channels, &mut to);
        to
    }

    #[test]
    fn full_scale_is_one_in_every_format() {
        assert_eq!(mono(Format::U8, &[0, 128, 192], 1), [-1.0, 0.0, 0.5]);
        assert_eq!(mono(Format::I16, &[0x00, 0x80, 0x00, 0x40], 1), [-1.0, 0.5]);
        assert_eq!(mono(Format::I24, &[0x00, 0x00, 0x80, 0x00, 0x00, 0x40], 1), [-1.0, 0.5]);
        assert_eq!(mono(Format::I32, &[0, 0, 0, 0x80, 0, 0, 0, 0x40], 1), [-1.0, 0.5]);
        assert_eq!(mono(Format::F32, &0.25f32.to_le_bytes(), 1), [0.25]);
        assert_eq!(mono(Format::F64, &(-0.25f64).to_le_bytes(), 1), [-0.25]);
    }

    #[test]
    fn channels_are_averaged() {
        assert_eq!(mono(Format::U8, &[0, 192, 128, 128], 2), [-0.25, 0.0]);
        assert_eq!(mono(Format::U8, &[192, 192, 128, 128, 128, 128], 3), [1.0 / 3.0, 0.0]);
        let mut to = Vec::new();
        mean_of_channels(&[1.0, 0.0, 0.5, 0.5], 2, &mut to);
        assert_eq!(to, [0.5, 0.5]);
    }
}
