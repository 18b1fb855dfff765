//! The elements of one axis that the taps of some positions read.

use std::ops::Range;

use super::super::geometry::Axis;

/// Padded elements, counted from the first that a tap reads.
pub(super) struct Reach {
    pub(super) length: usize,
    /// From a tap to the next.
    pub(super) dilation: usize,
    /// Where elements of the map start, and which; what lies between is padding.
    pub(super) pieces: Vec<(usize, Range<usize>)>,
}

impl Reach {
    /// Of `positions` positions from `first` on.
    pub(super) fn new(axis: &Axis, first: usize, positions: usize) -> Self {
        let span = (positions - 1) * axis.stride + 1;
        // Taps that lie further apart than the positions reach have no element in common: what lies between is left out,
        // so that a far dilation of a small map needs no large one.
        let dilation = axis.dilation.min(span);
        let length = (axis.kernel - 1) * dilation + span;
        let (taps, each) = if dilation < axis.dilation { (axis.kernel, span) } else { (1, length) };
        let piece = |tap: usize| {
            // In elements of the padded map.
            let start = first * axis.stride + tap * axis.dilation;
            let from = start.saturating_sub(axis.padding).min(axis.size);
            let end = (start + each).saturating_sub(axis.padding).min(axis.size);
            (from < end).then(|| (tap * dilation + from + axis.padding - start, from..end))
        };
        Self { length, dilation, pieces: (0..taps).filter_map(piece).collect() }
    }

    /// True if a tap of a position lies on an element.
    pub(super) fn reads(&self, axis: &Axis, element: usize) -> bool {
        let taps = (0..axis.kernel).map(|tap| tap * self.dilation);
        taps.filter(|tap| *tap <= element).any(|tap| (element - tap).is_multiple_of(axis.stride))
    }
}
