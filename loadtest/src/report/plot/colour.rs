//! Which colour is what.

use plotters::style::RGBColor;

pub(super) const BACKGROUND: RGBColor = RGBColor(0xff, 0xff, 0xff);
pub(super) const BORDER: RGBColor = RGBColor(0xd0, 0xd7, 0xde);
/// Behind every other row.
pub(super) const STRIPE: RGBColor = RGBColor(0xf6, 0xf8, 0xfa);
pub(super) const GRID: RGBColor = RGBColor(0xdd, 0xe3, 0xe9);
pub(super) const TEXT: RGBColor = RGBColor(0x1f, 0x23, 0x28);
pub(super) const FAINT_TEXT: RGBColor = RGBColor(0x59, 0x63, 0x6e);

/// The target's, the same in all plots.
pub(super) fn of_target(name: &str) -> RGBColor {
    match name {
        "spliceway" => RGBColor(0x00, 0x72, 0xb2),
        "spliceway-epoll" => RGBColor(0x56, 0xb4, 0xe9),
        "haproxy" => RGBColor(0xe6, 0x9f, 0x00),
        "haproxy-splice" => RGBColor(0xd5, 0x5e, 0x00),
        "nginx" => RGBColor(0x00, 0x9e, 0x73),
        "envoy" => RGBColor(0xcc, 0x79, 0xa7),
        "direct" => RGBColor(0x6e, 0x77, 0x81),
        // tokio-copy, and whatever comes.
        _ => RGBColor(0xaf, 0xb8, 0xc1),
    }
}

/// Those of p50, p90, p99 and p99.9.
pub(super) const PERCENTILES: [RGBColor; 4] =
    [RGBColor(0x56, 0xb4, 0xe9), RGBColor(0x00, 0x72, 0xb2), RGBColor(0xe6, 0x9f, 0x00), RGBColor(0xd5, 0x5e, 0x00)];
