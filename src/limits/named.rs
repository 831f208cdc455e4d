//! The limits that have names: on what may come before a connection is routed.
//!
//! A name is a key of `[limits]`, a count, and a word in the log, so that whoever sees one of them finds the others. Who
//! checks a limit gets the values by reference; there is no other state.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{
    CLIENT_HELLO_BYTES, CLIENT_HELLO_PROTOCOLS, CONTINUATION_FRAMES, DESCRIPTORS, FRAME_PAYLOAD_BYTES,
    HEADER_BLOCK_BYTES, HEADER_DEADLINE, HEADER_FIELDS, HEADER_LIST_BYTES, HTTP1_FIELDS, HTTP1_HEAD_BYTES,
    OPENING_FRAMES, OPENING_READ_BYTES, PING_FRAMES, PREFACE_DEADLINE, PRIORITY_FRAMES, PROXY_DEADLINE,
    PROXY_V2_PAYLOAD_BYTES, REPLAY_BYTES, SETTINGS_ENTRIES, SETTINGS_FRAMES, UNKNOWN_FRAME_BYTES, UNKNOWN_FRAMES,
    UNROUTED_CONNECTIONS, UNROUTED_CONNECTIONS_PER_SOURCE, UNROUTED_IDLE, WINDOW_UPDATE_FRAMES,
};

/// A limit that can end a connection before it is routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// See [`PROXY_V2_PAYLOAD_BYTES`].
    ProxyV2PayloadBytes,
    /// See [`PROXY_DEADLINE`].
    ProxyDeadline,
    /// See [`PREFACE_DEADLINE`].
    PrefaceDeadline,
    /// See [`HEADER_DEADLINE`].
    HeaderDeadline,
    /// See [`UNROUTED_IDLE`].
    UnroutedIdle,
    /// See [`HEADER_BLOCK_BYTES`].
    HeaderBlockBytes,
    /// See [`HEADER_LIST_BYTES`].
    HeaderListBytes,
    /// See [`HEADER_FIELDS`].
    HeaderFields,
    /// See [`CONTINUATION_FRAMES`].
    ContinuationFrames,
    /// See [`SETTINGS_FRAMES`].
    SettingsFrames,
    /// See [`SETTINGS_ENTRIES`].
    SettingsEntries,
    /// See [`PING_FRAMES`].
    PingFrames,
    /// See [`WINDOW_UPDATE_FRAMES`].
    WindowUpdateFrames,
    /// See [`PRIORITY_FRAMES`].
    PriorityFrames,
    /// See [`UNKNOWN_FRAMES`].
    UnknownFrames,
    /// See [`UNKNOWN_FRAME_BYTES`].
    UnknownFrameBytes,
    /// See [`OPENING_FRAMES`].
    OpeningFrames,
    /// See [`HTTP1_HEAD_BYTES`].
    Http1HeadBytes,
    /// See [`HTTP1_FIELDS`].
    Http1Fields,
    /// See [`CLIENT_HELLO_BYTES`].
    ClientHelloBytes,
    /// See [`UNROUTED_CONNECTIONS`].
    UnroutedConnections,
    /// See [`UNROUTED_CONNECTIONS_PER_SOURCE`].
    UnroutedConnectionsPerSource,
    /// See [`FRAME_PAYLOAD_BYTES`]. Not configurable.
    FramePayloadBytes,
    /// Empty CONTINUATION frames that do not end the block: none. Not configurable.
    EmptyContinuationFrames,
    /// See [`CLIENT_HELLO_PROTOCOLS`]. Not configurable.
    ClientHelloProtocols,
    /// See [`REPLAY_BYTES`]; it follows from others. Not configurable.
    ReplayBytes,
}

/// What the value of a limit is a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Frames, fields, connections.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Time,
}

/// What `[limits]` allows for one of them.
struct Spec {
    name: &'static str,
    unit: Unit,
    default: u64,
    /// The same twice: it is not configurable.
    bounds: (u64, u64),
}

impl Limit {
    /// All of them, in the order of the documentation; those that are not configurable last.
    pub const ALL: [Limit; 26] = [
        Limit::ProxyV2PayloadBytes,
        Limit::ProxyDeadline,
        Limit::PrefaceDeadline,
        Limit::HeaderDeadline,
        Limit::UnroutedIdle,
        Limit::HeaderBlockBytes,
        Limit::HeaderListBytes,
        Limit::HeaderFields,
        Limit::ContinuationFrames,
        Limit::SettingsFrames,
        Limit::SettingsEntries,
        Limit::PingFrames,
        Limit::WindowUpdateFrames,
        Limit::PriorityFrames,
        Limit::UnknownFrames,
        Limit::UnknownFrameBytes,
        Limit::OpeningFrames,
        Limit::Http1HeadBytes,
        Limit::Http1Fields,
        Limit::ClientHelloBytes,
        Limit::UnroutedConnections,
        Limit::UnroutedConnectionsPerSource,
        Limit::FramePayloadBytes,
        Limit::EmptyContinuationFrames,
        Limit::ClientHelloProtocols,
        Limit::ReplayBytes,
    ];

    /// The key in `[limits]` and the name in counts.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// What the value is a number of.
    pub fn unit(self) -> Unit {
        self.spec().unit
    }

    /// What may be configured; of a time in milliseconds.
    pub fn bounds(self) -> RangeInclusive<u64> {
        let (least, most) = self.spec().bounds;
        least..=most
    }

    /// Whether `[limits]` has a key for it.
    pub fn is_configurable(self) -> bool {
        let (least, most) = self.spec().bounds;
        least < most
    }

    /// Says that the limit was reached, for a log line: what there was too much of, or too late, and the key.
    pub fn reached(self, value: u64) -> String {
        let what = self.exceeded(value);
        if self.is_configurable() { format!("{what} (limits.{self})") } else { what }
    }

    /// The same without the key, for a client, who does not know the configuration.
    pub fn exceeded(self, value: u64) -> String {
        match self.unit() {
            Unit::Count | Unit::Bytes => format!("more than {value} {}", self.noun()),
            Unit::Time => format!("no {} within {:?}", self.noun(), Duration::from_millis(value)),
        }
    }

    /// Name, default and bounds. The least of each is what honest clients need; 0 is never allowed, since half of the
    /// people would read it as "none" and half as "unlimited". The most is what one connection may cost at all.
    const fn spec(self) -> Spec {
        match self {
            // A Unix address takes 216; the length field has 16 bits.
            Limit::ProxyV2PayloadBytes => bytes("proxy_v2_payload_bytes", PROXY_V2_PAYLOAD_BYTES, 216, 65_535),
            Limit::ProxyDeadline => time("proxy_deadline", PROXY_DEADLINE, MINUTE),
            Limit::PrefaceDeadline => time("preface_deadline", PREFACE_DEADLINE, MINUTE),
            Limit::HeaderDeadline => time("header_deadline", HEADER_DEADLINE, MINUTE),
            // Who wants channels to idle for longer than a day has them closed by the networks between.
            Limit::UnroutedIdle => time("unrouted_idle", UNROUTED_IDLE, DAY),
            // A request with a token and cookies takes 4 KiB; servers take 1 MiB at the very most.
            Limit::HeaderBlockBytes => bytes("header_block_bytes", HEADER_BLOCK_BYTES, 4096, 1_048_576),
            Limit::HeaderListBytes => bytes("header_list_bytes", HEADER_LIST_BYTES, 4096, 1_048_576),
            // A gRPC call has eight to twelve.
            Limit::HeaderFields => count("header_fields", HEADER_FIELDS, 16, 4096),
            // 64 full frames are a block of 1 MiB; some clients send smaller ones.
            Limit::ContinuationFrames => count("continuation_frames", CONTINUATION_FRAMES, 1, 1024),
            Limit::SettingsFrames => count("settings_frames", SETTINGS_FRAMES, 1, 1000),
            // Eight are registered and in use; a frame of 16,384 bytes has room for 2,730.
            Limit::SettingsEntries => count("settings_entries", SETTINGS_ENTRIES, 8, 2730),
            Limit::PingFrames => count("ping_frames", PING_FRAMES, 1, 1000),
            // Clients open the connection's window once or twice.
            Limit::WindowUpdateFrames => count("window_update_frames", WINDOW_UPDATE_FRAMES, 2, 1000),
            // nghttp opens with five.
            Limit::PriorityFrames => count("priority_frames", PRIORITY_FRAMES, 5, 1000),
            Limit::UnknownFrames => count("unknown_frames", UNKNOWN_FRAMES, 1, 1000),
            Limit::UnknownFrameBytes => bytes("unknown_frame_bytes", UNKNOWN_FRAME_BYTES, 256, 1_048_576),
            // nghttp sends SETTINGS, WINDOW_UPDATE, five priorities and an ACK.
            Limit::OpeningFrames => count("opening_frames", OPENING_FRAMES, 16, 10_000),
            // As for header blocks of HTTP/2.
            Limit::Http1HeadBytes => bytes("http1_head_bytes", HTTP1_HEAD_BYTES, 4096, 1_048_576),
            Limit::Http1Fields => count("http1_fields", HTTP1_FIELDS, 16, 4096),
            // With post-quantum key shares a ClientHello has up to 1,900; common TLS libraries read no more than 64 KiB.
            Limit::ClientHelloBytes => bytes("client_hello_bytes", CLIENT_HELLO_BYTES, 2048, 65_536),
            // No more descriptors than that are asked for.
            Limit::UnroutedConnections => count("unrouted_connections", UNROUTED_CONNECTIONS, 1, DESCRIPTORS),
            Limit::UnroutedConnectionsPerSource => {
                count("unrouted_connections_per_source", UNROUTED_CONNECTIONS_PER_SOURCE, 1, DESCRIPTORS)
            }
            Limit::FramePayloadBytes => fixed("frame_payload_bytes", FRAME_PAYLOAD_BYTES),
            Limit::EmptyContinuationFrames => fixed("empty_continuation_frames", 0),
            Limit::ClientHelloProtocols => fixed("client_hello_protocols", CLIENT_HELLO_PROTOCOLS),
            Limit::ReplayBytes => fixed("replay_bytes", REPLAY_BYTES),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Limit::ProxyV2PayloadBytes => "bytes behind the head of a PROXY header",
            Limit::ProxyDeadline => "whole PROXY header",
            Limit::PrefaceDeadline => "whole preface and SETTINGS",
            Limit::HeaderDeadline => "whole header block, request head or ClientHello",
            Limit::UnroutedIdle => "request",
            Limit::HeaderBlockBytes => "bytes in a header block",
            Limit::HeaderListBytes => "bytes in a decoded header list",
            Limit::HeaderFields => "header fields",
            Limit::ContinuationFrames => "CONTINUATION frames in a header block",
            Limit::SettingsFrames => "SETTINGS frames before the first request",
            Limit::SettingsEntries => "settings in one frame",
            Limit::PingFrames => "PING frames before the first request",
            Limit::WindowUpdateFrames => "WINDOW_UPDATE frames before the first request",
            Limit::PriorityFrames => "priorities before the first request",
            Limit::UnknownFrames => "frames of unknown type before the first request",
            Limit::UnknownFrameBytes => "bytes in frames of unknown type",
            Limit::OpeningFrames => "frames before the first request",
            Limit::Http1HeadBytes => "bytes in a request head",
            Limit::Http1Fields => "header fields",
            Limit::ClientHelloBytes => "bytes of TLS records up to the end of the ClientHello",
            Limit::UnroutedConnections => "connections of a shard that are not routed yet",
            Limit::UnroutedConnectionsPerSource => "connections of one source that are not routed yet",
            Limit::FramePayloadBytes => "bytes in one frame",
            Limit::EmptyContinuationFrames => "empty CONTINUATION frames that do not end a header block",
            Limit::ClientHelloProtocols => "application protocols in a ClientHello",
            Limit::ReplayBytes => "bytes before the first request is whole",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const fn count(name: &'static str, default: usize, least: u64, most: u64) -> Spec {
    Spec { name, unit: Unit::Count, default: default as u64, bounds: (least, most) }
}

const fn bytes(name: &'static str, default: usize, least: u64, most: u64) -> Spec {
    Spec { name, unit: Unit::Bytes, default: default as u64, bounds: (least, most) }
}

const fn time(name: &'static str, default: Duration, most: u64) -> Spec {
    let default = default.as_secs() * 1000 + default.subsec_millis() as u64;
    Spec { name, unit: Unit::Time, default, bounds: (SHORTEST, most) }
}

const fn fixed(name: &'static str, value: usize) -> Spec {
    Spec { name, unit: Unit::Count, default: value as u64, bounds: (value as u64, value as u64) }
}

/// Shorter times than 100 ms are for machines on the same desk.
const SHORTEST: u64 = 100;
/// What is one burst of a sender's takes less than a minute on any network.
const MINUTE: u64 = 60_000;
const DAY: u64 = 86_400_000;

/// The values in force: what is configured, and defaults for the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    values: [u64; Limit::ALL.len()],
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Limits = Limits { values: defaults() };

    /// The value; of a time in milliseconds.
    pub fn value(&self, limit: Limit) -> u64 {
        self.values.get(limit as usize).copied().unwrap_or_default()
    }

    /// The value, of frames or bytes or connections.
    pub fn count(&self, limit: Limit) -> usize {
        usize::try_from(self.value(limit)).unwrap_or(usize::MAX)
    }

    /// The value of a time.
    pub fn time(&self, limit: Limit) -> Duration {
        Duration::from_millis(self.value(limit))
    }

    /// Replaces a value, within its bounds; what follows from it follows.
    pub fn set(&mut self, limit: Limit, value: u64) {
        let (least, most) = limit.spec().bounds;
        self.put(limit, value.clamp(least, most));
        self.put(Limit::ReplayBytes, self.replay_bytes());
    }

    fn put(&mut self, limit: Limit, value: u64) {
        if let Some(place) = self.values.get_mut(limit as usize) {
            *place = value;
        }
    }

    /// The most that is kept of an unrouted connection: a full header block, unknown frames, and either the other
    /// frames or the read that completed the block, whichever is more.
    fn replay_bytes(&self) -> u64 {
        let value = |limit| self.value(limit);
        let frames = value(Limit::OpeningFrames) + value(Limit::ContinuationFrames) + 1;
        let settings = value(Limit::SettingsFrames) * value(Limit::SettingsEntries);
        let others = (frames * SMALL_FRAME_BYTES + settings * SETTING_BYTES).max(OPENING_READ_BYTES as u64);
        value(Limit::HeaderBlockBytes) + value(Limit::UnknownFrameBytes) + others
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it, and refuses an index out of bounds")]
const fn defaults() -> [u64; Limit::ALL.len()] {
    let mut values = [0; Limit::ALL.len()];
    let mut index = 0;
    while index < values.len() {
        values[index] = Limit::ALL[index].spec().default;
        index += 1;
    }
    values
}

/// A frame head with the payload of PING, the longest of the frames whose length is fixed.
const SMALL_FRAME_BYTES: u64 = 17;
/// An entry of SETTINGS.
const SETTING_BYTES: u64 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_in_the_order_of_their_numbers_and_have_names_of_their_own() {
        for (number, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, number, "{limit}");
            assert_eq!(Limit::ALL.iter().filter(|other| other.name() == limit.name()).count(), 1, "{limit}");
        }
    }

    #[test]
    fn defaults_are_within_their_bounds() {
        for limit in Limit::ALL {
            assert!(limit.bounds().contains(&Limits::DEFAULT.value(limit)), "{limit}");
        }
        assert_eq!(Limits::DEFAULT.count(Limit::PingFrames), 10);
        assert_eq!(Limits::DEFAULT.time(Limit::UnroutedIdle), Duration::from_secs(60));
    }

    #[test]
    fn values_stay_within_their_bounds() {
        let mut limits = Limits::DEFAULT;
        for (value, kept) in [(0, 1), (1, 1), (1000, 1000), (1001, 1000)] {
            limits.set(Limit::PingFrames, value);
            assert_eq!(limits.count(Limit::PingFrames), kept);
        }
        limits.set(Limit::FramePayloadBytes, 1);
        assert_eq!(limits.count(Limit::FramePayloadBytes), 16_384);
    }

    #[test]
    fn what_is_kept_follows_from_what_may_come() {
        let mut limits = Limits::DEFAULT;
        limits.set(Limit::HeaderDeadline, 5000);
        assert_eq!(limits, Limits::DEFAULT);
        assert_eq!(limits.count(Limit::ReplayBytes), 98_304);
        limits.set(Limit::HeaderBlockBytes, 4096);
        assert_eq!(limits.count(Limit::ReplayBytes), 4096 + 16_384 + 16_384);
        limits.set(Limit::UnknownFrameBytes, 256);
        limits.set(Limit::SettingsFrames, 1000);
        assert_eq!(limits.count(Limit::ReplayBytes), 4096 + 256 + 109 * 17 + 1000 * 32 * 6);
    }

    #[test]
    fn a_limit_that_was_reached_says_its_value_and_its_key() {
        let told = "more than 3 PING frames before the first request (limits.ping_frames)";
        assert_eq!(Limit::PingFrames.reached(3), told);
        assert_eq!(Limit::UnroutedIdle.reached(60_000), "no request within 60s (limits.unrouted_idle)");
        assert_eq!(Limit::FramePayloadBytes.reached(16_384), "more than 16384 bytes in one frame");
    }

    #[test]
    fn the_documentation_has_a_row_for_each_with_default_and_bounds() {
        let document = include_str!("../../docs/LIMITS.md");
        let rows: Vec<Vec<&str>> =
            document.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>()).collect();
        for limit in Limit::ALL {
            let shown = |value| if limit.unit() == Unit::Time { period(value) } else { grouped(value) };
            let bounds = limit.bounds();
            let allowed = if limit.is_configurable() {
                format!("{} to {}", shown(*bounds.start()), shown(*bounds.end()))
            } else {
                if limit == Limit::ReplayBytes { "follows" } else { "fixed" }.to_owned()
            };
            let expected = ["", &format!("`{limit}`"), &shown(Limits::DEFAULT.value(limit)), &allowed];
            let found = rows.iter().filter(|row| row.get(1) == expected.get(1)).collect::<Vec<_>>();
            assert_eq!(found.len(), 1, "{limit} has one row in docs/LIMITS.md");
            assert_eq!(found[0][..4], expected, "docs/LIMITS.md");
        }
    }

    /// `65,536`
    fn grouped(value: u64) -> String {
        let digits = value.to_string();
        let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
        String::from_utf8(groups.join(&b',')).unwrap()
    }

    /// `5s`
    fn period(milliseconds: u64) -> String {
        let units = [(DAY, "d"), (MINUTE, "m"), (1000, "s"), (1, "ms")];
        let (unit, name) = units.into_iter().find(|(unit, _)| milliseconds.is_multiple_of(*unit)).unwrap();
        format!("{}{name}", milliseconds / unit)
    }
}
