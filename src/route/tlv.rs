//! The TLVs of a PROXY prefix that can be routed by, and how their values become text.
//!
//! A TLV with a name is compared as people write its value: the vendors put bytes and numbers around it. A TLV by its
//! number is compared as it came. The TLS element is a structure of its own, so it has no name here.

use std::io::Write as _;

use super::error::closest;

/// Which TLV (PROXY protocol section 2.2), and how to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tlv {
    kind: u8,
    form: Form,
}

/// How a value becomes text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As it came.
    Raw,
    /// Text behind the subtype byte 0x01.
    AwsEndpoint,
    /// A little-endian `u32` behind the subtype byte 0x01, in decimal.
    AzureLink,
    /// A big-endian `u64`, in decimal.
    GcpConnection,
}

impl Tlv {
    /// The TLV of a name or of a number such as `0xEE`; otherwise what is allowed.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        if let Some((_, kind, form)) = NAMED.iter().find(|(known, ..)| *known == name) {
            return Ok(Self { kind: *kind, form: *form });
        }
        let number = name.strip_prefix("0x").filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        if let Some(Ok(kind)) = number.map(|digits| u8::from_str_radix(digits, 16)) {
            return Ok(Self { kind, form: Form::Raw });
        }
        let names = NAMED.map(|(known, ..)| known);
        Err(closest(name, names).map_or_else(
            || format!("one of {}, or a type from 0x00 to 0xff", names.join(", ")),
            |meant| format!("did you mean `tlv.{meant}`?"),
        ))
    }

    /// Whether the text of one of these TLVs passes.
    pub(super) fn any(self, tlvs: &[(u8, &[u8])], mut passes: impl FnMut(&[u8]) -> bool) -> bool {
        tlvs.iter().filter(|(kind, _)| *kind == self.kind).any(|(_, value)| match self.form {
            Form::Raw => passes(value),
            Form::AwsEndpoint => value.strip_prefix(&[SUBTYPE]).is_some_and(&mut passes),
            Form::AzureLink => value
                .strip_prefix(&[SUBTYPE])
                .and_then(|number| number.try_into().ok())
                .is_some_and(|number| in_decimal(u32::from_le_bytes(number).into(), &mut passes)),
            Form::GcpConnection => {
                (*value).try_into().is_ok_and(|number| in_decimal(u64::from_be_bytes(number), &mut passes))
            }
        })
    }
}

/// Tests the digits of a number without a heap allocation.
fn in_decimal(number: u64, passes: impl FnOnce(&[u8]) -> bool) -> bool {
    let mut digits = [0; U64_DIGITS];
    let mut rest = &mut digits[..];
    let written = write!(rest, "{number}").is_ok();
    let length = U64_DIGITS - rest.len();
    written && digits.get(..length).is_some_and(passes)
}

/// Digits of `u64::MAX`.
const U64_DIGITS: usize = 20;

/// The only subtype that AWS and Azure have assigned so far.
const SUBTYPE: u8 = 0x01;

/// Registered types (PROXY protocol section 2.2) and those the vendors took from the custom range 0xE0 to 0xEF.
const NAMED: [(&str, u8, Form); 7] = [
    ("alpn", 0x01, Form::Raw),
    ("authority", 0x02, Form::Raw),
    ("unique_id", 0x05, Form::Raw),
    ("netns", 0x30, Form::Raw),
    ("aws_vpce_id", 0xEA, Form::AwsEndpoint),
    ("azure_linkid", 0xEE, Form::AzureLink),
    ("gcp_psc", 0xE0, Form::GcpConnection),
];

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
    fn plain_values_are_compared_as_they_came() {
        let tlvs: [(u8, &[u8]); 4] = [(0x01, b"h2"), (0x02, b"A.example"), (0x05, b"id"), (0x30, b"blue")];
        assert_eq!(texts("alpn", &tlvs), ["h2"]);
        assert_eq!(texts("authority", &tlvs), ["A.example"]);
        assert_eq!(texts("unique_id", &tlvs), ["id"]);
        assert_eq!(texts("netns", &tlvs), ["blue"]);
        assert_eq!(texts("0x30", &tlvs), ["blue"]);
        assert_eq!(texts("0x5", &tlvs), ["id"]);
        assert!(texts("0xEA", &tlvs).is_empty());
    }

    #[test]
    fn vendors_values_are_compared_as_people_write_them() {
        assert_eq!(texts("aws_vpce_id", &[(0xEA, b"\x01vpce-08d2")]), ["vpce-08d2"]);
        assert_eq!(texts("azure_linkid", &[(0xEE, b"\x01\x78\x56\x34\x12")]), ["305419896"]);
        assert_eq!(texts("gcp_psc", &[(0xE0, &[0, 0, 0, 0, 0, 0, 1, 2])]), ["258"]);
        assert_eq!(texts("gcp_psc", &[(0xE0, &[0xFF; 8])]), ["18446744073709551615"]);
    }

    #[test]
    fn vendors_values_of_another_shape_are_absent() {
        assert!(texts("aws_vpce_id", &[(0xEA, b""), (0xEA, b"\x02vpce")]).is_empty());
        assert!(texts("azure_linkid", &[(0xEE, b"\x01\x78\x56\x34"), (0xEE, b"\x02\0\0\0\0")]).is_empty());
        assert!(texts("gcp_psc", &[(0xE0, &[0; 7]), (0xE0, &[0; 9])]).is_empty());
    }

    #[test]
    fn unknown_names_are_refused_with_what_is_allowed() {
        assert_eq!(Tlv::named("aws_vpc_id").unwrap_err(), "did you mean `tlv.aws_vpce_id`?");
        let allowed = "one of alpn, authority, unique_id, netns, aws_vpce_id, azure_linkid, gcp_psc, \
                       or a type from 0x00 to 0xff";
        for name in ["ssl", "", "0x", "0x100", "0x+1", "238"] {
            assert_eq!(Tlv::named(name).unwrap_err(), allowed, "{name}");
        }
    }
}
