//! Random resize crop (BYOL-A, arXiv:2103.06695): a rectangle of the map, which may reach past its ends, stretched back
//! to the map's size. It is a small change of pitch and of tempo at once.

use manabi_core::rng::Rng;

use crate::frontend::LogMel;

/// A rectangle of a map: bins `top .. top + height`, frames `left .. left + width`; frames may lie outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First bin.
    pub top: usize,
    /// Bins.
    pub height: usize,
    /// First frame.
    pub left: isize,
    /// Frames.
    pub width: usize,
}

/// A random rectangle: its height and width are drawn as shares of the map's from `bins` and `frames`. It lies in a
/// canvas of the map's height and one and a half of its width, the map in the middle (BYOL-A's virtual crop).
pub fn random_region(map: &LogMel, bins: (f32, f32), frames: (f32, f32), rng: &mut Rng) -> Region {
    let canvas = map.frames + map.frames / 2;
    let size = |total: usize, share: (f32, f32), most: usize, rng: &mut Rng| {
        ((total as f32 * rng.range(share.0, share.1)) as usize).clamp(1, most)
    };
    let height = size(map.bins, bins, map.bins, rng);
    let width = size(map.frames, frames, canvas, rng);
    let left = rng.below(canvas - width + 1) as isize - (canvas - map.frames) as isize / 2;
    Region { top: rng.below(map.bins - height + 1), height, left, width }
}

/// The rectangle stretched to the map's size by bicubic interpolation (PyTorch's, corners aligned); what lies outside
/// the map is `fill`.
pub fn resize_crop(map: &LogMel, region: Region, fill: f32) -> LogMel {
    let (columns, rows) = (taps(region.width, map.frames), taps(region.height, map.bins));
    let mut line = vec![0.0f32; region.width];
    let mut wide = vec![0.0f32; region.height * map.frames];
    for (to, row) in wide.chunks_exact_mut(map.frames).zip(map.rows().skip(region.top)) {
        for (x, v) in line.iter_mut().enumerate() {
            let at = usize::try_from(region.left + x as isize).ok();
            *v = at.and_then(|at| row.get(at)).copied().unwrap_or(fill);
        }
        for (to, (at, w)) in to.iter_mut().zip(&columns) {
            *to = (0..4).map(|k| w[k] * line[at[k]]).sum();
        }
    }
    let mut values = vec![0.0f32; map.values.len()];
    for (to, (at, w)) in values.chunks_exact_mut(map.frames).zip(&rows) {
        for k in 0..4 {
            let from = &wide[at[k] * map.frames..(at[k] + 1) * map.frames];
            to.iter_mut().zip(from).for_each(|(to, v)| *to += w[k] * v);
        }
    }
    LogMel { bins: map.bins, frames: map.frames, values }
}

/// Places and weights of the four inputs of each of `output` values, from `input` ones.
fn taps(input: usize, output: usize) -> Vec<([usize; 4], [f32; 4])> {
    let scale = input.saturating_sub(1) as f32 / output.saturating_sub(1).max(1) as f32;
    (0..output)
        .map(|i| {
            let place = i as f32 * scale;
            let (base, t) = (place.floor() as isize, place.fract());
            let at = [-1, 0, 1, 2].map(|k| (base + k).clamp(0, input as isize - 1) as usize);
            (at, [far(1.0 + t), near(t), near(1.0 - t), far(2.0 - t)])
        })
        .collect()
}

/// Keys' kernel within one step, with PyTorch's a = −0.75.
fn near(x: f32) -> f32 {
    (1.25 * x - 2.25) * x * x + 1.0
}

/// The same between one step and two.
fn far(x: f32) -> f32 {
    ((-0.75 * x + 3.75) * x - 6.0) * x + 3.0
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{ramp, rng},
        *,
    };

    // import torch, numpy as np; i = np.arange(48); v = ((i * 7919 % 1013) / 100 - 5).astype("float32").reshape(6, 8)
    // c = np.full((6, 12), 0.25, "float32"); c[:, 2:10] = v; c = torch.tensor(c)[1:5, 1:11][None, None]
    // o = torch.nn.functional.interpolate(c, size=(6, 8), mode="bicubic", align_corners=True)[0, 0]
    // o[0,0] o[0,7] o[2,3] o[3,5] o[5,0] o[5,7], o.sum()
    #[test]
    fn it_is_pytorchs_bicubic_interpolation() {
        let region = Region { top: 1, height: 4, left: -1, width: 10 };
        let o = resize_crop(&ramp(6, 8), region, 0.25);
        for ((y, x), wanted) in [(0, 0), (0, 7), (2, 3), (3, 5), (5, 0), (5, 7)]
            .into_iter()
            .zip([0.25, 0.25, -0.72791, 1.60718, 0.25, 0.25])
        {
            assert!((o.values[y * 8 + x] - wanted).abs() < 1e-4, "{} instead of {wanted}", o.values[y * 8 + x]);
        }
        assert!((o.values.iter().sum::<f32>() - 13.1889).abs() < 1e-3);
    }

    #[test]
    fn the_whole_map_stays_as_it_is() {
        let map = ramp(6, 9);
        let o = resize_crop(&map, Region { top: 0, height: 6, left: 0, width: 9 }, 0.0);
        assert!(o.values.iter().zip(&map.values).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn regions_lie_in_the_canvas_whatever_the_size() {
        for (bins, frames) in [(64, 96), (1, 1), (2, 3), (40, 1)] {
            let map = ramp(bins, frames);
            for sample in 0..300 {
                let r = random_region(&map, (0.6, 1.5), (0.6, 1.5), &mut rng(sample));
                assert!(r.height >= 1 && r.top + r.height <= bins);
                let margin = (frames / 2) as isize;
                assert!(r.left >= -margin && r.left + r.width as isize <= frames as isize + margin, "{r:?}");
                assert!(resize_crop(&map, r, 0.0).values.iter().all(|v| v.is_finite()));
            }
        }
    }
}
