//! The four ways in which a term compares.
//!
//! Apart from terms and values, because both ask for it: a term is built with the checks of its value, and those differ
//! by operator.

/// How a term compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Prefix,
    /// A regex for the whole value.
    Pattern,
}

impl Operator {
    /// As it is written.
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Prefix => "^=",
            Self::Pattern => "~=",
        }
    }
}
