//! A whole drawing: title, legend, and panels in two columns, or one as wide as both.

use std::io;

use plotters::style::RGBColor;

use super::canvas::{Align, Canvas, Font, fitted, width};
use super::colour::{BACKGROUND, BORDER, FAINT_TEXT, TEXT};
use super::panel::{Panel, Place};

pub(super) struct Sheet {
    pub(super) title: &'static str,
    /// How to read it, in a line.
    pub(super) subtitle: &'static str,
    pub(super) legend: Vec<(Mark, &'static str)>,
    pub(super) panels: Vec<Panel>,
}

/// A sample of what is drawn.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    Dot(RGBColor),
    /// As the rounds of a bar are.
    Whisker,
    /// An upright line.
    Upright(RGBColor, u32),
}

const TITLE: Font = Font { size: 19.0, bold: true, colour: TEXT };
const SUBTITLE: Font = Font { size: 13.0, bold: false, colour: FAINT_TEXT };

/// All in pixels.
const WIDTH: f64 = 1008.0;
const MARGIN: f64 = 20.0;
const GAP: f64 = 24.0;
const HEADER: f64 = 96.0;

impl Sheet {
    /// The drawing as SVG.
    pub(super) fn draw(&self) -> io::Result<String> {
        let columns = if self.panels.len() == 1 { 1 } else { 2 };
        let width = if columns == 1 { WIDTH - 2.0 * MARGIN } else { (WIDTH - 2.0 * MARGIN - GAP) / 2.0 };
        let rows: Vec<&[Panel]> = self.panels.chunks(columns).collect();
        let height = |row: &&[Panel]| row.iter().map(Panel::height).fold(0.0, f64::max) + GAP;
        let down = HEADER + rows.iter().map(height).sum::<f64>();
        let mut svg = String::new();
        let canvas = Canvas::new(&mut svg, whole(WIDTH), whole(down));
        canvas.filled((0.0, 0.0), (WIDTH, down), BACKGROUND)?;
        canvas.outlined((0.0, 0.0), (WIDTH - 1.0, down - 1.0), BORDER)?;
        self.header(&canvas)?;
        let mut top = HEADER;
        for row in rows {
            let mut left = MARGIN;
            for panel in row {
                panel.draw(&canvas, Place { left, top, width })?;
                left += width + GAP;
            }
            top += height(&row);
        }
        canvas.finish()?;
        Ok(svg)
    }

    fn header(&self, canvas: &Canvas) -> io::Result<()> {
        let room = WIDTH - 2.0 * MARGIN;
        canvas.text(&fitted(self.title, room, TITLE), (MARGIN, 26.0), Align::Left, TITLE)?;
        canvas.text(&fitted(self.subtitle, room, SUBTITLE), (MARGIN, 49.0), Align::Left, SUBTITLE)?;
        let (mut left, middle) = (MARGIN, 72.0);
        for (mark, label) in &self.legend {
            let indent = mark.width() + 7.0;
            mark.draw(canvas, (left + mark.width() / 2.0, middle))?;
            canvas.text(label, (left + indent, middle), Align::Left, SUBTITLE)?;
            left += indent + width(label, SUBTITLE) + 12.0;
        }
        Ok(())
    }
}

impl Mark {
    fn width(self) -> f64 {
        match self {
            Self::Dot(_) => 8.0,
            Self::Whisker => 20.0,
            Self::Upright(..) => 4.0,
        }
    }

    fn draw(self, canvas: &Canvas, (x, y): (f64, f64)) -> io::Result<()> {
        match self {
            Self::Dot(colour) => canvas.dot((x, y), 4, colour),
            Self::Whisker => {
                canvas.line((x - 8.0, y), (x + 8.0, y), TEXT, 1)?;
                [-8.0, 1.0, 8.0].into_iter().try_for_each(|offset| canvas.dot((x + offset, y), 2, TEXT))
            }
            Self::Upright(colour, width) => canvas.line((x, y - 8.0), (x, y + 8.0), colour, width),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; beyond, `as` saturates")]
fn whole(pixels: f64) -> u32 {
    pixels.ceil() as u32
}
