//! What must hold of every drawing, whatever was measured: it is XML, and no text touches another.

use super::canvas::{Font, width};
use super::*;
use crate::report::{finite, sample};

/// Where a text stands: its left and right end, the middle of its line, and itself.
type Label = (f64, f64, f64, String);

fn attribute<'a>(tag: &'a str, name: &str) -> &'a str {
    let after = tag.split_once(&format!(" {name}=\"")).unwrap().1;
    after.split_once('"').unwrap().0
}

fn labels(svg: &str) -> Vec<Label> {
    let elements = svg.split("<text").skip(1).map(|element| element.split_once("</text>").unwrap().0);
    let labels = elements.map(|element| {
        let (tag, text) = element.split_once('>').unwrap();
        let text = text.trim().replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        let text = text.replace("&apos;", "'").replace("&amp;", "&");
        let number = |name| attribute(tag, name).parse::<f64>().unwrap();
        let font = Font { size: number("font-size"), bold: tag.contains("bold"), colour: colour::TEXT };
        let (x, width) = (number("x"), width(&text, font));
        let left = match attribute(tag, "text-anchor") {
            "start" => x,
            "middle" => x - width / 2.0,
            _ => x - width,
        };
        (left, left + width, number("y"), text)
    });
    labels.collect()
}

fn all() -> Vec<Plot> {
    let results = [sample::small(), finite::finite(&sample::hostile())];
    results.iter().flat_map(|results| plots(results).unwrap()).collect()
}

#[test]
fn labels_never_overlap_and_stay_inside() {
    for plot in all() {
        let labels = labels(&plot.svg);
        let across: f64 = attribute(&plot.svg, "width").parse().unwrap();
        for (index, (left, right, middle, text)) in labels.iter().enumerate() {
            assert!(*left >= 0.0 && *right <= across, "{}: {text:?} is cut", plot.file);
            for (other_left, other_right, other_middle, other) in labels.iter().skip(index + 1) {
                let apart = left >= other_right || other_left >= right || (middle - other_middle).abs() >= 15.0;
                assert!(apart, "{}: {text:?} touches {other:?}", plot.file);
            }
        }
    }
}

#[test]
fn names_cannot_break_out_of_their_element() {
    for plot in all() {
        assert!(plot.svg.starts_with("<svg ") && plot.svg.trim_end().ends_with("</svg>"), "{}", plot.file);
        assert!(!plot.svg.contains("<script"), "{}", plot.file);
        let control = plot.svg.chars().find(|character| character.is_control() && *character != '\n');
        assert_eq!(control, None, "{}", plot.file);
    }
}

#[test]
fn shows_names_numbers_and_failures() {
    let plots = plots(&sample::small()).unwrap();
    let texts = |index: usize| labels(&plots[index].svg).into_iter().map(|label| label.3).collect::<Vec<_>>();
    let cpu = texts(0);
    assert!(
        ["W3", "the workload W3", "relative to nginx; µs a round trip"]
            .iter()
            .all(|text| cpu.contains(&text.to_string()))
    );
    let row = cpu.iter().position(|text| text == "spliceway").unwrap();
    assert_eq!(cpu[row..row + 3], ["spliceway", "0.78", "9.50"]);
    let row = cpu.iter().position(|text| text == "haproxy-splice").unwrap();
    assert_eq!(cpu[row + 1], "failed");
    // It has no proxy.
    assert!(!cpu.contains(&"direct".to_owned()));
    // Of its two columns of numbers the first is empty here.
    let memory = texts(3);
    let row = memory.iter().position(|text| text == "nginx").unwrap();
    assert!(memory[row + 1..row + 3].contains(&"9800".to_owned()), "{memory:?}");
}
