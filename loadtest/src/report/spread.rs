//! A median with the smallest and the largest value: with a handful of rounds, a deviation would claim more than is known.

/// Values of several rounds; at least one, none of which is NaN or infinite.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spread {
    /// The middle value, or the mean of the two in the middle.
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    /// All of them, ascending.
    pub(super) values: Vec<f64>,
}

impl Spread {
    /// Of the numbers among `values`; `None` if there are none.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Self { median: f64::midpoint(lower, upper), min, max, values })
    }

    /// Everything times `factor`, for another unit; `None` if that is too large for a number.
    pub(super) fn scaled(&self, factor: f64) -> Option<Self> {
        Self::of(self.values.iter().map(|value| value * factor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn median(values: &[f64]) -> Option<f64> {
        Spread::of(values.iter().copied()).map(|spread| spread.median)
    }

    #[test]
    fn median_is_the_middle_or_the_mean_of_the_two_in_the_middle() {
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[3.0, 1.0]), Some(2.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[9.0, 4.0, 1.0, 2.0]), Some(3.0));
    }

    #[test]
    fn nothing_has_no_median() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[f64::NAN, f64::INFINITY]), None);
    }

    #[test]
    fn keeps_the_ends_and_drops_what_is_no_number() {
        let spread = Spread::of([2.0, f64::NAN, 0.5, 7.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.0, min: 0.5, max: 7.0, values: vec![0.5, 2.0, 7.0] });
        assert_eq!(spread.scaled(2.0).unwrap().values, [1.0, 4.0, 14.0]);
    }
}
