//! What the vectors of a header are called, and their values as people write them.
//!
//! One table for the log, for matches and for descriptions, so that what is read in one place can be written in another.
//! Vendors put bytes and numbers around what they tell; a value that is not of its vendor's form is somebody else's and
//! has no text. The names of what stands in the TLS vector begin with `ssl`.

use std::borrow::Cow;

use super::Tlv;
use super::tlv::{self, PrivateEndpoint, Ssl};

/// A name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    text: &'static str,
    kind: u8,
    form: Form,
}

/// How a value becomes text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As it came.
    Bytes,
    /// In hexadecimal digits.
    Hexadecimal,
    /// Its length alone: what it holds says nothing to people.
    Length,
    /// Of the TLS vector: `yes` or `no`.
    OverTls,
    /// Of the TLS vector: the result of verifying the client's certificate, which is 0 if it is good; nothing if the
    /// client showed none.
    Verification,
    /// A vendor's, see [`PrivateEndpoint`].
    Endpoint,
}

impl Name {
    /// The name that reads `text`.
    pub fn of(text: &str) -> Option<Name> {
        NAMES.into_iter().find(|name| name.text == text)
    }

    /// The name of a type: `"unique_id"` for 0x05. None for types that have none.
    pub fn of_kind(kind: u8) -> Option<Name> {
        NAMES.into_iter().find(|name| name.kind == kind)
    }

    /// How it reads.
    pub fn text(self) -> &'static str {
        self.text
    }

    /// The names of values that can be compared.
    pub fn comparable() -> impl Iterator<Item = Name> {
        NAMES
            .into_iter()
            .filter(|name| matches!(name.form, Form::Bytes | Form::OverTls | Form::Verification | Form::Endpoint))
    }

    /// Whether one of the texts that `tlvs` have under this name passes.
    pub fn any<'a>(self, tlvs: impl Iterator<Item = Tlv<'a>>, mut passes: impl FnMut(&[u8]) -> bool) -> bool {
        let mut any = |tlv| self.value(tlv).is_some_and(|text| passes(&text));
        let inside = is_inside_tls(self.kind);
        tlvs.into_iter().any(|tlv| match Ssl::read(tlv.value).filter(|_| inside && tlv.kind == tlv::SSL) {
            Some(ssl) => ssl.tlvs().any(&mut any),
            None => !inside && any(tlv),
        })
    }

    /// The text of a vector, if it is one that this name means.
    fn value(self, tlv: Tlv<'_>) -> Option<Cow<'_, [u8]>> {
        if tlv.kind != self.kind {
            return None;
        }
        let owned = |text: String| Some(Cow::Owned(text.into_bytes()));
        match self.form {
            Form::Bytes => Some(Cow::Borrowed(tlv.value)),
            Form::Hexadecimal => owned(hexadecimal(tlv.value)),
            Form::Length => owned(format!("{} bytes", tlv.value.len())),
            Form::OverTls => owned(if Ssl::read(tlv.value)?.over_tls() { "yes" } else { "no" }.to_owned()),
            Form::Verification => owned(Ssl::read(tlv.value)?.verification()?.to_string()),
            Form::Endpoint => match PrivateEndpoint::read(tlv)? {
                PrivateEndpoint::Aws(id) => Some(Cow::Borrowed(id.as_bytes())),
                PrivateEndpoint::Azure(id) => owned(id.to_string()),
                PrivateEndpoint::Gcp(id) => owned(id.to_string()),
            },
        }
    }
}

/// Calls `tell` with the name and the text of each value, in the order received; what has no name has its type's number.
pub fn each<'a>(tlvs: impl Iterator<Item = Tlv<'a>>, mut tell: impl FnMut(Cow<'static, str>, &[u8])) {
    for tlv in tlvs {
        match Ssl::read(tlv.value).filter(|_| tlv.kind == tlv::SSL) {
            Some(ssl) => {
                each_named(tlv, &mut tell);
                ssl.tlvs().for_each(|inner| each_named(inner, &mut tell));
            }
            // A number of the TLS vector's inside means something else outside of it.
            None if is_inside_tls(tlv.kind) => tell(number(tlv.kind), tlv.value),
            None => each_named(tlv, &mut tell),
        }
    }
}

fn each_named(tlv: Tlv<'_>, tell: &mut impl FnMut(Cow<'static, str>, &[u8])) {
    let mut is_named = false;
    for name in NAMES {
        if let Some(text) = name.value(tlv) {
            is_named = true;
            tell(Cow::Borrowed(name.text), &text);
        }
    }
    if !is_named {
        tell(number(tlv.kind), tlv.value);
    }
}

fn number(kind: u8) -> Cow<'static, str> {
    Cow::Owned(format!("0x{kind:02x}"))
}

fn is_inside_tls(kind: u8) -> bool {
    (tlv::SSL_VERSION..=tlv::SSL_CLIENT_CERTIFICATE).contains(&kind)
}

/// Two digits a byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const fn name(text: &'static str, kind: u8, form: Form) -> Name {
    Name { text, kind, form }
}

/// Registered types (PROXY protocol section 2.2), and those that vendors took from the custom range 0xE0 to 0xEF.
const NAMES: [Name; 19] = [
    name("alpn", tlv::ALPN, Form::Bytes),
    name("authority", tlv::AUTHORITY, Form::Bytes),
    name("crc32c", tlv::CRC32C, Form::Hexadecimal),
    name("noop", tlv::NOOP, Form::Length),
    name("unique_id", tlv::UNIQUE_ID, Form::Bytes),
    name("ssl", tlv::SSL, Form::OverTls),
    name("ssl_verify", tlv::SSL, Form::Verification),
    name("ssl_version", tlv::SSL_VERSION, Form::Bytes),
    name("ssl_cn", tlv::SSL_COMMON_NAME, Form::Bytes),
    name("ssl_cipher", tlv::SSL_CIPHER, Form::Bytes),
    name("ssl_sig_alg", tlv::SSL_SIGNATURE_ALGORITHM, Form::Bytes),
    name("ssl_key_alg", tlv::SSL_KEY_ALGORITHM, Form::Bytes),
    name("ssl_group", tlv::SSL_GROUP, Form::Bytes),
    name("ssl_sig_scheme", tlv::SSL_SIGNATURE_SCHEME, Form::Bytes),
    name("ssl_client_cert", tlv::SSL_CLIENT_CERTIFICATE, Form::Length),
    name("netns", tlv::NETNS, Form::Bytes),
    name("gcp_psc", tlv::GCP, Form::Endpoint),
    name("aws_vpce_id", tlv::AWS, Form::Endpoint),
    name("azure_linkid", tlv::AZURE, Form::Endpoint),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SSL: Tlv<'static> =
        Tlv { kind: tlv::SSL, value: b"\x03\0\0\0\0\x21\0\x07TLSv1.3\x22\0\x05alice\x28\0\x02\x30\x00" };

    fn told(tlvs: &[Tlv<'_>]) -> Vec<(String, String)> {
        let mut told = Vec::new();
        each(tlvs.iter().copied(), |name, text| told.push((name.into_owned(), text.escape_ascii().to_string())));
        told
    }

    /// The texts under `name`.
    fn texts(name: &str, tlvs: &[Tlv<'_>]) -> Vec<String> {
        let mut texts = Vec::new();
        Name::of(name).unwrap().any(tlvs.iter().copied(), |text| {
            texts.push(String::from_utf8(text.to_vec()).unwrap());
            false
        });
        texts
    }

    #[test]
    fn every_registered_type_has_a_name_and_a_text() {
        for (kind, value, expected) in [
            (0x01, &b"h2"[..], ("alpn", "h2")),
            (0x02, b"a.example", ("authority", "a.example")),
            (0x03, b"\x01\x02\xAB\xCD", ("crc32c", "0102abcd")),
            (0x04, b"\0\0\0", ("noop", "3 bytes")),
            (0x05, b"id\x01", ("unique_id", "id\\x01")),
            (0x30, b"blue", ("netns", "blue")),
            (0xE0, b"\0\0\0\0\0\0\x01\x02", ("gcp_psc", "258")),
            (0xE0, &[0xFF; 8], ("gcp_psc", "18446744073709551615")),
            (0xEA, b"\x01vpce-08d2", ("aws_vpce_id", "vpce-08d2")),
            (0xEE, b"\x01\x78\x56\x34\x12", ("azure_linkid", "305419896")),
            (0xE4, b"x", ("0xe4", "x")),
        ] {
            let (name, text) = expected;
            assert_eq!(told(&[Tlv { kind, value }]), [(name.to_owned(), text.to_owned())]);
        }
    }

    #[test]
    fn the_tls_vector_is_told_with_what_is_inside() {
        let expected = [
            ("ssl", "yes"),
            ("ssl_verify", "0"),
            ("ssl_version", "TLSv1.3"),
            ("ssl_cn", "alice"),
            ("ssl_client_cert", "2 bytes"),
        ];
        assert_eq!(told(&[SSL]), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
        assert_eq!(texts("ssl_cn", &[SSL]), ["alice"]);
        assert_eq!(texts("ssl_version", &[SSL]), ["TLSv1.3"]);
        for (kind, name) in [
            (0x23, "ssl_cipher"),
            (0x24, "ssl_sig_alg"),
            (0x25, "ssl_key_alg"),
            (0x26, "ssl_group"),
            (0x27, "ssl_sig_scheme"),
        ] {
            let value = [&b"\x01\0\0\0\0"[..], &[kind], b"\0\x01x"].concat();
            assert_eq!(texts(name, &[Tlv { kind: tlv::SSL, value: &value }]), ["x"], "{name}");
        }
    }

    #[test]
    fn a_certificate_that_was_not_shown_was_not_verified() {
        let ssl = |value| [Tlv { kind: tlv::SSL, value }];
        assert_eq!(texts("ssl_verify", &ssl(b"\x01\0\0\0\0")), [""; 0]);
        assert_eq!(texts("ssl_verify", &ssl(b"\x03\0\0\0\0")), ["0"]);
        assert_eq!(texts("ssl_verify", &ssl(b"\x05\0\0\0\x0A")), ["10"]);
        assert_eq!(texts("ssl", &ssl(b"\0\0\0\0\0")), ["no"]);
    }

    #[test]
    fn what_belongs_into_the_tls_vector_means_nothing_outside_and_the_other_way_round() {
        let outside = Tlv { kind: tlv::SSL_COMMON_NAME, value: b"root" };
        assert_eq!(told(&[outside]), [("0x22".to_owned(), "root".to_owned())]);
        assert!(texts("ssl_cn", &[outside]).is_empty());
        let inside = Tlv { kind: tlv::SSL, value: b"\x01\0\0\0\0\x02\0\x01a" };
        assert!(texts("authority", &[inside]).is_empty());
    }

    #[test]
    fn a_tls_vector_that_is_none_is_a_number() {
        for length in 0..5 {
            let broken = Tlv { kind: tlv::SSL, value: &SSL.value[..length] };
            assert_eq!(told(&[broken])[0].0, "0x20", "{length}");
            assert!(texts("ssl", &[broken]).is_empty());
        }
        let broken = Tlv { kind: tlv::SSL, value: b"\x03\0\0\0\0\x22\0\x05alic" };
        assert!(texts("ssl_cn", &[broken]).is_empty() && texts("ssl_verify", &[broken]).is_empty());
    }

    #[test]
    fn vendors_values_of_another_shape_have_no_text_under_the_name() {
        for (name, kind, value) in [
            ("aws_vpce_id", 0xEA, &b""[..]),
            ("aws_vpce_id", 0xEA, b"\x02vpce"),
            ("aws_vpce_id", 0xEA, b"\x01vpce\n"),
            ("azure_linkid", 0xEE, b"\x01\x78\x56\x34"),
            ("azure_linkid", 0xEE, b"\x02\0\0\0\0"),
            ("gcp_psc", 0xE0, &[0; 7]),
            ("gcp_psc", 0xE0, &[0; 9]),
        ] {
            let tlv = [Tlv { kind, value }];
            assert!(texts(name, &tlv).is_empty(), "{name}");
            assert_eq!(told(&tlv)[0].0, format!("0x{kind:02x}"));
        }
    }

    proptest! {
        /// What the log shows, a match takes, and nothing else.
        #[test]
        fn what_is_told_can_be_compared(
            tlvs in prop::collection::vec((any::<u8>(), prop::collection::vec(0..48_u8, 0..24)), 0..6),
        ) {
            let common = [tlv::SSL, tlv::SSL, tlv::AWS, tlv::AZURE, tlv::GCP, tlv::ALPN];
            let kind = |kind: u8| common.get(usize::from(kind)).copied().unwrap_or(kind);
            let tlvs: Vec<_> = tlvs.iter().map(|(number, value)| Tlv { kind: kind(number % 40), value }).collect();
            let told = told(&tlvs);
            for name in Name::comparable() {
                let mut compared = Vec::new();
                name.any(tlvs.iter().copied(), |text| {
                    compared.push(text.escape_ascii().to_string());
                    false
                });
                let told = told.iter().filter(|(known, _)| known == name.text()).map(|(_, text)| text);
                prop_assert!(told.eq(&compared), "{}", name.text());
            }
        }
    }

    #[test]
    fn names_answer_to_their_text_and_type() {
        assert_eq!(Name::of("unique_id").map(Name::text), Some("unique_id"));
        assert_eq!(Name::of_kind(0x05).map(Name::text), Some("unique_id"));
        assert_eq!(Name::of_kind(0x20).map(Name::text), Some("ssl"));
        assert_eq!((Name::of("UNIQUE_ID"), Name::of_kind(0xE1)), (None, None));
        assert!(Name::comparable().all(|name| !["crc32c", "noop", "ssl_client_cert"].contains(&name.text())));
        assert_eq!(Name::comparable().count(), 16);
    }
}
