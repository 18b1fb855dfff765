//! NumPy's `.npy`, version 1.0: `numpy.load` reads it without manabi.

/// The bytes of a `(rows, dim)` array of little-endian `f32`.
pub fn bytes(rows: usize, dim: usize, data: &[f32]) -> Vec<u8> {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}");
    // Magic (6), version (2) and length (2) come before; the data starts at a multiple of 64.
    let padding = (64 - (10 + header.len() + 1) % 64) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.reserve(4 * data.len());
    data.iter().for_each(|v| bytes.extend_from_slice(&v.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_starts_at_a_multiple_of_64_and_candle_reads_it_back() {
        let data: Vec<f32> = (0..6).map(|i| i as f32 * 0.5).collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npy");
        let bytes = bytes(3, 2, &data);
        assert_eq!((bytes.len() - 24) % 64, 0);
        std::fs::write(&path, bytes).unwrap();
        let tensor = candle_core::Tensor::read_npy(&path).unwrap();
        assert_eq!(tensor.dims(), [3, 2]);
        assert_eq!(tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap(), data);
    }
}
