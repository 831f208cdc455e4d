//! SETTINGS written by the proxy: its own, the merged ones of a client, and the completed first ones of a backend.

use crate::config::OwnSettings;
use crate::limits;
use crate::wire::frame::{self, flag, kind};
use crate::wire::settings::{Setting, entries, id};

/// What "no limit" is for a backend that names none: not 0xffffffff, because grpc-java's okhttp transport keeps
/// MAX_CONCURRENT_STREAMS in a signed integer.
const UNLIMITED: u32 = 0x7fff_ffff;
/// The window a stream begins with unless SETTINGS say otherwise (RFC 9113 section 6.5.2).
const INITIAL_WINDOW_BYTES: u32 = 65_535;

/// Appends the SETTINGS that the proxy speaks first.
pub(super) fn put_own(out: &mut Vec<u8>, own: &OwnSettings) {
    let setting = |id, value: Option<u32>| value.map(|value| Setting { id, value });
    let said = [
        setting(id::MAX_CONCURRENT_STREAMS, Some(own.max_concurrent_streams)),
        setting(id::INITIAL_WINDOW_SIZE, own.initial_window_size),
        setting(id::MAX_HEADER_LIST_SIZE, own.max_header_list_size),
        setting(id::ENABLE_CONNECT_PROTOCOL, own.enable_connect_protocol.then_some(1)),
    ];
    put(out, &said.into_iter().flatten().collect::<Vec<_>>());
}

/// Appends an acknowledgement.
pub(super) fn put_ack(out: &mut Vec<u8>) {
    frame::put(out, kind::SETTINGS, flag::ACK, 0, &[]);
}

/// Appends one SETTINGS frame that says what several payloads of a client said one after the other.
pub(super) fn put_merged<'a>(out: &mut Vec<u8>, payloads: impl Iterator<Item = &'a [u8]>) {
    put(out, &merged(payloads));
}

/// What several payloads of a client said one after the other, as one frame can say it.
///
/// One frame, so that exactly one ACK is owed by the backend. Each identifier once with its last value (Go's server
/// refuses duplicates), except HEADER_TABLE_SIZE: the smallest value ever acknowledged, because the client's decoder
/// was told of the dip and expects the size update that follows it (RFC 9113 section 4.3.1).
pub(super) fn merged<'a>(payloads: impl Iterator<Item = &'a [u8]>) -> Vec<Setting> {
    let mut merged: Vec<Setting> = Vec::new();
    for setting in payloads.flat_map(entries) {
        match merged.iter_mut().find(|known| known.id == setting.id) {
            Some(known) if setting.id == id::HEADER_TABLE_SIZE => known.value = known.value.min(setting.value),
            Some(known) => known.value = setting.value,
            None => merged.push(setting),
        }
    }
    merged
}

/// Appends the backend's first SETTINGS as a client may see them that has seen ours before.
///
/// NO_RFC7540_PRIORITIES must not change after the first SETTINGS frame (RFC 9218 section 2.1; nghttp2 enforces it), and
/// ours were the first, so it is dropped; so is an ENABLE_CONNECT_PROTOCOL that takes ours back (RFC 8441 section 3).
/// What ours announced stays in force until a later frame names it, so where the backend does not, the default takes
/// its place; unless that would make more than 32 entries, which nghttp2 refuses.
pub(super) fn put_rewritten(out: &mut Vec<u8>, payload: &[u8], own: &OwnSettings) {
    let takes_back = |setting: &Setting| {
        own.enable_connect_protocol && *setting == Setting { id: id::ENABLE_CONNECT_PROTOCOL, value: 0 }
    };
    let mut rewritten: Vec<Setting> =
        entries(payload).filter(|setting| setting.id != id::NO_RFC7540_PRIORITIES && !takes_back(setting)).collect();
    for default in defaults(own) {
        let named = rewritten.iter().any(|setting| setting.id == default.id);
        if !named && rewritten.len() < limits::SETTINGS_ENTRIES {
            rewritten.push(default);
        }
    }
    put(out, &rewritten);
}

/// The defaults of what ours announced, those of most effect first: without the first, a client would keep to our limit
/// of streams, without the last, to an advisory size of header lists (RFC 9113 section 6.5.2).
fn defaults(own: &OwnSettings) -> impl Iterator<Item = Setting> {
    let window = own.initial_window_size.map(|_| (id::INITIAL_WINDOW_SIZE, INITIAL_WINDOW_BYTES));
    let list = own.max_header_list_size.map(|_| (id::MAX_HEADER_LIST_SIZE, UNLIMITED));
    let defaults = [Some((id::MAX_CONCURRENT_STREAMS, UNLIMITED)), window, list];
    defaults.into_iter().flatten().map(|(id, value)| Setting { id, value })
}

fn put(out: &mut Vec<u8>, settings: &[Setting]) {
    let mut payload = Vec::with_capacity(settings.len() * crate::wire::settings::ENTRY_BYTES);
    settings.iter().for_each(|setting| setting.put(&mut payload));
    frame::put(out, kind::SETTINGS, 0, 0, &payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    const OURS: OwnSettings = OwnSettings {
        max_concurrent_streams: 100,
        initial_window_size: None,
        max_header_list_size: None,
        enable_connect_protocol: false,
    };

    /// Everything that may be announced.
    const FULL: OwnSettings = OwnSettings {
        max_concurrent_streams: 7,
        initial_window_size: Some(32_768),
        max_header_list_size: Some(16_384),
        enable_connect_protocol: true,
    };

    fn rewritten(payload: &[u8], own: &OwnSettings) -> Vec<u8> {
        written(|out| put_rewritten(out, payload, own))
    }

    /// RFC 9113 section 6.5.2: the floor that it recommends.
    #[test]
    fn own_settings_announce_one_hundred_streams_and_nothing_else() {
        assert_eq!(written(|out| put_own(out, &OURS)), [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100]);
        assert_eq!(OwnSettings::default(), OURS);
        assert_eq!(written(put_ack), [0, 0, 0, 4, 1, 0, 0, 0, 0]);
    }

    /// RFC 9113 section 6.5.2, RFC 8441 section 3.
    #[test]
    fn what_a_listener_announces_is_written_in_the_order_of_effect() {
        let expected = [
            &[0, 0, 24, 4, 0, 0, 0, 0, 0][..],
            &[0, 3, 0, 0, 0, 7, 0, 4, 0, 0, 0x80, 0, 0, 6, 0, 0, 0x40, 0, 0, 8, 0, 0, 0, 1],
        ];
        assert_eq!(written(|out| put_own(out, &FULL)), expected.concat());
    }

    /// RFC 9113 section 4.3.1, RFC 7541 section 4.2.
    #[test]
    fn merging_keeps_the_last_value_but_the_smallest_table() {
        let first = [0, 1, 0, 0, 16, 0, 0, 4, 0, 0, 0, 1];
        let second = [0, 1, 0, 0, 0, 0, 0, 5, 0, 0, 64, 0];
        let third = [0, 1, 0, 0, 8, 0, 0, 4, 0, 0, 0, 2];
        let merged = written(|out| put_merged(out, [&first[..], &second, &third].into_iter()));
        let expected = [0, 0, 18, 4, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 2, 0, 5, 0, 0, 64, 0];
        assert_eq!(merged, expected);
    }

    /// RFC 9218 section 2.1, RFC 9113 section 6.5.2.
    #[test]
    fn rewriting_drops_the_priority_setting_and_completes_the_stream_limit() {
        let go = [0, 9, 0, 0, 0, 1, 0, 5, 0, 16, 0, 0];
        let expected = [0, 0, 12, 4, 0, 0, 0, 0, 0, 0, 5, 0, 16, 0, 0, 0, 3, 0x7f, 0xff, 0xff, 0xff];
        assert_eq!(rewritten(&go, &OURS), expected);
        let named = [0, 3, 0, 0, 0, 250];
        assert_eq!(rewritten(&named, &OURS), [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 250]);
        assert_eq!(rewritten(&[], &OURS), [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0x7f, 0xff, 0xff, 0xff]);
    }

    /// RFC 9113 section 6.5.2: the window's default is 65,535, and there is none for the other two.
    #[test]
    fn everything_ours_announced_is_completed_with_its_default() {
        let head = [0, 0, 18, 4, 0, 0, 0, 0, 0];
        let streams = [0, 3, 0x7f, 0xff, 0xff, 0xff];
        let window = [0, 4, 0, 0, 0xff, 0xff];
        let list = [0, 6, 0x7f, 0xff, 0xff, 0xff];
        assert_eq!(rewritten(&[], &FULL)[..], [&head[..], &streams, &window, &list].concat());
        let named = [[0, 6, 0, 0, 1, 0], [0, 4, 0, 1, 0, 0], [0, 3, 0, 0, 0, 9]].concat();
        assert_eq!(rewritten(&named, &FULL)[..], [&head[..], &named].concat());
    }

    /// RFC 8441 section 3: never 0 behind 1.
    #[test]
    fn a_backend_does_not_take_back_what_ours_announced() {
        let off = [[0, 8, 0, 0, 0, 0], [0, 3, 0, 0, 0, 9]].concat();
        assert_eq!(rewritten(&off, &OURS)[9..], off);
        let quiet = OwnSettings { enable_connect_protocol: true, ..OURS };
        assert_eq!(rewritten(&off, &quiet)[9..], off[6..]);
        let on = [[0, 8, 0, 0, 0, 1], [0, 3, 0, 0, 0, 9]].concat();
        assert_eq!(rewritten(&on, &quiet)[9..], on);
    }

    #[test]
    fn rewriting_never_makes_thirty_three_entries() {
        let full: Vec<u8> = (0..32).flat_map(|_| [0xfe, 3, 0, 0, 0, 1]).collect();
        assert_eq!(rewritten(&full, &OURS)[..9], [0, 0, 192, 4, 0, 0, 0, 0, 0]);
        assert_eq!(rewritten(&full, &OURS)[9..], full);
        assert_eq!(rewritten(&full[6..], &OURS)[..3], [0, 0, 192]);
    }

    /// RFC 9113 section 10.5. Which completions go without a place: the advisory one first, then the window, then the limit of streams.
    #[test]
    fn with_little_room_the_completion_of_least_effect_is_left_out() {
        let streams = &[0, 3, 0x7f, 0xff, 0xff, 0xff][..];
        let window = &[0, 4, 0, 0, 0xff, 0xff][..];
        let list = &[0, 6, 0x7f, 0xff, 0xff, 0xff][..];
        let completions = [vec![], vec![streams], vec![streams, window], vec![streams, window, list]];
        for (room, completed) in completions.iter().enumerate() {
            let full: Vec<u8> = (room..32).flat_map(|_| [0xfe, 3, 0, 0, 0, 1]).collect();
            assert_eq!(rewritten(&full, &FULL)[..3], [0, 0, 192]);
            assert_eq!(rewritten(&full, &FULL)[9..], [full, completed.concat()].concat(), "room for {room}");
        }
    }
}
