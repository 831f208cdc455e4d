//! One workload: a title, a row for each target with its name, its marks and its numbers, and an axis below.

use std::io;

use plotters::style::RGBColor;

use super::canvas::{Align, Canvas, Font, fitted, width};
use super::colour::{FAINT_TEXT, GRID, PERCENTILES, STRIPE, TEXT};
use super::scale::Scale;
use crate::report::number;
use crate::report::spread::Spread;

pub(super) struct Panel {
    pub(super) name: String,
    pub(super) title: String,
    /// What the axis shows.
    pub(super) note: String,
    /// Headings of the two columns of numbers.
    pub(super) headings: [String; 2],
    pub(super) scale: Scale,
    /// A value that everything is compared with.
    pub(super) reference: Option<f64>,
    pub(super) rows: Vec<Row>,
}

pub(super) struct Row {
    pub(super) name: String,
    pub(super) marks: Marks,
    pub(super) numbers: [String; 2],
}

/// Where a panel goes; its height is its own.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
}

pub(super) enum Marks {
    /// A bar to the median, the rounds as dots on a line, and where the bar should end at most.
    Bar { spread: Spread, colour: RGBColor, goal: Option<f64> },
    /// A dot at each median with a line from the smallest to the largest, one below the other.
    Percentiles(Vec<Spread>),
    /// No run succeeded.
    Failed,
}

/// All in pixels; from left to right: names, marks, two columns of numbers.
const NAMES: f64 = 124.0;
const NUMBERS: f64 = 126.0;
const NUMBER_COLUMN: f64 = 58.0;
const HEAD: f64 = 46.0;
const AXIS: f64 = 22.0;
const BAR: f64 = 8.0;

const HEADING: Font = Font { size: 14.0, bold: true, colour: TEXT };
const NAME: Font = Font { size: 12.5, bold: false, colour: TEXT };
const NOTE: Font = Font { size: 11.5, bold: false, colour: FAINT_TEXT };

impl Marks {
    fn height(&self) -> f64 {
        match self {
            Self::Bar { .. } | Self::Failed => 24.0,
            Self::Percentiles(_) => 36.0,
        }
    }
}

impl Panel {
    pub(super) fn height(&self) -> f64 {
        HEAD + self.rows.iter().map(|row| row.marks.height()).sum::<f64>() + AXIS
    }

    pub(super) fn draw(&self, canvas: &Canvas, place: Place) -> io::Result<()> {
        let Place { left, top, width } = place;
        self.heading(canvas, place)?;
        let note = fitted(&self.note, width - NUMBERS - 8.0, NOTE);
        canvas.text(&note, (left, top + 30.0), Align::Left, NOTE)?;
        numbers(canvas, &self.headings, (left + width, top + 30.0), NOTE)?;
        self.stripes(canvas, place)?;
        self.axis(canvas, place)?;
        let mut row_top = top + HEAD;
        for row in &self.rows {
            let middle = row_top + row.marks.height() / 2.0;
            let ours = row.name == "spliceway";
            let font = Font { bold: ours, ..NAME };
            canvas.text(&fitted(&row.name, NAMES - 12.0, font), (left + 6.0, middle), Align::Left, font)?;
            self.marks(canvas, &row.marks, place, middle)?;
            numbers(canvas, &row.numbers, (left + width, middle), font)?;
            row_top += row.marks.height();
        }
        Ok(())
    }

    fn heading(&self, canvas: &Canvas, place: Place) -> io::Result<()> {
        let (left, middle) = (place.left, place.top + 9.0);
        let name = fitted(&self.name, place.width / 2.0, HEADING);
        let indent = width(&name, HEADING) + 8.0;
        canvas.text(&name, (left, middle), Align::Left, HEADING)?;
        let font = Font { bold: false, ..HEADING };
        canvas.text(&fitted(&self.title, place.width - indent, font), (left + indent, middle), Align::Left, font)
    }

    /// They lead the eye from a name to its numbers.
    fn stripes(&self, canvas: &Canvas, place: Place) -> io::Result<()> {
        let (left, mut top) = (place.left, place.top + HEAD);
        for (index, row) in self.rows.iter().enumerate() {
            if index % 2 == 0 {
                canvas.filled((left, top), (left + place.width, top + row.marks.height()), STRIPE)?;
            }
            top += row.marks.height();
        }
        Ok(())
    }

    /// Grid lines with their values below; a value that would touch its neighbour is left out.
    fn axis(&self, canvas: &Canvas, place: Place) -> io::Result<()> {
        let (above, below) = (place.top + HEAD - 2.0, place.top + self.height() - AXIS + 2.0);
        let mut free_from = place.left + NAMES - 30.0;
        for tick in self.scale.ticks() {
            let x = self.x(place, tick);
            canvas.line((x, above), (x, below), GRID, 1)?;
            let label = axis_label(tick);
            let half = width(&label, NOTE) / 2.0;
            if x - half >= free_from {
                canvas.text(&label, (x, below + 10.0), Align::Centre, NOTE)?;
                free_from = x + half + 6.0;
            }
        }
        match self.reference {
            Some(reference) => {
                let x = self.x(place, reference);
                canvas.line((x, above), (x, below), FAINT_TEXT, 1)
            }
            None => Ok(()),
        }
    }

    fn marks(&self, canvas: &Canvas, marks: &Marks, place: Place, middle: f64) -> io::Result<()> {
        let x = |value| self.x(place, value);
        match marks {
            Marks::Bar { spread, colour, goal } => {
                canvas.filled((x(0.0), middle - BAR), (x(spread.median), middle + BAR), *colour)?;
                if let Some(goal) = goal {
                    canvas.line((x(*goal), middle - BAR - 3.0), (x(*goal), middle + BAR + 3.0), TEXT, 3)?;
                }
                canvas.line((x(spread.min), middle), (x(spread.max), middle), TEXT, 1)?;
                spread.values.iter().try_for_each(|value| canvas.dot((x(*value), middle), 2, TEXT))
            }
            Marks::Percentiles(spreads) => {
                for ((spread, colour), step) in spreads.iter().zip(PERCENTILES).zip([-11.0, -4.0, 4.0, 11.0]) {
                    let y = middle + step;
                    canvas.line((x(spread.min), y), (x(spread.max), y), colour, 2)?;
                    canvas.dot((x(spread.median), y), 4, colour)?;
                }
                Ok(())
            }
            Marks::Failed => canvas.text("failed", (x(0.0) + 6.0, middle), Align::Left, NOTE),
        }
    }

    fn x(&self, place: Place, value: f64) -> f64 {
        place.left + NAMES + self.scale.position(value) * (place.width - NAMES - NUMBERS)
    }
}

/// Two columns, right-aligned, left of `end`.
fn numbers(canvas: &Canvas, texts: &[String; 2], end: (f64, f64), font: Font) -> io::Result<()> {
    let (right, middle) = (end.0 - 6.0, end.1);
    for (text, right) in texts.iter().zip([right - NUMBER_COLUMN, right]) {
        canvas.text(&fitted(text, NUMBER_COLUMN - 6.0, font), (right, middle), Align::Right, font)?;
    }
    Ok(())
}

/// A number in at most five characters, where there is little room: `0.82`, `12.1`, `304`, `91.2k`, `1.50M`.
pub(super) fn short(value: f64) -> String {
    match value {
        ..999.5 => number::number(value),
        ..9_999.5 => format!("{value:.0}"),
        ..999_500.0 => number::number(value / 1e3) + "k",
        ..999_500_000.0 => number::number(value / 1e6) + "M",
        _ => number::number(value),
    }
}

/// The same without zeros that tell nothing: a round value is exact.
fn axis_label(value: f64) -> String {
    let text = short(value);
    let (digits, unit) = text.split_at(text.trim_end_matches(['k', 'M']).len());
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{digits}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers() {
        let texts = [
            (0.0, "0", "0"),
            (0.04, "0.040", "0.04"),
            (0.5, "0.50", "0.5"),
            (1.0, "1.00", "1"),
            (0.824, "0.82", "0.82"),
            (20.0, "20.0", "20"),
            (304.4, "304", "304"),
            (9_800.0, "9800", "9800"),
            (10_000.0, "10.0k", "10k"),
            (91_234.0, "91.2k", "91.2k"),
            (300_000.0, "300k", "300k"),
            (1_500_000.0, "1.50M", "1.5M"),
        ];
        for (value, text, label) in texts {
            assert_eq!((short(value).as_str(), axis_label(value).as_str()), (text, label));
        }
    }
}
