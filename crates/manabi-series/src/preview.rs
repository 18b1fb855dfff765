//! What a report shows of a series: a small line drawing, one line a channel.

use std::fmt::Write;

use crate::series::Series;

/// Width in pixels.
const WIDTH: usize = 160;
/// Height of one channel.
const HEIGHT: usize = 28;
/// At most this many channels are drawn.
const CHANNELS: usize = 6;
/// Colours of the lines, in turn; all dark enough on white.
const COLOURS: [&str; 6] = ["#1f5aa6", "#b3471d", "#2e7d4f", "#7a3e9d", "#8a6d00", "#444444"];

/// One `<svg>` element. Each channel fills its own band; gaps in a line are missing values.
pub fn preview(series: &Series) -> String {
    let channels = series.channels.min(CHANNELS);
    let height = channels * HEIGHT;
    let mut svg = format!(
        concat!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" "#,
            r#"viewBox="0 0 {w} {h}" role="img">"#
        ),
        w = WIDTH,
        h = height
    );
    let hidden = series.channels - channels;
    let more = if hidden > 0 { format!(", {hidden} more not drawn") } else { String::new() };
    let _ = write!(svg, "<title>{} channels of {} steps{more}</title>", series.channels, series.length);
    for (channel, (row, colour)) in series.rows().zip(COLOURS).enumerate() {
        let path = line(row, channel * HEIGHT);
        let _ = write!(svg, r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="1"/>"#);
    }
    svg.push_str("</svg>");
    svg
}

/// The path of one channel. Where several steps share a pixel, their smallest and largest value are drawn.
fn line(row: &[f32], top: usize) -> String {
    let present = || row.iter().copied().filter(|v| v.is_finite());
    let (low, high) = (present().fold(f32::INFINITY, f32::min), present().fold(f32::NEG_INFINITY, f32::max));
    let spread = high - low;
    let y = |value: f32| {
        let share = if spread > 0.0 && spread.is_finite() { (value - low) / spread } else { 0.5 };
        top as f32 + 2.0 + (1.0 - share) * (HEIGHT - 4) as f32
    };
    let mut path = String::new();
    let mut drawing = false;
    let columns = row.len().min(WIDTH);
    for column in 0..columns {
        let part = &row[column * row.len() / columns..(column + 1) * row.len() / columns];
        let present = || part.iter().copied().filter(|v| v.is_finite());
        if present().next().is_none() {
            drawing = false;
            continue;
        }
        let x = if columns > 1 { (column * (WIDTH - 1)) as f32 / (columns - 1) as f32 } else { 0.0 };
        let (low, high) = (present().fold(f32::INFINITY, f32::min), present().fold(f32::NEG_INFINITY, f32::max));
        let _ = write!(path, "{}{x:.1} {:.1}", if drawing { 'L' } else { 'M' }, y(low));
        if high > low {
            let _ = write!(path, "L{x:.1} {:.1}", y(high));
        }
        drawing = true;
    }
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_rises_where_values_do_and_breaks_where_they_are_missing() {
        let series = Series::new(1, 4, vec![0.0, 1.0, f32::NAN, 1.0]).unwrap();
        let svg = preview(&series);
        assert!(svg.contains(r#"d="M0.0 26.0L53.0 2.0M159.0 2.0""#), "{svg}");
        assert!(svg.contains("<title>1 channels of 4 steps</title>"));
    }

    #[test]
    fn many_channels_are_cut_and_said_to_be() {
        let svg = preview(&Series::new(9, 300, vec![1.0; 2700]).unwrap());
        assert_eq!(svg.matches("<path").count(), 6);
        assert!(svg.contains("3 more not drawn"));
    }

    proptest! {
        #[test]
        fn any_values_make_a_closed_drawing(values in proptest::collection::vec(any::<f32>(), 1..400)) {
            let svg = preview(&Series::new(1, values.len(), values).unwrap());
            prop_assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
            prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
        }
    }
}
