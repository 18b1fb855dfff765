//! Views stacked into one normalised tensor `(N, C, H, W)`.

use candle_core::{Device, Tensor};
use manabi_core::{Error, Result};
use rayon::prelude::*;

use crate::{
    image::{Image, Pixels},
    normalise::Statistics,
};

/// `f32` tensor `(N, C, H, W)` of `(value − mean) / std`; all images must be of one size.
pub fn collate(images: &[Image], statistics: &Statistics, device: &Device) -> Result<Tensor> {
    let Some(first) = images.first() else {
        return Err(Error::data("a batch of no images"));
    };
    let (c, h, w) = (first.channels, first.height, first.width);
    if let Some(other) = images.iter().find(|i| (i.channels, i.height, i.width) != (c, h, w)) {
        return Err(Error::data(format!(
            "a batch holds images of {w}×{h}×{c} and of {}×{}×{}; make views of one size first",
            other.width, other.height, other.channels
        )));
    }
    if statistics.mean.len() != c || statistics.std.len() != c {
        return Err(Error::config(format!("images of {c} channels, but means of {}", statistics.mean.len())));
    }
    let mut values = vec![0.0f32; images.len() * c * h * w];
    values.par_chunks_mut(c * h * w).zip(images).for_each(|(to, image)| {
        for (channel, to) in to.chunks_exact_mut(h * w).enumerate() {
            let scale = 1.0 / statistics.std[channel];
            let offset = -statistics.mean[channel] * scale;
            let range = channel * h * w..(channel + 1) * h * w;
            match &image.pixels {
                Pixels::U8(v) => affine(to, &v[range], scale / 255.0, offset),
                Pixels::U16(v) => affine(to, &v[range], scale / 65_535.0, offset),
                Pixels::F32(v) => affine(to, &v[range], scale, offset),
            }
        }
    });
    Ok(Tensor::from_vec(values, (images.len(), c, h, w), device)?)
}

fn affine<T: Copy + Into<f32>>(to: &mut [f32], from: &[T], scale: f32, offset: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = (*from).into() * scale + offset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics() -> Statistics {
        Statistics { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] }
    }

    #[test]
    fn values_are_normalised_as_torchvision_does() {
        // torchvision 0.29.2: normalize(full((3, 1, 2), 0.5), mean, std)[:, 0, 0]
        //   -> [0.06550218, 0.19642855, 0.41777775]
        let image = Image::from_f32(2, 1, 3, vec![0.5; 6]).unwrap();
        let batch = collate(&[image.clone(), image], &statistics(), &Device::Cpu).unwrap();
        assert_eq!(batch.dims(), [2, 3, 1, 2]);
        let values = batch.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (channel, expected) in [0.065_502_18, 0.196_428_55, 0.417_777_75].into_iter().enumerate() {
            assert!((values[6 + 2 * channel] - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn batches_of_several_sizes_or_none_are_refused() {
        let a = Image::from_f32(2, 1, 3, vec![0.5; 6]).unwrap();
        let b = Image::from_f32(1, 2, 3, vec![0.5; 6]).unwrap();
        let message = collate(&[a, b.clone()], &statistics(), &Device::Cpu).unwrap_err().to_string();
        assert!(message.contains("2×1×3") && message.contains("1×2×3"), "{message}");
        assert!(collate(&[], &statistics(), &Device::Cpu).is_err());
        let one = Statistics { mean: vec![0.5], std: vec![0.5] };
        assert!(collate(&[b], &one, &Device::Cpu).is_err());
    }
}
