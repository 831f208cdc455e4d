//! The names of the numbers on the wire, as their specifications spell them, for whoever explains bytes to people.
//!
//! Tables instead of matches: a renderer may list them too. A number without a name is no error anywhere.

use super::frame::{flag, kind};

/// The name of a frame type: `"HEADERS"` (RFC 9113 section 6, RFC 7838 section 4, RFC 8336, RFC 9218 section 7.1).
pub fn frame_type(kind: u8) -> Option<&'static str> {
    name_in(&FRAME_TYPES, kind)
}

/// The flags that a frame of this type can have, as `(bit, name)`, lowest bit first.
pub fn frame_flags(kind: u8) -> &'static [(u8, &'static str)] {
    match kind {
        kind::DATA => &[(flag::END_STREAM, "END_STREAM"), (flag::PADDED, "PADDED")],
        kind::HEADERS => &[
            (flag::END_STREAM, "END_STREAM"),
            (flag::END_HEADERS, "END_HEADERS"),
            (flag::PADDED, "PADDED"),
            (flag::PRIORITY, "PRIORITY"),
        ],
        kind::SETTINGS | kind::PING => &[(flag::ACK, "ACK")],
        kind::PUSH_PROMISE => &[(flag::END_HEADERS, "END_HEADERS"), (flag::PADDED, "PADDED")],
        kind::CONTINUATION => &[(flag::END_HEADERS, "END_HEADERS")],
        _ => &[],
    }
}

/// The name of a setting: `"SETTINGS_MAX_FRAME_SIZE"`; gRPC's own ones have no such prefix.
pub fn setting(id: u16) -> Option<&'static str> {
    name_in(&SETTINGS, id)
}

/// The name of an HTTP/2 error code: `"PROTOCOL_ERROR"` (RFC 9113 section 7).
pub fn error_code(code: u32) -> Option<&'static str> {
    name_in(&ERROR_CODES, code)
}

/// The name of a gRPC status code: `"NOT_FOUND"` (gRPC, "Status codes and their use in gRPC").
pub fn grpc_status(code: u32) -> Option<&'static str> {
    name_in(&GRPC_STATUSES, code)
}

fn name_in<T: Copy + PartialEq>(table: &[(T, &'static str)], number: T) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// Every frame type that is registered for use with HTTP/2.
pub const FRAME_TYPES: [(u8, &str); 13] = [
    (kind::DATA, "DATA"),
    (kind::HEADERS, "HEADERS"),
    (kind::PRIORITY, "PRIORITY"),
    (kind::RST_STREAM, "RST_STREAM"),
    (kind::SETTINGS, "SETTINGS"),
    (kind::PUSH_PROMISE, "PUSH_PROMISE"),
    (kind::PING, "PING"),
    (kind::GOAWAY, "GOAWAY"),
    (kind::WINDOW_UPDATE, "WINDOW_UPDATE"),
    (kind::CONTINUATION, "CONTINUATION"),
    (0x0a, "ALTSVC"),
    (0x0c, "ORIGIN"),
    (kind::PRIORITY_UPDATE, "PRIORITY_UPDATE"),
];

/// Settings: RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1, and gRPC's own (its core library).
pub const SETTINGS: [(u16, &str); 10] = [
    (0x1, "SETTINGS_HEADER_TABLE_SIZE"),
    (0x2, "SETTINGS_ENABLE_PUSH"),
    (0x3, "SETTINGS_MAX_CONCURRENT_STREAMS"),
    (0x4, "SETTINGS_INITIAL_WINDOW_SIZE"),
    (0x5, "SETTINGS_MAX_FRAME_SIZE"),
    (0x6, "SETTINGS_MAX_HEADER_LIST_SIZE"),
    (0x8, "SETTINGS_ENABLE_CONNECT_PROTOCOL"),
    (0x9, "SETTINGS_NO_RFC7540_PRIORITIES"),
    (0xfe03, "GRPC_ALLOW_TRUE_BINARY_METADATA"),
    (0xfe04, "GRPC_PREFERRED_RECEIVE_MESSAGE_SIZE"),
];

/// Error codes (RFC 9113 section 7).
pub const ERROR_CODES: [(u32, &str); 14] = [
    (0x0, "NO_ERROR"),
    (0x1, "PROTOCOL_ERROR"),
    (0x2, "INTERNAL_ERROR"),
    (0x3, "FLOW_CONTROL_ERROR"),
    (0x4, "SETTINGS_TIMEOUT"),
    (0x5, "STREAM_CLOSED"),
    (0x6, "FRAME_SIZE_ERROR"),
    (0x7, "REFUSED_STREAM"),
    (0x8, "CANCEL"),
    (0x9, "COMPRESSION_ERROR"),
    (0xa, "CONNECT_ERROR"),
    (0xb, "ENHANCE_YOUR_CALM"),
    (0xc, "INADEQUATE_SECURITY"),
    (0xd, "HTTP_1_1_REQUIRED"),
];

/// gRPC status codes.
pub const GRPC_STATUSES: [(u32, &str); 17] = [
    (0, "OK"),
    (1, "CANCELLED"),
    (2, "UNKNOWN"),
    (3, "INVALID_ARGUMENT"),
    (4, "DEADLINE_EXCEEDED"),
    (5, "NOT_FOUND"),
    (6, "ALREADY_EXISTS"),
    (7, "PERMISSION_DENIED"),
    (8, "RESOURCE_EXHAUSTED"),
    (9, "FAILED_PRECONDITION"),
    (10, "ABORTED"),
    (11, "OUT_OF_RANGE"),
    (12, "UNIMPLEMENTED"),
    (13, "INTERNAL"),
    (14, "UNAVAILABLE"),
    (15, "DATA_LOSS"),
    (16, "UNAUTHENTICATED"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers_have_their_names() {
        assert_eq!(frame_type(0x4), Some("SETTINGS"));
        assert_eq!(frame_type(0x10), Some("PRIORITY_UPDATE"));
        assert_eq!(setting(0x5), Some("SETTINGS_MAX_FRAME_SIZE"));
        assert_eq!(setting(0xfe03), Some("GRPC_ALLOW_TRUE_BINARY_METADATA"));
        assert_eq!(error_code(0xd), Some("HTTP_1_1_REQUIRED"));
        assert_eq!(grpc_status(5), Some("NOT_FOUND"));
        assert_eq!(frame_flags(0x6), [(0x1, "ACK")]);
        assert_eq!(frame_flags(0x5), [(0x4, "END_HEADERS"), (0x8, "PADDED")]);
    }

    #[test]
    fn unknown_numbers_have_none() {
        assert_eq!(frame_type(0xb), None);
        assert_eq!(setting(0x7), None);
        assert_eq!(error_code(0xe), None);
        assert_eq!(grpc_status(17), None);
        assert!(frame_flags(0xff).is_empty());
    }
}
