//! A decoded header list: the fields in the order received, in one buffer.

use crate::wire::hpack::Field;

/// Header or trailer fields in the order received.
///
/// Of HTTP/2 they are as HPACK gives them, of HTTP/1 as written, so compare names without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    bytes: Vec<u8>,
    ends: Vec<Ends>,
}

/// Where a field's name and value end in the buffer; each begins where the one before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    name: usize,
    value: usize,
    never_indexed: bool,
}

impl Fields {
    /// Appends a field.
    pub fn push(&mut self, field: Field<'_>) {
        self.bytes.extend_from_slice(field.name);
        let name = self.bytes.len();
        self.bytes.extend_from_slice(field.value);
        self.ends.push(Ends { name, value: self.bytes.len(), never_indexed: field.never_indexed });
    }

    /// The fields in the order received.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |ends| {
            let name = self.bytes.get(start..ends.name).unwrap_or_default();
            let value = self.bytes.get(ends.name..ends.value).unwrap_or_default();
            start = ends.value;
            Field { name, value, never_indexed: ends.never_indexed }
        })
    }

    /// The value of the first field called `name` (lower case), compared without regard to case.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|field| field.name.eq_ignore_ascii_case(name.as_bytes())).map(|field| field.value)
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_in_order_and_are_found_in_any_case() {
        let mut fields = Fields::default();
        assert!(fields.is_empty());
        let first = Field { name: b"Te", value: b"trailers", never_indexed: false };
        let second = Field { name: b"authorization", value: b"secret", never_indexed: true };
        fields.push(first);
        fields.push(second);
        assert_eq!(fields.iter().collect::<Vec<_>>(), [first, second]);
        assert_eq!(fields.value("te"), Some(&b"trailers"[..]));
        assert_eq!(fields.value("cookie"), None);
        assert_eq!(fields.len(), 2);
    }
}
