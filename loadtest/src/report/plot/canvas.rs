//! Lines, boxes, dots and text at pixels, and how wide text will be. The viewer's fonts are unknown here, so widths are
//! those of a wide sans-serif: what fits then fits everywhere.

use std::fmt::Display;
use std::io;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontStyle, IntoFont as _, RGBColor, ShapeStyle, TextStyle};

pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// How text looks; sizes are pixels of the em.
#[derive(Clone, Copy)]
pub(super) struct Font {
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) colour: RGBColor,
}

#[derive(Clone, Copy)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

impl<'a> Canvas<'a> {
    /// A drawing of this many pixels, written to `svg` by [`Self::finish`].
    pub(super) fn new(svg: &'a mut String, width: u32, height: u32) -> Self {
        Self { area: SVGBackend::with_string(svg, (width, height)).into_drawing_area() }
    }

    pub(super) fn line(&self, from: (f64, f64), to: (f64, f64), colour: RGBColor, width: u32) -> io::Result<()> {
        let style = ShapeStyle::from(colour).stroke_width(width);
        self.area.draw(&PathElement::new([pixels(from), pixels(to)], style)).map_err(failed)
    }

    pub(super) fn filled(&self, from: (f64, f64), to: (f64, f64), colour: RGBColor) -> io::Result<()> {
        self.area.draw(&Rectangle::new([pixels(from), pixels(to)], colour.filled())).map_err(failed)
    }

    pub(super) fn outlined(&self, from: (f64, f64), to: (f64, f64), colour: RGBColor) -> io::Result<()> {
        self.area.draw(&Rectangle::new([pixels(from), pixels(to)], colour)).map_err(failed)
    }

    pub(super) fn dot(&self, centre: (f64, f64), radius: u32, colour: RGBColor) -> io::Result<()> {
        self.area.draw(&Circle::new(pixels(centre), radius, colour.filled())).map_err(failed)
    }

    /// `text`, vertically centred on `at`.
    pub(super) fn text(&self, text: &str, at: (f64, f64), align: Align, font: Font) -> io::Result<()> {
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        let weight = if font.bold { FontStyle::Bold } else { FontStyle::Normal };
        let face = ("sans-serif", font.size * PLOTTERS_PER_EM).into_font().style(weight);
        let style = TextStyle::from(face).color(&font.colour).pos(Pos::new(horizontal, VPos::Center));
        self.area.draw(&Text::new(printable(text), pixels(at), style)).map_err(failed)
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.area.present().map_err(failed)
    }
}

/// plotters' font size is this many times what its SVG has as `font-size`.
const PLOTTERS_PER_EM: f64 = 1.24;

/// Pixels that `text` takes, rather too many than too few.
pub(super) fn width(text: &str, font: Font) -> f64 {
    let ems: f64 = text.chars().map(ems).sum();
    ems * font.size * if font.bold { 1.12 } else { 1.0 }
}

/// As in DejaVu Sans, than which few fonts are wider.
fn ems(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '\'' | ' ' => 0.34,
        'f' | 'r' | 't' | '-' | '(' | ')' | '/' => 0.42,
        'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' => 0.59,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 1.0,
        'A'..='Z' => 0.76,
        // Full-width scripts begin about here; emoji are wider yet.
        '\u{1100}'.. => 1.3,
        _ => 0.65,
    }
}

/// As much of `text` as takes at most `pixels`, with an ellipsis if that is not all.
pub(super) fn fitted(text: &str, pixels: f64, font: Font) -> String {
    let text = printable(text);
    if width(&text, font) <= pixels {
        return text;
    }
    let mut short = text;
    while !short.is_empty() && width(&short, font) + width("…", font) > pixels {
        short.pop();
    }
    short.truncate(short.trim_end().len());
    short + "…"
}

/// Without characters that no XML document may contain (XML 1.0 section 2.2).
fn printable(text: &str) -> String {
    let allowed = |character: &char| !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}');
    text.chars().filter(allowed).collect()
}

fn pixels((x, y): (f64, f64)) -> (i32, i32) {
    (pixel(x), pixel(y))
}

#[expect(clippy::cast_possible_truncation, reason = "a drawing is a few thousand pixels; beyond, `as` saturates")]
fn pixel(position: f64) -> i32 {
    position.round() as i32
}

fn failed(error: impl Display) -> io::Error {
    io::Error::other(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FONT: Font = Font { size: 10.0, bold: false, colour: RGBColor(0, 0, 0) };

    #[test]
    fn long_text_is_cut() {
        assert_eq!(fitted("nginx", 40.0, FONT), "nginx");
        assert_eq!(fitted("nnnnnnnnnn", 40.0, FONT), "nnnn…");
        assert_eq!(fitted("nn  nnnnnn", 31.0, FONT), "nn…");
        assert_eq!(fitted("n", 0.0, FONT), "…");
    }

    #[test]
    fn text_is_escaped_and_control_characters_are_left_out() {
        let mut svg = String::new();
        let canvas = Canvas::new(&mut svg, 10, 10);
        canvas.text("<a href=\"x\">&\u{0}\u{1b}", (1.0, 2.0), Align::Left, FONT).unwrap();
        canvas.finish().unwrap();
        assert!(svg.contains("\n&lt;a href=&quot;x&quot;&gt;&amp;\n"), "{svg}");
    }
}
