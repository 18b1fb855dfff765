//! Colours and marker shapes: Okabe and Ito's palette, without the yellow and the black that vanish on white or on dark.

use maud::{Markup, html};

use super::axes::px;
use crate::report::schema::Representation;

/// The number of colours; the style sheet knows them as `k0` to `k5`.
pub const COLOURS: usize = 6;

/// The shape of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A circle.
    Circle,
    /// A square.
    Square,
    /// A triangle.
    Triangle,
    /// A triangle that stands on its tip.
    Down,
    /// A diamond.
    Diamond,
    /// A cross of two bars, for baselines.
    Cross,
    /// A narrow bar that stands.
    Bar,
}

/// How something is drawn: a class of the style sheet and a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The colour: `k0` orange, `k1` sky blue, `k2` bluish green, `k3` blue, `k4` vermilion, `k5` reddish purple,
    /// `grey` for what has no class.
    pub class: &'static str,
    /// The shape.
    pub shape: Shape,
}

const CLASSES: [&str; COLOURS] = ["k0", "k1", "k2", "k3", "k4", "k5"];

impl Mark {
    /// The mark of a representation, the same in every chart.
    pub fn of(representation: Representation) -> Self {
        let (class, shape) = match representation {
            Representation::Raw => ("k0", Shape::Triangle),
            Representation::Random => ("k5", Shape::Cross),
            Representation::Given => ("grey", Shape::Bar),
            Representation::Supervised => ("k4", Shape::Square),
            Representation::SslKnn => ("k1", Shape::Down),
            Representation::SslLinear => ("k3", Shape::Circle),
            Representation::SslFinetune => ("k2", Shape::Diamond),
        };
        Self { class, shape }
    }

    /// The mark of a class by its index: 24 pairs of colour and shape before they repeat.
    pub fn nth(index: usize) -> Self {
        let shapes = [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond];
        // Blue and vermilion first: the pair that differs most, for the many data sets with two classes.
        let order = [3, 4, 2, 5, 0, 1];
        Self { class: CLASSES[order[index % COLOURS]], shape: shapes[(index + index / COLOURS) % shapes.len()] }
    }

    /// The mark of what has no class.
    pub fn grey() -> Self {
        Self { class: "grey", shape: Shape::Circle }
    }

    /// Draws it at a place, with a tooltip unless it is empty.
    pub fn draw(self, x: f64, y: f64, radius: f64, tooltip: &str) -> Markup {
        let title = html! { @if !tooltip.is_empty() { title { (tooltip) } } };
        let (r, class) = (radius, format!("dot {}", self.class));
        match self.shape {
            Shape::Circle => {
                html! { circle class=(class) cx=(px(x)) cy=(px(y)) r=(px(r)) { (title) } }
            }
            Shape::Square => html! {
                rect class=(class) x=(px(x - r * 0.9)) y=(px(y - r * 0.9)) width=(px(r * 1.8)) height=(px(r * 1.8)) { (title) }
            },
            Shape::Triangle => {
                path(&class, &[(x, y - r * 1.2), (x + r * 1.1, y + r * 0.8), (x - r * 1.1, y + r * 0.8)], title)
            }
            Shape::Down => {
                path(&class, &[(x, y + r * 1.2), (x + r * 1.1, y - r * 0.8), (x - r * 1.1, y - r * 0.8)], title)
            }
            Shape::Diamond => {
                path(&class, &[(x, y - r * 1.3), (x + r * 1.3, y), (x, y + r * 1.3), (x - r * 1.3, y)], title)
            }
            Shape::Bar => {
                let (a, b) = (r * 0.5, r * 1.4);
                path(&class, &[(x - a, y - b), (x + a, y - b), (x + a, y + b), (x - a, y + b)], title)
            }
            Shape::Cross => {
                let (a, b) = (r * 0.4, r * 1.2);
                let points = [
                    (x - a, y - b),
                    (x + a, y - b),
                    (x + a, y - a),
                    (x + b, y - a),
                    (x + b, y + a),
                    (x + a, y + a),
                    (x + a, y + b),
                    (x - a, y + b),
                    (x - a, y + a),
                    (x - b, y + a),
                    (x - b, y - a),
                    (x - a, y - a),
                ];
                path(&class, &points, title)
            }
        }
    }

    /// Draws it alone, for a legend.
    pub fn swatch(self) -> Markup {
        html! { svg class="swatch" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" { (self.draw(7.0, 7.0, 4.5, "")) } }
    }
}

fn path(class: &str, points: &[(f64, f64)], title: Markup) -> Markup {
    let points: Vec<_> = points.iter().map(|(x, y)| format!("{},{}", px(*x), px(*y))).collect();
    html! { polygon class=(class) points=(points.join(" ")) { (title) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_of_the_first_twentyfour_classes_look_alike() {
        let marks: Vec<_> = (0..24).map(Mark::nth).collect();
        for (index, mark) in marks.iter().enumerate() {
            assert!(!marks[..index].contains(mark), "class {index} repeats {mark:?}");
        }
    }

    #[test]
    fn no_two_representations_share_a_colour_or_a_shape() {
        let classes: std::collections::BTreeSet<_> = Representation::ALL.iter().map(|r| Mark::of(*r).class).collect();
        assert_eq!(classes.len(), Representation::ALL.len());
        let marks = Representation::ALL.map(|r| Mark::of(r).shape);
        assert!(marks.iter().enumerate().all(|(index, mark)| !marks[..index].contains(mark)));
    }
}
