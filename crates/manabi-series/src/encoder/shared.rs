//! What encoders share: checks, and series cut into patches of neighbouring time stamps.

use candle_core::{D, Tensor};
use manabi_core::{Error, Result};

use crate::batch::SeriesBatch;

/// Fails where a batch has other channels than the encoder was built for.
pub(super) fn check_channels(name: &str, batch: &SeriesBatch, channels: usize) -> Result<()> {
    match batch.dims()?.1 {
        c if c == channels => Ok(()),
        c => Err(Error::config(format!("this encoder ({name}) was built for {channels} channels, not {c}"))),
    }
}

/// What a convolution says of masked autoencoders.
pub(super) fn cannot_leave_out(name: &str) -> Error {
    Error::config(format!(
        "the encoder {name} reads all of a series and cannot leave hidden parts out; choose --encoder patch, or another \
         method (masked)"
    ))
}

/// The last `(…, L)` elements repeated until there are `length`.
pub(super) fn lengthen(x: &Tensor, length: usize) -> Result<Tensor> {
    let have = x.dim(D::Minus1)?;
    if length <= have {
        return Ok(x.clone());
    }
    let last = x.narrow(D::Minus1, have - 1, 1)?;
    let mut shape = x.dims().to_vec();
    if let Some(end) = shape.last_mut() {
        *end = length - have;
    }
    Ok(Tensor::cat(&[x, &last.broadcast_as(shape)?.contiguous()?], D::Minus1)?)
}

/// Patches of `size` neighbouring time stamps, the last one filled up with the last value.
///
/// # Shapes
/// `(N, C, L)` → `(N, T, C·size)`, `T = ⌈L / size⌉`, channel after channel.
pub(super) fn patches(values: &Tensor, size: usize) -> Result<Tensor> {
    let (n, c, l) = values.dims3()?;
    let count = l.div_ceil(size);
    let cut = lengthen(values, count * size)?.reshape((n, c, count, size))?;
    Ok(cut.transpose(1, 2)?.reshape((n, count, c * size))?)
}

/// `(N, T)`: 1 for patches of `size` time stamps in which something was measured, for all of a row without any; `None`
/// for all of them.
pub(super) fn measured(batch: &SeriesBatch, size: usize) -> Result<Option<Tensor>> {
    let Some(seen) = &batch.seen else { return Ok(None) };
    let marks = patches(&seen.unsqueeze(1)?, size)?.max(2)?; // (N, T)
    let nothing = marks.max_keepdim(1)?.affine(-1.0, 1.0)?; // (N, 1)
    Ok(Some(marks.broadcast_add(&nothing)?))
}

/// Patches with mean 0 and variance 1 each (MAE's target), as [`patches`].
pub(super) fn normalised_patches(values: &Tensor, size: usize) -> Result<Tensor> {
    let cut = patches(&values.detach(), size)?;
    let centred = cut.broadcast_sub(&cut.mean_keepdim(2)?)?;
    let variance = centred.sqr()?.mean_keepdim(2)?;
    // Flat patches stay near zero instead of being blown up to noise.
    Ok(centred.broadcast_div(&(variance + 1e-4)?.sqrt()?)?.detach())
}

/// What is said of each patch, said of each of its time stamps: `(N, T)` → `(N, L)`.
pub(super) fn per_time_stamp(of_patches: &Tensor, size: usize, length: usize) -> Result<Tensor> {
    let (n, t) = of_patches.dims2()?;
    let spread = of_patches.unsqueeze(2)?.broadcast_as((n, t, size))?.reshape((n, t * size))?;
    Ok(spread.narrow(1, 0, length)?.contiguous()?)
}

/// Values with zeros where nothing is seen, `(N, C, L)`.
pub(super) fn seen_values(batch: &SeriesBatch) -> Result<Tensor> {
    match &batch.seen {
        Some(seen) => Ok(batch.values.broadcast_mul(&seen.unsqueeze(1)?)?),
        None => Ok(batch.values.clone()),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn ramp(shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        Tensor::arange(0f32, count as f32, &Device::Cpu).unwrap().reshape(shape).unwrap()
    }

    fn flat(t: &Tensor) -> Vec<f32> {
        t.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn patches_go_channel_by_channel_and_the_last_is_filled_up() {
        let cut = patches(&ramp(&[1, 2, 3]), 2).unwrap();
        assert_eq!(cut.dims(), [1, 2, 4]);
        assert_eq!(flat(&cut), [0.0, 1.0, 3.0, 4.0, 2.0, 2.0, 5.0, 5.0]);
    }

    #[test]
    fn normalised_patches_have_mean_zero_and_variance_one_and_flat_ones_are_zero() {
        let cut = normalised_patches(&ramp(&[1, 1, 4]), 4).unwrap();
        let sum: f32 = flat(&cut).iter().sum();
        let squares: f32 = flat(&cut).iter().map(|v| v * v).sum();
        assert!(sum.abs() < 1e-5 && (squares - 4.0).abs() < 1e-3, "{sum} {squares}");
        assert_eq!(flat(&normalised_patches(&ramp(&[1, 1, 1]), 3).unwrap()), [0.0; 3]);
    }

    #[test]
    fn marks_of_patches_reach_all_their_time_stamps() {
        let marks = Tensor::new(&[[1f32, 0.0]], &Device::Cpu).unwrap();
        assert_eq!(flat(&per_time_stamp(&marks, 2, 3).unwrap()), [1.0, 1.0, 0.0]);
    }
}
