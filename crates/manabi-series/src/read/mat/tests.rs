//! The reader against files that a small writer makes, and against noise.

use std::io::Write;

use proptest::prelude::*;

use super::*;

fn word(value: u32, little: bool) -> [u8; 4] {
    if little { value.to_le_bytes() } else { value.to_be_bytes() }
}

fn element(kind: u32, data: &[u8], little: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    if data.len() <= 4 && !data.is_empty() && kind != MATRIX {
        bytes.extend(word((data.len() as u32) << 16 | kind, little));
    } else {
        bytes.extend(word(kind, little));
        bytes.extend(word(data.len() as u32, little));
    }
    bytes.extend(data);
    if kind != COMPRESSED {
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    bytes
}

/// A file of arrays of doubles, written as the format says.
pub(crate) fn file(arrays: &[(&str, [u32; 2], &[f64])], little: bool, packed: bool) -> Vec<u8> {
    let mut bytes = vec![b' '; 124];
    bytes.extend(if little { [0, 1, b'I', b'M'] } else { [1, 0, b'M', b'I'] });
    for (name, dims, values) in arrays {
        let flags: Vec<u8> = [word(6, little), word(0, little)].concat();
        let sizes: Vec<u8> = dims.iter().flat_map(|d| word(*d, little)).collect();
        let data: Vec<u8> =
            values.iter().flat_map(|v| if little { v.to_le_bytes() } else { v.to_be_bytes() }).collect();
        let parts = [(6, &flags[..]), (5, &sizes), (1, name.as_bytes()), (9, &data)];
        let inner: Vec<u8> = parts.iter().flat_map(|(kind, data)| element(*kind, data, little)).collect();
        let array = element(MATRIX, &inner, little);
        if packed {
            let mut zip = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            zip.write_all(&array).unwrap();
            bytes.extend(element(COMPRESSED, &zip.finish().unwrap(), little));
        } else {
            bytes.extend(array);
        }
    }
    bytes
}

#[test]
fn an_array_that_holds_more_than_its_sizes_say_is_refused_before_it_is_read() {
    let lying = file(&[("a", [2, 2], &[0.0; 1000])], true, true);
    assert!(parse(&lying).unwrap_err().contains("of sizes [2, 2] holds 1000 values"));
    let mut left = 100;
    let mut zip = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zip.write_all(&[0; 90]).unwrap();
    let packed = zip.finish().unwrap();
    assert_eq!((unpack(&packed, &mut left).unwrap().len(), left), (90, 10));
    assert!(unpack(&packed, &mut left).unwrap_err().contains("packed arrays hold more than"));
}

#[test]
fn other_formats_are_refused_with_a_remedy() {
    assert!(parse(b"MATLAB 7.3 MAT-file").unwrap_err().contains("-v7"));
    assert!(parse(b"hello").unwrap_err().contains("not a MATLAB 5 file"));
    let mut cut = file(&[("a", [3, 1], &[1.0, 2.0, 3.0])], true, false);
    cut.truncate(cut.len() - 8);
    assert!(parse(&cut).unwrap_err().contains("are left"));
}

#[test]
fn a_size_beyond_the_limit_is_refused_before_anything_is_allocated() {
    let huge = file(&[("a", [u32::MAX, u32::MAX], &[1.0])], true, false);
    assert!(parse(&huge).unwrap_err().contains("at most"), "{:?}", parse(&huge));
    let wrong = file(&[("a", [2, 2], &[1.0])], true, false);
    assert!(parse(&wrong).unwrap_err().contains("holds 1 values"));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        values in proptest::collection::vec(-1e6f64..1e6, 1..40), name in "[a-zA-Z_0-9]{1,12}",
        little: bool, packed: bool,
    ) {
        let bytes = file(&[(&name, [values.len() as u32, 1], &values), ("rpm", [1, 1], &[1797.0])], little, packed);
        let found = parse(&bytes).unwrap();
        let expected: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        prop_assert_eq!(&found[0], &Variable { name, dims: vec![values.len(), 1], values: expected });
        prop_assert_eq!(&found[1].values, &[1797.0]);
    }

    #[test]
    fn no_bytes_make_it_panic(
        noise in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..400, byte in any::<u8>(),
        packed: bool, little: bool,
    ) {
        let mut bytes = file(&[("ab", [2, 2], &[1.0, 2.0, 3.0, 4.0])], little, packed);
        if let Some(place) = bytes.get_mut(128 + at % 160) {
            *place = byte;
        }
        let _ = parse(&bytes);
        bytes.truncate(128);
        bytes.extend(noise);
        let _ = parse(&bytes);
    }
}
