//! `settings` of a listener: what the proxy says of itself to a client that waits for SETTINGS.
//!
//! The backend is not chosen when they are said, so nothing is allowed that a backend might have to keep for us: what is
//! announced here is either a limit that every client may be held to, or a promise that the reader of the file makes for
//! all backends (RFC 9113 section 6.5.2).

use std::ops::RangeInclusive;

use toml::{Spanned, de::DeValue};

use super::{
    keys,
    section::{Reader, Section},
};
use crate::limits;

/// The content of the SETTINGS that the proxy speaks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnSettings {
    /// How many streams a client may open before it has read the backend's own SETTINGS; from 1 to 2^31-1.
    pub max_concurrent_streams: u32,
    /// How many bytes it may send on each of them before; at most 65,535. `None`: 65,535, not said.
    pub initial_window_size: Option<u32>,
    /// How large, in bytes, its header lists may be. `None`: not said.
    pub max_header_list_size: Option<u32>,
    /// Whether extended CONNECT (RFC 8441) is announced, which all backends must then support.
    pub enable_connect_protocol: bool,
}

impl Default for OwnSettings {
    fn default() -> OwnSettings {
        OwnSettings {
            // What nghttp2, hyper, Go and .NET assume before they see SETTINGS, and the floor that RFC 9113 section
            // 6.5.2 recommends. Empty SETTINGS would be legal but mean "unlimited" to clients, and a channel with a
            // thousand queued calls would fire them all at a backend that takes 100.
            max_concurrent_streams: 100,
            initial_window_size: None,
            max_header_list_size: None,
            enable_connect_protocol: false,
        }
    }
}

/// Reads `settings` of a listener, if it has them.
pub(super) fn read(listener: &Section<'_>, reader: &mut Reader<'_>) -> Option<Spanned<OwnSettings>> {
    let item = listener.item("settings")?;
    let DeValue::Table(table) = item.value.get_ref() else {
        reader.wrong_type(&item, "a table like { max_concurrent_streams = 100 }");
        return None;
    };
    let mut settings = OwnSettings::default();
    let section = Section::open(&keys::SETTINGS, table, item.value.span(), reader);
    let mut number = |key, range| {
        let item = section.item(key)?;
        u32::try_from(reader.number(&item, range)?).ok()
    };
    settings.max_concurrent_streams =
        number("max_concurrent_streams", STREAMS).unwrap_or(settings.max_concurrent_streams);
    settings.initial_window_size = number("initial_window_size", WINDOW_BYTES);
    settings.max_header_list_size = number("max_header_list_size", HEADER_LIST_BYTES);
    let connect = section.item("enable_connect_protocol").and_then(|item| reader.flag(&item));
    settings.enable_connect_protocol = connect.unwrap_or_default();
    Some(Spanned::new(item.value.span(), settings))
}

/// With 0 a client that waits would never send its first request, and no backend would ever be chosen.
const STREAMS: RangeInclusive<u64> = 1..=0x7fff_ffff;
/// More than the protocol's default a backend has not agreed to (RFC 9113 section 6.9.2).
const WINDOW_BYTES: RangeInclusive<u64> = 0..=65_535;
/// From what an ordinary call with a token needs to what is accepted before routing.
const HEADER_LIST_BYTES: RangeInclusive<u64> = 1024..=limits::HEADER_LIST_BYTES as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigError, golden};

    fn read(settings: &str) -> Result<OwnSettings, ConfigError> {
        let text = format!(
            "[[listener]]\nbind = \":0\"\ndefault_pool = \"a\"\n{settings}\n\
             [[pool]]\nname = \"a\"\nbackends = [\"10.0.0.5:1\"]\n"
        );
        golden::read("x.toml", &text).map(|config| config.listeners[0].settings)
    }

    #[test]
    fn what_is_not_named_is_not_announced() {
        let default = OwnSettings {
            max_concurrent_streams: 100,
            initial_window_size: None,
            max_header_list_size: None,
            enable_connect_protocol: false,
        };
        assert_eq!(read("").unwrap(), default);
        assert_eq!(read("settings = {}").unwrap(), default);
        assert_eq!(read("settings = { enable_connect_protocol = false }").unwrap(), default);
        let streams = OwnSettings { max_concurrent_streams: 1, ..default };
        assert_eq!(read("settings = { max_concurrent_streams = 1 }").unwrap(), streams);
        let smallest = OwnSettings { initial_window_size: Some(0), max_header_list_size: Some(1024), ..default };
        assert_eq!(read("settings = { initial_window_size = 0, max_header_list_size = 1024 }").unwrap(), smallest);
        let largest = OwnSettings {
            max_concurrent_streams: 0x7fff_ffff,
            initial_window_size: Some(65_535),
            max_header_list_size: Some(65_536),
            enable_connect_protocol: true,
        };
        let text = "[listener.settings]\nmax_concurrent_streams = 2147483647\ninitial_window_size = \"65535\"\n\
                    max_header_list_size = 65536\nenable_connect_protocol = \"true\"\n";
        assert_eq!(read(text).unwrap(), largest);
    }

    #[test]
    fn an_announcement_that_the_limits_do_not_keep_is_warned_of() {
        let warnings = |limit: u32, announced: u32| {
            let text = format!(
                "[limits]\nheader_list_bytes = {limit}\n[[listener]]\nbind = \":0\"\ndefault_pool = \"a\"\n\
                 settings = {{ max_header_list_size = {announced} }}\n\
                 [[pool]]\nname = \"a\"\nbackends = [\"10.0.0.5:1\"]\n"
            );
            let warnings = golden::read("x.toml", &text).unwrap().warnings;
            warnings.iter().map(|warning| warning.headline()).collect::<Vec<_>>()
        };
        let told = "x.toml:6:12: warning: key `listener.settings`: announces larger header lists than \
                    `limits.header_list_bytes` allows, 8192";
        assert_eq!(warnings(8192, 8193), [told]);
        assert!(warnings(8192, 8192).is_empty());
    }

    #[test]
    fn what_no_backend_has_agreed_to_is_refused_with_the_reason() {
        for (key, reason) in [
            ("max_frame_size = 32768", "larger frames"),
            ("5 = 32768", "larger frames"),
            ("header_table_size = 4096", "compress against a table"),
            ("0x1 = 4096", "compress against a table"),
            ("enable_push = 0", "the client's setting"),
            ("no_rfc7540_priorities = 1", "must not change after the first"),
            ("0x9 = 1", "must not change after the first"),
            ("0x3 = 9", "by its name"),
            ("65027 = 1", "may know nothing of"),
        ] {
            let error = read(&format!("settings = {{ {key} }}")).unwrap_err().to_string();
            assert!(error.contains("may not be announced") && error.contains(reason), "{key}: {error}");
        }
        for beyond in ["max_concurrent_streams = 0", "initial_window_size = 65536", "max_header_list_size = 65537"] {
            let error = read(&format!("settings = {{ {beyond} }}")).unwrap_err().to_string();
            assert!(error.contains("is not allowed") && error.contains("a whole number from"), "{beyond}: {error}");
        }
    }
}
