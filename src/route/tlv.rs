//! The TLVs of a PROXY header that can be routed by.
//!
//! A TLV with a name is compared as people write its value, those inside the TLS element included; a TLV by its number is
//! compared as it came.

use super::error::closest;
use crate::wire::proxy_protocol::{Name, Tlv as Received};

/// Which TLV (PROXY protocol section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tlv {
    Named(Name),
    Numbered(u8),
}

impl Tlv {
    /// The TLV of a name or of a number such as `0xEE`; otherwise what is allowed.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        if let Some(known) = Name::comparable().find(|known| known.text() == name) {
            return Ok(Self::Named(known));
        }
        let number = name.strip_prefix("0x").filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        if let Some(Ok(kind)) = number.map(|digits| u8::from_str_radix(digits, 16)) {
            return Ok(Self::Numbered(kind));
        }
        let names: Vec<_> = Name::comparable().map(Name::text).collect();
        let allowed = format!("one of {}, or a type from 0x00 to 0xff", names.join(", "));
        Err(closest(name, names).map_or(allowed, |meant| format!("did you mean `tlv.{meant}`?")))
    }

    /// Whether the text of one of these TLVs passes.
    pub(super) fn any(self, tlvs: &[(u8, &[u8])], mut passes: impl FnMut(&[u8]) -> bool) -> bool {
        match self {
            Self::Named(name) => name.any(tlvs.iter().map(|(kind, value)| Received { kind: *kind, value }), passes),
            Self::Numbered(number) => tlvs.iter().any(|(kind, value)| *kind == number && passes(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts that the TLV called `name` offers for comparison.
    fn texts(name: &str, tlvs: &[(u8, &[u8])]) -> Vec<String> {
        let mut texts = Vec::new();
        Tlv::named(name).unwrap().any(tlvs, |text| {
            texts.push(String::from_utf8(text.to_vec()).unwrap());
            false
        });
        texts
    }

    #[test]
    fn named_values_are_compared_as_people_write_them() {
        let ssl = b"\x03\0\0\0\0\x21\0\x07TLSv1.3\x22\0\x05alice";
        let tlvs: [(u8, &[u8]); 5] = [(0x01, b"h2"), (0x02, b"A.example"), (0x05, b"id"), (0x30, b"blue"), (0x20, ssl)];
        for (name, text) in [
            ("alpn", "h2"),
            ("authority", "A.example"),
            ("unique_id", "id"),
            ("netns", "blue"),
            ("ssl", "yes"),
            ("ssl_verify", "0"),
            ("ssl_version", "TLSv1.3"),
            ("ssl_cn", "alice"),
        ] {
            assert_eq!(texts(name, &tlvs), [text]);
        }
        assert!(texts("ssl_cipher", &tlvs).is_empty());
        assert_eq!(texts("azure_linkid", &[(0xEE, b"\x01\x78\x56\x34\x12")]), ["305419896"]);
    }

    #[test]
    fn numbered_values_are_compared_as_they_came() {
        let tlvs: [(u8, &[u8]); 3] = [(0x30, b"blue"), (0x05, b"id"), (0xEA, b"\x01vpce-1")];
        assert_eq!(texts("0x30", &tlvs), ["blue"]);
        assert_eq!(texts("0x5", &tlvs), ["id"]);
        assert_eq!(texts("0xEA", &tlvs), ["\u{1}vpce-1"]);
        assert!(texts("0xEB", &tlvs).is_empty());
    }

    #[test]
    fn each_of_several_values_may_pass() {
        assert_eq!(texts("authority", &[(0x02, b"a"), (0x02, b"b")]), ["a", "b"]);
    }

    #[test]
    fn unknown_names_are_refused_with_what_is_allowed() {
        assert_eq!(Tlv::named("aws_vpc_id").unwrap_err(), "did you mean `tlv.aws_vpce_id`?");
        let allowed = "one of alpn, authority, unique_id, ssl, ssl_verify, ssl_version, ssl_cn, ssl_cipher, ssl_sig_alg, \
                       ssl_key_alg, ssl_group, ssl_sig_scheme, netns, gcp_psc, aws_vpce_id, azure_linkid, \
                       or a type from 0x00 to 0xff";
        for name in ["noop", "crc32c", "", "0x", "0x100", "0x+1", "238"] {
            assert_eq!(Tlv::named(name).unwrap_err(), allowed, "{name}");
        }
    }
}
