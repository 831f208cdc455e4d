//! What a PROXY header tells beside addresses, as names and texts for a connection's line.
//!
//! A stranger may have written it, so it is bounded, and a value that is no printable text stands in hexadecimal digits.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::limits;
use crate::wire::proxy_protocol::{Header, name};

/// Names and texts, in the order of the header. A name stands once, with its first value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tlvs(Vec<(Cow<'static, str>, String)>);

impl Tlvs {
    /// Those of `header`: at most 16, each text of at most 256 bytes.
    pub fn of(header: &Header) -> Tlvs {
        let mut told: Vec<(Cow<'static, str>, String)> = Vec::new();
        name::each(header.tlvs(), |name, value| {
            if told.len() < limits::LOG_TLVS && told.iter().all(|(known, _)| *known != name) {
                told.push((name, text(value)));
            }
        });
        Tlvs(told)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and texts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_ref(), text.as_str()))
    }
}

impl Serialize for Tlvs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// A value as it is if that is printable, else its bytes as digits; cut, with a mark, if it is long.
pub(super) fn text(value: &[u8]) -> String {
    let mut text = match str::from_utf8(value) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => format!("0x{}", name::hexadecimal(value)),
    };
    if text.len() > limits::LOG_TLV_BYTES {
        let end = (0..=limits::LOG_TLV_BYTES).rfind(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        text.push('\u{2026}');
    }
    text
}

#[cfg(test)]
impl Tlvs {
    /// A text, and bytes under a number.
    pub(super) fn example() -> Tlvs {
        Tlvs(vec![("authority".into(), text(b"a.example")), ("0xe4".into(), text(b"\n"))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::proxy_protocol::{Command, Prefix, Tlv, encode_v2, parse};

    fn told(tlvs: &[Tlv<'_>]) -> Tlvs {
        let bytes = encode_v2(Command::Proxy, None, tlvs).unwrap();
        let Ok(Prefix::Complete { header, .. }) = parse(&bytes, 65_535) else { panic!("a whole header") };
        Tlvs::of(&header)
    }

    #[test]
    fn vectors_are_an_object_of_names() {
        let tlvs = told(&[
            Tlv { kind: 0x01, value: b"h2" },
            Tlv { kind: 0x20, value: b"\x01\0\0\0\0\x21\0\x07TLSv1.3" },
            Tlv { kind: 0xE4, value: b"\x00\xFF" },
            Tlv { kind: 0x02, value: "bücher.example".as_bytes() },
        ]);
        let expected =
            r#"{"alpn":"h2","ssl":"yes","ssl_version":"TLSv1.3","0xe4":"0x00ff","authority":"bücher.example"}"#;
        assert_eq!(serde_json::to_string(&tlvs).unwrap(), expected);
    }

    #[test]
    fn of_a_name_that_is_there_twice_the_first_value_is_told() {
        let tlvs = told(&[Tlv { kind: 0x02, value: b"a" }, Tlv { kind: 0x02, value: b"b" }]);
        assert_eq!(tlvs.iter().collect::<Vec<_>>(), [("authority", "a")]);
    }

    #[test]
    fn there_is_a_limit_to_all_of_it() {
        let tlvs: Vec<_> = (0xE1..=0xFF).map(|kind| Tlv { kind, value: &[0; 300] }).collect();
        let tlvs = told(&tlvs);
        assert_eq!(tlvs.iter().count(), 16);
        assert!(tlvs.iter().all(|(_, text)| text.len() == 259));
    }

    #[test]
    fn what_is_no_printable_text_stands_in_digits() {
        assert_eq!(text(b""), "");
        assert_eq!(text(b"a b\"c"), "a b\"c");
        assert_eq!(text(b"a\nb"), "0x610a62");
        assert_eq!(text("\u{85}".as_bytes()), "0xc285");
        assert_eq!(text(b"\xFF"), "0xff");
        assert_eq!(text(&[b'a'; 256]), "a".repeat(256));
        assert_eq!(text(&[b'a'; 257]), format!("{}…", "a".repeat(256)));
        // Never in the middle of a character.
        assert_eq!(text("aü".repeat(100).as_bytes()), format!("{}a…", "aü".repeat(85)));
        assert_eq!(text("ü".repeat(200).as_bytes()), format!("{}…", "ü".repeat(128)));
    }
}
