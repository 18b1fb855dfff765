//! The matrices A, B and G of F(2,3) and F(4,3), as the fewest additions.

/// One-dimensional F(M,3): `A = M + 2` products for M outputs.
pub(super) trait Tile<const M: usize, const A: usize>: Sync {
    /// G.
    const G: [[f32; 3]; A];
    /// Bᵀ d.
    fn input(d: [f32; A]) -> [f32; A];
    /// Aᵀ m.
    fn output(m: [f32; A]) -> [f32; M];
    /// A y.
    fn gradient(y: [f32; M]) -> [f32; A];
}

/// Points 0, 1, −1, ∞.
pub(super) struct F23;

impl Tile<2, 4> for F23 {
    const G: [[f32; 3]; 4] = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];

    #[inline(always)]
    fn input([d0, d1, d2, d3]: [f32; 4]) -> [f32; 4] {
        [d0 - d2, d1 + d2, d2 - d1, d1 - d3]
    }

    #[inline(always)]
    fn output([m0, m1, m2, m3]: [f32; 4]) -> [f32; 2] {
        [m0 + m1 + m2, m1 - m2 - m3]
    }

    #[inline(always)]
    fn gradient([y0, y1]: [f32; 2]) -> [f32; 4] {
        [y0, y0 + y1, y0 - y1, -y1]
    }
}

/// Points 0, 1, −1, 2, −2, ∞.
pub(super) struct F43;

impl Tile<4, 6> for F43 {
    const G: [[f32; 3]; 6] = [
        [0.25, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];

    #[inline(always)]
    fn input([d0, d1, d2, d3, d4, d5]: [f32; 6]) -> [f32; 6] {
        let (p, q) = (d4 - 4.0 * d2, d3 - 4.0 * d1);
        let (r, t) = (d4 - d2, 2.0 * (d3 - d1));
        [4.0 * d0 - 5.0 * d2 + d4, p + q, p - q, r + t, r - t, 4.0 * d1 - 5.0 * d3 + d5]
    }

    #[inline(always)]
    fn output([m0, m1, m2, m3, m4, m5]: [f32; 6]) -> [f32; 4] {
        let (a, b, c, d) = (m1 + m2, m1 - m2, m3 + m4, m3 - m4);
        [m0 + a + c, b + 2.0 * d, a + 4.0 * c, b + 8.0 * d + m5]
    }

    #[inline(always)]
    fn gradient([y0, y1, y2, y3]: [f32; 4]) -> [f32; 6] {
        let (even, odd) = (y0 + y2, y1 + y3);
        let (even2, odd2) = (y0 + 4.0 * y2, 2.0 * y1 + 8.0 * y3);
        [y0, even + odd, even - odd, even2 + odd2, even2 - odd2, y3]
    }
}
