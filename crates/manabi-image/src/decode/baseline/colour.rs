//! Luma and chroma to red, green and blue (JFIF: full range, BT.601).

/// Bits behind the point.
const POINT: i32 = 16;
const HALF: i32 = 1 << (POINT - 1);
/// 1.402, 0.344136, 0.714136 and 1.772.
const RED: i32 = 91_881;
const GREEN_BLUE: i32 = 22_554;
const GREEN_RED: i32 = 46_802;
const BLUE: i32 = 116_130;
/// Pixels that are converted together.
const STEP: usize = 32;

/// Interleaved pixels of one row.
#[inline(always)]
pub fn convert(luma: &[u8], blue: &[u8], red: &[u8], to: &mut [u8]) {
    let inputs = luma.chunks(STEP).zip(blue.chunks(STEP)).zip(red.chunks(STEP));
    for (((y, cb), cr), to) in inputs.zip(to.chunks_mut(3 * STEP)) {
        match (y.first_chunk(), cb.first_chunk(), cr.first_chunk(), to.first_chunk_mut()) {
            (Some(y), Some(cb), Some(cr), Some(to)) => step(y, cb, cr, to),
            _ => {
                // The last step is filled up.
                let mut whole = [[0; STEP]; 3];
                for (whole, part) in whole.iter_mut().zip([y, cb, cr]) {
                    whole.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
                }
                let mut pixels = [0; 3 * STEP];
                step(&whole[0], &whole[1], &whole[2], &mut pixels);
                to.iter_mut().zip(pixels).for_each(|(to, from)| *to = from);
            }
        }
    }
}

#[inline(always)]
fn step(y: &[u8; STEP], cb: &[u8; STEP], cr: &[u8; STEP], to: &mut [u8; 3 * STEP]) {
    let mut planes = [[0; STEP]; 3];
    for i in 0..STEP {
        let y = (i32::from(y[i]) << POINT) + HALF;
        let (cb, cr) = (i32::from(cb[i]) - 128, i32::from(cr[i]) - 128);
        planes[0][i] = byte(y + RED * cr);
        planes[1][i] = byte(y - GREEN_BLUE * cb - GREEN_RED * cr);
        planes[2][i] = byte(y + BLUE * cb);
    }
    for (i, pixel) in to.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        *pixel = [planes[0][i], planes[1][i], planes[2][i]];
    }
}

#[inline(always)]
fn byte(value: i32) -> u8 {
    (value >> POINT).clamp(0, 255) as u8
}
