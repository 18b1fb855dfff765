//! The pretext transformation of images: quarter turns (RotNet, arXiv:1803.07728).

use manabi_core::{Error, Result, modality::PretextTask};

use crate::image::{Image, Pixels};

/// The task.
pub const ROTATION: PretextTask =
    PretextTask { name: "rotation", classes: QUARTER_TURNS, summary: "say by which quarter turn a picture was turned" };

/// Number of classes: 0°, 90°, 180°, 270° anticlockwise.
pub const QUARTER_TURNS: usize = 4;

/// `image` turned anticlockwise by `class` quarter turns, exactly.
pub fn quarter_turns(image: &Image, class: u32) -> Result<Image> {
    if class as usize >= QUARTER_TURNS {
        return Err(Error::config(format!("there is no quarter turn {class}; classes are 0 to 3")));
    }
    let (width, height) = (image.width, image.height);
    let (new_width, new_height) = if class.is_multiple_of(2) { (width, height) } else { (height, width) };
    let from = |x: usize, y: usize| match class {
        0 => y * width + x,
        1 => x * width + (width - 1 - y),
        2 => (height - 1 - y) * width + (width - 1 - x),
        _ => (height - 1 - x) * width + y,
    };
    let places: Vec<usize> =
        (0..new_height).flat_map(|y| (0..new_width).map(move |x| (x, y))).map(|(x, y)| from(x, y)).collect();
    let pixels = match &image.pixels {
        Pixels::U8(v) => Pixels::U8(moved(v, &places)),
        Pixels::U16(v) => Pixels::U16(moved(v, &places)),
        Pixels::F32(v) => Pixels::F32(moved(v, &places)),
    };
    Ok(Image { width: new_width, height: new_height, channels: image.channels, pixels, original: image.original })
}

fn moved<T: Copy>(values: &[T], places: &[usize]) -> Vec<T> {
    values.chunks_exact(places.len()).flat_map(|plane| places.iter().map(|p| plane[*p])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_anticlockwise_and_add_up() {
        // 0 1 2
        // 3 4 5
        let image = Image::new(3, 2, 1, Pixels::U8((0..6).collect())).unwrap();
        let turned = |class| quarter_turns(&image, class).unwrap();
        assert_eq!(turned(0), image);
        assert_eq!((turned(1).width, turned(1).pixels), (2, Pixels::U8(vec![2, 5, 1, 4, 0, 3])));
        assert_eq!(turned(2).pixels, Pixels::U8(vec![5, 4, 3, 2, 1, 0]));
        assert_eq!(quarter_turns(&turned(1), 2).unwrap().pixels, turned(3).pixels);
        assert!(quarter_turns(&image, 4).is_err());
    }
}
