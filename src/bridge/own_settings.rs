//! SETTINGS written by the proxy: its own, the merged ones of a client, and the completed first ones of a backend.

use crate::limits;
use crate::wire::frame::{self, flag, kind};
use crate::wire::settings::{Setting, entries, id};

/// The number of streams our own SETTINGS allow.
///
/// 100 is what nghttp2, hyper, Go and .NET assume before they see SETTINGS, and the floor that RFC 9113 section 6.5.2
/// recommends. Empty SETTINGS would be legal but mean "unlimited" to clients, and a channel with a thousand queued
/// calls would fire them all at a backend that takes 100. Nothing else is announced: the backend, which has not been
/// chosen, might not agree to it.
const OWN_MAX_CONCURRENT_STREAMS: u32 = 100;

/// What "no limit" is for a backend that names no MAX_CONCURRENT_STREAMS: not 0xffffffff, because grpc-java's okhttp
/// transport keeps it in a signed integer.
const UNLIMITED_STREAMS: u32 = 0x7fff_ffff;

/// Appends the SETTINGS that the proxy speaks first.
pub(super) fn put_own(out: &mut Vec<u8>) {
    put(out, &[Setting { id: id::MAX_CONCURRENT_STREAMS, value: OWN_MAX_CONCURRENT_STREAMS }]);
}

/// Appends an acknowledgement.
pub(super) fn put_ack(out: &mut Vec<u8>) {
    frame::put(out, kind::SETTINGS, flag::ACK, 0, &[]);
}

/// Appends one SETTINGS frame that says what several payloads of a client said one after the other.
///
/// One frame, so that exactly one ACK is owed by the backend. Each identifier once with its last value (Go's server
/// refuses duplicates), except HEADER_TABLE_SIZE: the smallest value ever acknowledged, because the client's decoder
/// was told of the dip and expects the size update that follows it (RFC 9113 section 4.3.1).
pub(super) fn put_merged<'a>(out: &mut Vec<u8>, payloads: impl Iterator<Item = &'a [u8]>) {
    let mut merged: Vec<Setting> = Vec::new();
    for setting in payloads.flat_map(entries) {
        match merged.iter_mut().find(|known| known.id == setting.id) {
            Some(known) if setting.id == id::HEADER_TABLE_SIZE => known.value = known.value.min(setting.value),
            Some(known) => known.value = setting.value,
            None => merged.push(setting),
        }
    }
    put(out, &merged);
}

/// Appends the backend's first SETTINGS as a client may see them that has seen ours before.
///
/// NO_RFC7540_PRIORITIES must not change after the first SETTINGS frame (RFC 9218 section 2.1; nghttp2 enforces it), and
/// ours were the first, so it is dropped. MAX_CONCURRENT_STREAMS stays in force until a later frame names it, so where
/// the backend names none, its default takes the place of ours; unless that would make more than 32 entries, which
/// nghttp2 refuses, and 100 streams are better than none.
pub(super) fn put_rewritten(out: &mut Vec<u8>, payload: &[u8]) {
    let mut rewritten: Vec<Setting> =
        entries(payload).filter(|setting| setting.id != id::NO_RFC7540_PRIORITIES).collect();
    let named = rewritten.iter().any(|setting| setting.id == id::MAX_CONCURRENT_STREAMS);
    if !named && rewritten.len() < limits::SETTINGS_ENTRIES {
        rewritten.push(Setting { id: id::MAX_CONCURRENT_STREAMS, value: UNLIMITED_STREAMS });
    }
    put(out, &rewritten);
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

    #[test]
    fn own_settings_announce_one_hundred_streams_and_nothing_else() {
        assert_eq!(written(put_own), [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100]);
        assert_eq!(written(put_ack), [0, 0, 0, 4, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn merging_keeps_the_last_value_but_the_smallest_table() {
        let first = [0, 1, 0, 0, 16, 0, 0, 4, 0, 0, 0, 1];
        let second = [0, 1, 0, 0, 0, 0, 0, 5, 0, 0, 64, 0];
        let third = [0, 1, 0, 0, 8, 0, 0, 4, 0, 0, 0, 2];
        let merged = written(|out| put_merged(out, [&first[..], &second, &third].into_iter()));
        let expected = [0, 0, 18, 4, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 2, 0, 5, 0, 0, 64, 0];
        assert_eq!(merged, expected);
    }

    #[test]
    fn rewriting_drops_the_priority_setting_and_completes_the_stream_limit() {
        let go = [0, 9, 0, 0, 0, 1, 0, 5, 0, 16, 0, 0];
        let expected = [0, 0, 12, 4, 0, 0, 0, 0, 0, 0, 5, 0, 16, 0, 0, 0, 3, 0x7f, 0xff, 0xff, 0xff];
        assert_eq!(written(|out| put_rewritten(out, &go)), expected);
        let named = [0, 3, 0, 0, 0, 250];
        assert_eq!(written(|out| put_rewritten(out, &named)), [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 250]);
        assert_eq!(written(|out| put_rewritten(out, &[])), [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0x7f, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn rewriting_never_makes_thirty_three_entries() {
        let full: Vec<u8> = (0..32).flat_map(|_| [0xfe, 3, 0, 0, 0, 1]).collect();
        let rewritten = written(|out| put_rewritten(out, &full));
        assert_eq!(rewritten[..9], [0, 0, 192, 4, 0, 0, 0, 0, 0]);
        assert_eq!(rewritten[9..], full);
        let nearly: Vec<u8> = full[6..].to_vec();
        assert_eq!(written(|out| put_rewritten(out, &nearly))[..3], [0, 0, 192]);
    }
}
