//! The numbers of HTTP/2 in a few words.

use crate::wire::names;

/// `CANCEL (0x8)`.
pub(super) fn error(code: u32) -> String {
    format!("{} ({code:#x})", names::error_code(code).unwrap_or("unknown error code"))
}

/// What an error code means (RFC 9113 section 7).
pub(super) fn meaning(code: u32) -> &'static str {
    match names::error_code(code).unwrap_or_default() {
        "NO_ERROR" => "nothing is wrong",
        "PROTOCOL_ERROR" => "the peer broke a rule",
        "INTERNAL_ERROR" => "the sender failed",
        "FLOW_CONTROL_ERROR" => "more data than the window allowed",
        "SETTINGS_TIMEOUT" => "SETTINGS were not acknowledged in time",
        "STREAM_CLOSED" => "a frame for a stream that was closed",
        "FRAME_SIZE_ERROR" => "a frame of the wrong size",
        "REFUSED_STREAM" => "not processed, safe to try again",
        "CANCEL" => "no longer wanted",
        "COMPRESSION_ERROR" => "a header block could not be decoded",
        "CONNECT_ERROR" => "the tunnelled connection broke",
        "ENHANCE_YOUR_CALM" => "the peer does too much of something",
        "INADEQUATE_SECURITY" => "TLS is too weak",
        "HTTP_1_1_REQUIRED" => "to be tried with HTTP/1.1",
        _ => "its meaning is not known",
    }
}

/// `5 NOT_FOUND: no such user`, from what trailers say.
pub(super) fn status(code: Option<u32>, name: Option<&str>, message: Option<&str>) -> String {
    let mut text = match (code, name) {
        (Some(code), Some(name)) => format!("{code} {name}"),
        (Some(code), None) => format!("{code}, an unknown code"),
        (None, _) => "not a number".to_owned(),
    };
    if let Some(message) = message.filter(|message| !message.is_empty()) {
        text.push_str(": ");
        text.push_str(message);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_code_has_a_meaning() {
        for (code, name) in names::ERROR_CODES {
            assert_ne!(meaning(code), meaning(0x99), "{name}");
        }
        assert_eq!((error(8).as_str(), meaning(8)), ("CANCEL (0x8)", "no longer wanted"));
        assert_eq!((error(0x99).as_str(), meaning(0x99)), ("unknown error code (0x99)", "its meaning is not known"));
    }

    #[test]
    fn a_status_is_told_as_far_as_it_is_known() {
        assert_eq!(status(Some(0), Some("OK"), Some("")), "0 OK");
        assert_eq!(status(Some(5), Some("NOT_FOUND"), Some("no such user")), "5 NOT_FOUND: no such user");
        assert_eq!(status(Some(99), None, None), "99, an unknown code");
        assert_eq!(status(None, None, Some("why")), "not a number: why");
    }
}
