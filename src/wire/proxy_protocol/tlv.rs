//! The type-length-value vectors behind the addresses of a version 2 header (PROXY protocol section 2.2).
//!
//! Only what the format itself demands is checked: vectors fill the header exactly, a checksum has four bytes and
//! stands once, a unique id has at most 128. All other values are kept as received, because what they may hold is
//! between the sender and whoever asks for them. [`Ssl`] and [`PrivateEndpoint`] read the values that have a structure;
//! `name.rs` has the names.

use super::super::Malformed;
use super::SECTION_V2;

/// One vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// The type: a constant of this module, or one that only its sender knows.
    pub kind: u8,
    /// The value, at most 65,535 bytes.
    pub value: &'a [u8],
}

/// Application protocol, as in the TLS extension (RFC 7301).
pub const ALPN: u8 = 0x01;
/// Host name that the client asked for, UTF-8; from TLS it is the server name.
pub const AUTHORITY: u8 = 0x02;
/// Checksum of the whole header, four bytes, most significant first.
pub const CRC32C: u8 = 0x03;
/// Padding.
pub const NOOP: u8 = 0x04;
/// Id of the connection, opaque, at most 128 bytes.
pub const UNIQUE_ID: u8 = 0x05;
/// The client's TLS connection; see [`Ssl`].
pub const SSL: u8 = 0x20;
/// Inside [`SSL`]: TLS version, text.
pub const SSL_VERSION: u8 = 0x21;
/// Inside [`SSL`]: common name of the client certificate, UTF-8.
pub const SSL_COMMON_NAME: u8 = 0x22;
/// Inside [`SSL`]: cipher, text.
pub const SSL_CIPHER: u8 = 0x23;
/// Inside [`SSL`]: algorithm that signed the server certificate, text.
pub const SSL_SIGNATURE_ALGORITHM: u8 = 0x24;
/// Inside [`SSL`]: key algorithm of the server certificate, text.
pub const SSL_KEY_ALGORITHM: u8 = 0x25;
/// Inside [`SSL`]: key exchange group, text.
pub const SSL_GROUP: u8 = 0x26;
/// Inside [`SSL`]: signature scheme, text.
pub const SSL_SIGNATURE_SCHEME: u8 = 0x27;
/// Inside [`SSL`]: client certificate, DER.
pub const SSL_CLIENT_CERTIFICATE: u8 = 0x28;
/// Network namespace of the sender, text.
pub const NETNS: u8 = 0x30;
/// Google Cloud: Private Service Connect.
pub const GCP: u8 = 0xE0;
/// Amazon Web Services: VPC endpoint.
pub const AWS: u8 = 0xEA;
/// Microsoft Azure: Private Link.
pub const AZURE: u8 = 0xEE;

/// Stands for the checksum among vectors to be written: its value is computed in its place.
pub const CHECKSUM: Tlv<'static> = Tlv { kind: CRC32C, value: &[] };

/// Longest unique id, in bytes (PROXY protocol section 2.2.5).
pub const UNIQUE_ID_BYTES: usize = 128;

/// The value of an [`SSL`] vector (PROXY protocol section 2.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ssl<'a> {
    client: u8,
    verify: u32,
    vectors: &'a [u8],
}

impl<'a> Ssl<'a> {
    /// Reads the value. None if it is shorter than its two fixed fields or its vectors do not fill the rest.
    pub fn read(value: &'a [u8]) -> Option<Self> {
        let (&[client, verify @ ..], vectors) = value.split_first_chunk::<5>()?;
        end_exactly(vectors).then_some(Self { client, verify: u32::from_be_bytes(verify), vectors })
    }

    /// Whether the client connected over TLS.
    pub fn over_tls(&self) -> bool {
        self.client & 0x01 != 0
    }

    /// Whether the client showed a certificate on this connection.
    pub fn certificate_on_connection(&self) -> bool {
        self.client & 0x02 != 0
    }

    /// Whether the client showed a certificate at least once in this TLS session.
    pub fn certificate_in_session(&self) -> bool {
        self.client & 0x04 != 0
    }

    /// What came of verifying the client's certificate: 0 if it is good, else the sender's own number of the error. None
    /// if the client showed no certificate: then a zero says nothing, since that is what a sender leaves there.
    pub fn verification(&self) -> Option<u32> {
        (self.certificate_on_connection() || self.certificate_in_session()).then_some(self.verify)
    }

    /// Whether the client showed a certificate and the sender verified it.
    pub fn verified(&self) -> bool {
        self.verification() == Some(0)
    }

    /// The vectors inside.
    pub fn tlvs(&self) -> impl Iterator<Item = Tlv<'a>> {
        iterate(self.vectors)
    }
}

/// The cloud endpoint that a connection came through, as the vectors [`AWS`], [`AZURE`] and [`GCP`] tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateEndpoint<'a> {
    /// Id of the VPC endpoint: `vpce-08d2...`.
    Aws(&'a str),
    /// Link id of the private endpoint.
    Azure(u32),
    /// Private Service Connect connection id.
    Gcp(u64),
}

impl<'a> PrivateEndpoint<'a> {
    /// Reads the vector. None if it is of another type, or its value is not of the vendor's documented form: these
    /// types are free for anybody's use, so another form is another vendor's and no error.
    pub fn read(tlv: Tlv<'a>) -> Option<Self> {
        /// The first value byte of both vendors that number the kinds of what they send.
        const ENDPOINT_ID: u8 = 0x01;
        match (tlv.kind, tlv.value) {
            (AWS, [ENDPOINT_ID, id @ ..]) => {
                let documented = id.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
                documented.then_some(Self::Aws(str::from_utf8(id).ok()?))
            }
            // The one number of the whole format that is least significant byte first.
            (AZURE, &[ENDPOINT_ID, a, b, c, d]) => Some(Self::Azure(u32::from_le_bytes([a, b, c, d]))),
            (GCP, value) => Some(Self::Gcp(u64::from_be_bytes(value.try_into().ok()?))),
            _ => None,
        }
    }
}

/// The vectors of `bytes`, up to the first that is cut short.
pub(super) fn iterate(bytes: &[u8]) -> impl Iterator<Item = Tlv<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (tlv, behind) = split_first(rest)?;
        rest = behind;
        Some(tlv)
    })
}

/// Whether the vectors end where `bytes` end.
pub(super) fn end_exactly(bytes: &[u8]) -> bool {
    iterate(bytes).map(|tlv| HEAD_BYTES + tlv.value.len()).sum::<usize>() == bytes.len()
}

/// Checks the vectors, which begin `start` bytes into the header; answers where the checksum's value stands, counted
/// from the start of the header.
pub(super) fn validate(vectors: &[u8], start: usize) -> Result<Option<usize>, Malformed> {
    let mut offset = start;
    let mut checksum = None;
    let mut rest = vectors;
    while !rest.is_empty() {
        let malformed = |rule| Malformed { rule, section: SECTION_V2, offset };
        let Some((tlv, behind)) = split_first(rest) else {
            return Err(malformed("type-length-value vector runs past the end of the header"));
        };
        match tlv.kind {
            CRC32C if tlv.value.len() != 4 => return Err(malformed("checksum is not four bytes long")),
            CRC32C if checksum.is_some() => return Err(malformed("second checksum")),
            CRC32C => checksum = Some(offset + HEAD_BYTES),
            UNIQUE_ID if tlv.value.len() > UNIQUE_ID_BYTES => {
                return Err(malformed("unique id longer than 128 bytes"));
            }
            _ => {}
        }
        offset += HEAD_BYTES + tlv.value.len();
        rest = behind;
    }
    Ok(checksum)
}

/// The first vector and what follows it. None if it is cut short.
fn split_first(bytes: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let (&[kind, high, low], rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    Some((Tlv { kind, value }, rest))
}

/// Type and length.
const HEAD_BYTES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_in_order_and_may_be_empty() {
        let bytes = b"\x04\0\0\x01\0\x02h2\x04\0\0";
        let tlvs: Vec<_> = iterate(bytes).collect();
        assert_eq!(
            tlvs,
            [Tlv { kind: NOOP, value: b"" }, Tlv { kind: ALPN, value: b"h2" }, Tlv { kind: NOOP, value: b"" }]
        );
        assert!(end_exactly(bytes));
        assert_eq!(validate(bytes, 28), Ok(None));
        assert_eq!(validate(b"", 28), Ok(None));
    }

    #[test]
    fn a_vector_that_is_cut_short_ends_the_iteration_and_fails_validation() {
        let bytes = b"\x04\0\0\x01\0\x02h2";
        for length in [1, 2, 4, 5, 6, 7] {
            assert!(!end_exactly(&bytes[..length]), "{length}");
            let error = validate(&bytes[..length], 28).unwrap_err();
            assert_eq!(error.rule, "type-length-value vector runs past the end of the header", "{length}");
            assert_eq!(error.offset, if length < 3 { 28 } else { 31 }, "{length}");
        }
        assert_eq!(iterate(&bytes[..7]).count(), 1);
    }

    #[test]
    fn the_place_of_the_checksum_is_counted_from_the_start_of_the_header() {
        assert_eq!(validate(b"\x04\0\0\x03\0\x04abcd", 28), Ok(Some(34)));
    }

    #[test]
    fn limits_of_the_format_are_kept() {
        let error = |vectors: &[u8]| validate(vectors, 28).map_err(|error| (error.rule, error.offset));
        assert_eq!(error(b"\x03\0\x03abc"), Err(("checksum is not four bytes long", 28)));
        assert_eq!(error(b"\x03\0\x05abcde"), Err(("checksum is not four bytes long", 28)));
        assert_eq!(error(b"\x03\0\x04abcd\x03\0\x04abcd"), Err(("second checksum", 35)));
        assert_eq!(error(&[&[5, 0, 129][..], &[0; 129]].concat()), Err(("unique id longer than 128 bytes", 28)));
        assert_eq!(error(&[&[5, 0, 128][..], &[0; 128]].concat()), Ok(None));
    }

    #[test]
    fn ssl_is_read_with_its_vectors() {
        let value = b"\x03\0\0\0\0\x21\0\x07TLSv1.3\x22\0\x05alice";
        let ssl = Ssl::read(value).unwrap();
        assert!(ssl.over_tls() && ssl.certificate_on_connection() && !ssl.certificate_in_session() && ssl.verified());
        let tlvs: Vec<_> = ssl.tlvs().collect();
        assert_eq!(
            tlvs,
            [Tlv { kind: SSL_VERSION, value: b"TLSv1.3" }, Tlv { kind: SSL_COMMON_NAME, value: b"alice" }]
        );
        assert!(!Ssl::read(b"\x03\0\0\0\x01").unwrap().verified());
        assert!(!Ssl::read(b"\x01\0\0\0\0").unwrap().verified(), "no certificate, nothing verified");
    }

    #[test]
    fn ssl_that_does_not_fill_its_value_is_refused() {
        let value = b"\x03\0\0\0\0\x22\0\x05alice";
        for length in [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12] {
            assert_eq!(Ssl::read(&value[..length]), None, "{length}");
        }
    }

    #[test]
    fn private_endpoints_in_their_vendors_byte_order() {
        let read = |kind, value| PrivateEndpoint::read(Tlv { kind, value });
        assert_eq!(read(AWS, b"\x01vpce-1a"), Some(PrivateEndpoint::Aws("vpce-1a")));
        assert_eq!(read(AZURE, &[1, 0x04, 0x03, 0x02, 0x01]), Some(PrivateEndpoint::Azure(0x0102_0304)));
        assert_eq!(read(GCP, &[0, 0, 0, 0, 0, 0, 1, 2]), Some(PrivateEndpoint::Gcp(258)));
    }

    #[test]
    fn other_uses_of_the_vendors_types_are_no_endpoints() {
        let read = |kind, value| PrivateEndpoint::read(Tlv { kind, value });
        assert_eq!(read(AWS, b""), None);
        assert_eq!(read(AWS, b"\x02vpce-1a"), None);
        assert_eq!(read(AWS, b"\x01vpce_1a"), None);
        assert_eq!(read(AZURE, &[1, 2, 3, 4]), None);
        assert_eq!(read(AZURE, &[2, 0, 0, 0, 0]), None);
        assert_eq!(read(GCP, &[0; 7]), None);
        assert_eq!(read(GCP, &[0; 9]), None);
        assert_eq!(read(NOOP, &[0; 8]), None);
    }
}
