//! The two loops of the direct convolution: sums of weighted lines, and products of lines.

use super::lines::L;
use crate::vector::fold;

/// Taps whose products with one line are added up side by side.
const ABREAST: usize = 8;

wide! {
    /// `out[o][p] = bias[o] + Σ_t w[o][t] · space[taps[t] + p]` for p below `len`, a multiple of `L`.
    pub(super) fn correlate(
        space: &[f32],
        taps: &[usize],
        w: &[f32],
        bias: Option<&[f32]>,
        len: usize,
        out: &mut [f32],
    ) {
        let outputs = out.len() / len;
        let mut o = 0;
        // Several outputs share what is loaded; with one, more positions give as many sums that do not wait.
        while o < outputs {
            let taken = match outputs - o {
                1 => 1,
                2 | 3 => 2,
                _ => 4,
            };
            let bias = bias.map(|b| &b[o..o + taken]);
            let (w, out) = (&w[o * taps.len()..(o + taken) * taps.len()], &mut out[o * len..(o + taken) * len]);
            match taken {
                1 => lines::<1, 64>(space, taps, w, bias, out),
                2 => lines::<2, 32>(space, taps, w, bias, out),
                _ => lines::<4, 16>(space, taps, w, bias, out),
            }
            o += taken;
        }
    }

    /// Adds `Σ_p g[p] · space[taps[t] + p]` to `sums[t]`, p below `len`, a multiple of `L`.
    pub(super) fn dots(space: &[f32], taps: &[usize], g: &[f32], len: usize, sums: &mut [f32]) {
        let g = &g[..len];
        for (taps, sums) in taps.chunks(ABREAST).zip(sums.chunks_mut(ABREAST)) {
            match taps.len() {
                8 => some_dots::<8>(space, taps, g, sums),
                4.. => {
                    some_dots::<4>(space, &taps[..4], g, &mut sums[..4]);
                    for (tap, sum) in taps[4..].chunks(1).zip(sums[4..].chunks_mut(1)) {
                        some_dots::<1>(space, tap, g, sum);
                    }
                }
                _ => {
                    for (tap, sum) in taps.chunks(1).zip(sums.chunks_mut(1)) {
                        some_dots::<1>(space, tap, g, sum);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn lines<const O: usize, const V: usize>(
    space: &[f32],
    taps: &[usize],
    w: &[f32],
    bias: Option<&[f32]>,
    out: &mut [f32],
) {
    let len = out.len() / O;
    let whole = len / V * V;
    for p in (0..whole).step_by(V) {
        block::<O, V>(space, taps, w, bias, p, len, out);
    }
    for p in (whole..len).step_by(L) {
        block::<O, L>(space, taps, w, bias, p, len, out);
    }
}

/// `V` positions from `p` on of `O` outputs.
#[inline(always)]
fn block<const O: usize, const V: usize>(
    space: &[f32],
    taps: &[usize],
    w: &[f32],
    bias: Option<&[f32]>,
    p: usize,
    len: usize,
    out: &mut [f32],
) {
    let mut sums = [[0f32; V]; O];
    if let Some(bias) = bias {
        for o in 0..O {
            sums[o] = [bias[o]; V];
        }
    }
    for (t, tap) in taps.iter().enumerate() {
        let from = &space[tap + p..tap + p + V];
        for o in 0..O {
            let weight = w[o * taps.len() + t];
            for l in 0..V {
                sums[o][l] += weight * from[l];
            }
        }
    }
    for o in 0..O {
        out[o * len + p..o * len + p + V].copy_from_slice(&sums[o]);
    }
}

#[inline(always)]
fn some_dots<const T: usize>(space: &[f32], taps: &[usize], g: &[f32], sums: &mut [f32]) {
    let mut lanes = [[0f32; L]; T];
    for (i, g) in g.chunks_exact(L).enumerate() {
        for t in 0..T {
            let from = &space[taps[t] + i * L..][..L];
            for l in 0..L {
                lanes[t][l] += g[l] * from[l];
            }
        }
    }
    for t in 0..T {
        sums[t] += fold(lanes[t]);
    }
}
