//! Where a value stands on an axis, and which values the axis names.

/// From zero, or by orders of magnitude.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scale {
    Linear { max: f64 },
    Log { min: f64, max: f64 },
}

impl Scale {
    /// From zero to the largest of the values, with a little space; `None` without a value above zero.
    pub(super) fn linear(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let max = values.into_iter().filter(|value| value.is_finite()).fold(0.0, f64::max) * 1.04;
        (max > 0.0 && max.is_finite()).then_some(Self::Linear { max })
    }

    /// From the smallest to the largest of the values above zero, with a little space; `None` without one.
    pub(super) fn log(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values = values.into_iter().filter(|value| value.is_finite() && *value > 0.0);
        let first = values.next()?;
        let (min, max) = values.fold((first, first), |(min, max), value| (min.min(value), max.max(value)));
        let (min, max) = (min / 1.25, max * 1.25);
        (min > 0.0 && max.is_finite()).then_some(Self::Log { min, max })
    }

    /// From 0 at the start of the axis to 1 at its end; what is beyond stands at the end.
    pub(super) fn position(&self, value: f64) -> f64 {
        let position = match self {
            Self::Linear { max } => value / max,
            Self::Log { min, max } => (value.ln() - min.ln()) / (max.ln() - min.ln()),
        };
        // The logarithm of zero is infinite, that of a negative number none at all.
        if position.is_nan() { 0.0 } else { position.clamp(0.0, 1.0) }
    }

    /// Round values on the axis, ascending: 1, 2 or 5 times a power of ten; of the log axis, powers of ten alone if it
    /// has many.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match *self {
            Self::Linear { max } => {
                let step = step(max / TICKS);
                (0..=10).map(|index| f64::from(index) * step).take_while(|tick| *tick <= max).collect()
            }
            Self::Log { min, max } => {
                let factors: &[f64] = match max.log10() - min.log10() {
                    ..1.5 => &[1.0, 2.0, 5.0],
                    ..2.5 => &[1.0, 3.0],
                    _ => &[1.0],
                };
                decades(min, max, factors)
            }
        }
    }
}

/// About how many steps an axis has.
const TICKS: f64 = 4.0;

/// At least `raw`, and round.
fn step(raw: f64) -> f64 {
    let power = 10_f64.powf(raw.log10().floor());
    [1.0, 2.0, 5.0].map(|factor| factor * power).into_iter().find(|step| *step >= raw).unwrap_or(10.0 * power)
}

fn decades(min: f64, max: f64, factors: &[f64]) -> Vec<f64> {
    // Of very many decades some are enough.
    let stride = ((max.log10() - min.log10()) / 6.0).ceil().max(1.0);
    let mut exponent = min.log10().floor();
    let mut ticks = Vec::new();
    while exponent <= max.log10() {
        let values = factors.iter().map(|factor| factor * 10_f64.powf(exponent));
        ticks.extend(values.filter(|value| (min..=max).contains(value)));
        exponent += stride;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_begins_at_zero() {
        let scale = Scale::linear([50.0, 100.0, f64::NAN]).unwrap();
        assert_eq!(scale, Scale::Linear { max: 104.0 });
        assert_eq!((scale.position(0.0), scale.position(52.0), scale.position(500.0)), (0.0, 0.5, 1.0));
        assert_eq!(scale.ticks(), [0.0, 50.0, 100.0]);
        assert_eq!(Scale::Linear { max: 1.9 }.ticks(), [0.0, 0.5, 1.0, 1.5]);
    }

    #[test]
    fn log_has_a_value_everywhere() {
        let scale = Scale::Log { min: 10.0, max: 1000.0 };
        assert_eq!((scale.position(10.0), scale.position(1000.0)), (0.0, 1.0));
        assert!((scale.position(100.0) - 0.5).abs() < 1e-9);
        assert_eq!((scale.position(0.0), scale.position(-1.0), scale.position(1e9)), (0.0, 0.0, 1.0));
        assert_eq!(Scale::Log { min: 40.0, max: 400.0 }.ticks(), [50.0, 100.0, 200.0]);
        assert_eq!(Scale::Log { min: 40.0, max: 4000.0 }.ticks(), [100.0, 300.0, 1000.0, 3000.0]);
        assert_eq!(Scale::Log { min: 40.0, max: 90_000.0 }.ticks(), [100.0, 1000.0, 10_000.0]);
    }

    #[test]
    fn nothing_has_no_scale() {
        assert_eq!(Scale::linear([]), None);
        assert_eq!(Scale::linear([0.0, f64::INFINITY]), None);
        assert_eq!(Scale::log([0.0, -1.0, f64::NAN]), None);
    }

    #[test]
    fn the_ends_of_what_a_float_holds_make_few_ticks() {
        for scale in [Scale::linear([f64::MAX / 2.0]), Scale::log([1e-300, 1e300]), Scale::linear([1e-300])] {
            assert!(scale.unwrap().ticks().len() < 12);
        }
    }
}
