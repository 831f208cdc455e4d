//! PROXY protocol prefixes, written by hand from the specification.

/// The signature of version 2 (PROXY protocol section 2.2).
pub(crate) const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

pub(crate) const LOCAL: u8 = 0x20;
pub(crate) const PROXY: u8 = 0x21;
pub(crate) const UNSPEC: u8 = 0x00;
pub(crate) const TCP4: u8 = 0x11;
pub(crate) const TCP6: u8 = 0x21;
pub(crate) const UNIX: u8 = 0x31;

/// A version 1 line from 203.0.113.7:40312.
pub(crate) const V1: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 40312 443\r\n";

pub(crate) fn v2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family][..], &length, payload].concat()
}

/// A version 2 header from 203.0.113.7:40312 with these bytes behind the addresses.
pub(crate) fn v2_inet(tlvs: &[u8]) -> Vec<u8> {
    let addresses = [203, 0, 113, 7, 192, 0, 2, 1, 0x9d, 0x78, 0x01, 0xbb];
    v2(PROXY, TCP4, &[&addresses[..], tlvs].concat())
}

/// A type-length-value vector.
pub(crate) fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind], &u16::try_from(value.len()).unwrap().to_be_bytes()[..], value].concat()
}
