//! Requests that get no route, because the backend may read them otherwise than we do.

/// Why a request is answered with an error whichever rule it satisfies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field that this listener routes by occurs more than once, be it with equal values. Backends take the first,
    /// the last or all of them.
    #[error("`{name}` occurs more than once in the request, and this listener routes by it")]
    DuplicateHeader {
        /// The field, in lower case.
        name: String,
    },
    /// A field that this listener routes by stands beside one whose name differs in `_` for `-` only. Backends that have
    /// fields as variables take the two for one.
    #[error("`{first}` and `{second}` are one field to some backends, and this listener routes by it")]
    AlikeHeaders {
        /// The field that comes first, in lower case.
        first: String,
        /// The other one, in lower case.
        second: String,
    },
    /// A field has a value that backends understand in different ways: a `:path` with dot segments and the like, where
    /// a rule of the listener looks at a part of it (`:path^=`, `:path~=`, `service`, `method`).
    #[error(
        "`{name}` has {reason}, which backends understand in different ways, and this listener routes by a part of it"
    )]
    InvalidHeader {
        /// The field, in lower case.
        name: String,
        /// What is in the value, as a noun.
        reason: &'static str,
    },
}

impl Refusal {
    /// A field that occurs under these names, which may be one.
    pub(super) fn twice(first: &[u8], second: &[u8]) -> Refusal {
        let [first, second] = [first, second].map(|name| String::from_utf8_lossy(name).into_owned());
        if first == second { Refusal::DuplicateHeader { name: first } } else { Refusal::AlikeHeaders { first, second } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_which_field_and_why() {
        let refusal = Refusal::InvalidHeader { name: ":path".to_owned(), reason: "a dot segment" };
        assert_eq!(
            refusal.to_string(),
            "`:path` has a dot segment, which backends understand in different ways, \
             and this listener routes by a part of it"
        );
        assert_eq!(
            Refusal::DuplicateHeader { name: "x".to_owned() }.to_string(),
            "`x` occurs more than once in the request, and this listener routes by it"
        );
        assert_eq!(
            Refusal::twice(b"x_y", b"x-y").to_string(),
            "`x_y` and `x-y` are one field to some backends, and this listener routes by it"
        );
    }
}
