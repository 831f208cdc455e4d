//! The head of a request: its header fields in the order received, pseudo-header fields first.
//!
//! One buffer holds all names and values, so that a head costs two allocations however many fields it has.

/// The header fields of one request.
///
/// Field names are lower case. Pseudo-header fields (RFC 9113 section 8.3) keep their colon: `:path`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    bytes: Vec<u8>,
    fields: Vec<FieldEnds>,
}

/// Where a field's name and value end in the buffer; each begins where the one before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FieldEnds {
    name: usize,
    value: usize,
}

impl RequestHead {
    /// Appends a field.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(name);
        let name_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.fields.push(FieldEnds { name: name_end, value: self.bytes.len() });
    }

    /// Forgets the fields and keeps their memory for the next request.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
    }

    /// The fields as `(name, value)`, in the order received.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        self.fields.iter().map(move |ends| {
            let name = self.bytes.get(start..ends.name).unwrap_or_default();
            let value = self.bytes.get(ends.name..ends.value).unwrap_or_default();
            start = ends.value;
            (name, value)
        })
    }

    /// All values of the fields called `name` (lower case), in the order received.
    pub fn values<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.fields().filter(move |(field, _)| *field == name).map(|(_, value)| value)
    }

    /// The first value of the field called `name` (lower case).
    pub fn value<'a>(&'a self, name: &'a [u8]) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_in_order_with_duplicates() {
        let mut head = RequestHead::default();
        head.push(b":path", b"/a");
        head.push(b"x", b"");
        head.push(b"x", b"2");
        let fields: Vec<_> = head.fields().collect();
        assert_eq!(fields, [(&b":path"[..], &b"/a"[..]), (b"x", b""), (b"x", b"2")]);
        assert_eq!(head.values(b"x").collect::<Vec<_>>(), [&b""[..], b"2"]);
        assert_eq!(head.value(b":path"), Some(&b"/a"[..]));
        assert_eq!(head.value(b"y"), None);
        head.clear();
        head.push(b"z", b"3");
        assert_eq!(head.fields().collect::<Vec<_>>(), [(&b"z"[..], &b"3"[..])]);
    }
}
