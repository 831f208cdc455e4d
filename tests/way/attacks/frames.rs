//! Floods of frames before the first request (CVE-2019-9511 to 9518, CVE-2020-11080, CVE-2024-27316 and kin).

use spliceway::limits::Limit;
use spliceway::log::{Cause, Side};

use super::Siege;
use crate::support::h2::{self, eager_call, frame, greeting, settings};

const WINDOW_UPDATE: u8 = 8;
const PRIORITY: u8 = 2;
const PRIORITY_UPDATE: u8 = 0x10;
const CONTINUATION: u8 = 9;

/// HEADERS that do not end the block.
fn begun() -> Vec<u8> {
    frame(h2::HEADERS, 0, 1, &h2::block(&[(":method", "GET"), (":scheme", "http"), (":path", "/")]))
}

#[test]
fn a_flood_of_continuations() {
    let more = frame(CONTINUATION, 0, 1, &h2::block(&[("a", "b")]));
    let mut siege = Siege::begin("");
    siege.calms(&[begun(), more.repeat(9)].concat(), 1, Limit::ContinuationFrames);
    let mut siege = Siege::begin("continuation_frames = 2");
    siege.calms(&[begun(), more.repeat(3)].concat(), 1, Limit::ContinuationFrames);
    // What is just allowed is a request.
    let whole = [greeting(), begun(), more, frame(CONTINUATION, h2::END_HEADERS, 1, b"")].concat();
    let mut client = siege.connect();
    client.sends(&whole);
    siege.backend.accept().receives(&whole);
}

#[test]
fn a_flood_of_empty_continuations_ends_with_the_first() {
    let empty = frame(CONTINUATION, 0, 1, b"");
    Siege::begin("").calms(&[begun(), empty.repeat(1000)].concat(), 1, Limit::EmptyContinuationFrames);
}

#[test]
fn a_header_block_that_is_too_large() {
    // 64 KiB and one byte by the head of its last frame, of which no byte is sent.
    let full = [frame(h2::HEADERS, 0, 1, &[0x82; 16_384]), frame(CONTINUATION, 0, 1, &[0x82; 16_384]).repeat(3)];
    let beyond = [full.concat(), vec![0, 0, 1, CONTINUATION, h2::END_HEADERS, 0, 0, 0, 1]].concat();
    Siege::begin("").calms(&beyond, 1, Limit::HeaderBlockBytes);
    let mut siege = Siege::begin("header_block_bytes = 4096");
    siege.calms(&frame(h2::HEADERS, h2::END_HEADERS, 1, &[0x82; 4097]), 1, Limit::HeaderBlockBytes);
    siege.calms(&[begun(), vec![0, 0x10, 0, CONTINUATION, 0, 0, 0, 0, 1]].concat(), 1, Limit::HeaderBlockBytes);
}

#[test]
fn a_flood_of_settings() {
    let mut siege = Siege::begin("");
    // The greeting has the first of them.
    siege.calms(&settings(&[(4, 1)]).repeat(8), 0, Limit::SettingsFrames);
    let mut siege = Siege::begin("settings_frames = 2\nsettings_entries = 8");
    siege.calms(&settings(&[]).repeat(2), 0, Limit::SettingsFrames);
    siege.calms(&settings(&[(0xf000, 1); 9]), 0, Limit::SettingsEntries);
}

#[test]
fn settings_of_thousands_of_entries() {
    Siege::begin("").calms(&settings(&[(0xf000, 1); 2730]), 0, Limit::SettingsEntries);
}

#[test]
fn a_flood_of_pings() {
    let ping = frame(h2::PING, 0, 0, b"12345678");
    Siege::begin("").calms(&ping.repeat(10_000), 0, Limit::PingFrames);
    let mut siege = Siege::begin("ping_frames = 1");
    siege.calms(&ping.repeat(2), 0, Limit::PingFrames);
    // Answers that nobody asked for count, too.
    siege.calms(&frame(h2::PING, h2::ACK, 0, b"12345678").repeat(2), 0, Limit::PingFrames);
}

#[test]
fn a_flood_of_window_updates() {
    let update = frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]);
    Siege::begin("").calms(&update.repeat(33), 0, Limit::WindowUpdateFrames);
    Siege::begin("window_update_frames = 2").calms(&update.repeat(3), 0, Limit::WindowUpdateFrames);
}

#[test]
fn a_flood_of_priorities() {
    let [priority, update] = [frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 1]), frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01u=1")];
    Siege::begin("").calms(&priority.repeat(33), 0, Limit::PriorityFrames);
    let mut siege = Siege::begin("priority_frames = 5");
    siege.calms(&[priority.repeat(3), update.repeat(3)].concat(), 0, Limit::PriorityFrames);
    // Of these each may be long; all that is kept of a connection has a bound of its own.
    let long = frame(PRIORITY_UPDATE, 0, 0, &[b' '; 16_384]);
    Siege::begin("").calms(&long.repeat(6), 0, Limit::ReplayBytes);
}

#[test]
fn a_flood_of_unknown_frames() {
    let unknown = |length| frame(0xbe, 0, 0, &vec![0; length]);
    let mut siege = Siege::begin("");
    siege.calms(&unknown(0).repeat(11), 0, Limit::UnknownFrames);
    siege.calms(&unknown(8193).repeat(2), 0, Limit::UnknownFrameBytes);
    let mut siege = Siege::begin("unknown_frames = 1\nunknown_frame_bytes = 256");
    siege.calms(&unknown(0).repeat(2), 0, Limit::UnknownFrames);
    siege.calms(&unknown(257), 0, Limit::UnknownFrameBytes);
}

#[test]
fn a_flood_of_a_little_of_everything() {
    let all = [
        settings(&[]).repeat(3),
        frame(h2::PING, 0, 0, b"12345678").repeat(5),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]).repeat(5),
        frame(0xbe, 0, 0, b"").repeat(3),
    ];
    // With the greeting's SETTINGS it is 17.
    Siege::begin("opening_frames = 16").calms(&all.concat(), 0, Limit::OpeningFrames);
}

#[test]
fn an_oversized_frame_is_refused_by_its_head() {
    let mut siege = Siege::begin("");
    for (kind, stream) in [(h2::HEADERS, 1), (h2::SETTINGS, 0), (h2::PING, 0), (0xbe, 0), (h2::DATA, 0)] {
        // No byte of the payload is ever sent; nothing waits for it.
        let head = [&greeting()[..], &[0xff, 0xff, 0xff, kind, 0, 0, 0, 0, stream]].concat();
        let goaway = (u32::from(stream), h2::FRAME_SIZE_ERROR);
        siege.sends_away(&head, goaway, Cause::Malformed, Some(Limit::FramePayloadBytes));
    }
}

#[test]
fn a_client_that_never_reads_makes_us_say_no_more_than_the_limits_allow() {
    let mut siege = Siege::begin("ping_frames = 1000\nsettings_frames = 1000\nopening_frames = 10000");
    let mut attacker = siege.connect();
    attacker.sends(greeting());
    attacker.receives(h2::OWN_SETTINGS);
    // Each is to be answered; then one more, and much more that nobody reads any longer.
    let pings = frame(h2::PING, 0, 0, b"12345678").repeat(1000);
    attacker.sends([pings, settings(&[]).repeat(999)].concat());
    attacker.sends(frame(h2::PING, 0, 0, b"12345678"));
    siege.serves();
    // It may be closed by now, with a reset.
    drop(std::io::Write::write_all(&mut attacker.stream, &vec![0; 1 << 20]));
    let summary = siege.ends(Side::Client, Cause::Limit, Some(Limit::PingFrames));
    // Our SETTINGS, a thousand answers to each, GOAWAY: 26 KB, and no byte for what came behind the limit.
    let most = 15 + 1000 * 17 + 1000 * 9 + 17;
    assert!(summary.to_client.total() <= most, "{}", summary.to_client.total());
    siege.serves();
}

#[test]
fn resets_behind_the_first_request_are_not_parsed() {
    // CVE-2023-44487: streams opened and reset. One is looked at; the others reach the backend as they came.
    let mut siege = Siege::begin("");
    let stream = |id: u32| [h2::get(id, &[]), frame(h2::RST_STREAM, 0, id, &[0, 0, 0, 8])].concat();
    let streams: Vec<u8> = (0..1000).flat_map(|number| stream(1 + 2 * number)).collect();
    let flood = [greeting(), streams].concat();
    let mut attacker = siege.connect();
    attacker.sends(&flood);
    let mut served = siege.backend.accept();
    served.receives(&flood);
    served.sends(settings(&[]));
    attacker.receives(settings(&[]));
    siege.serves();
    drop(attacker);
    served.receives_end();
    drop(served);
    let summary = siege.ends(Side::Client, Cause::Finished, None);
    assert_eq!(summary.to_backend.total(), flood.len() as u64);
    assert!(siege.front.proxy().totals().limited.is_empty());
}

#[test]
fn a_reset_before_the_first_request_is_an_error() {
    let reset = frame(h2::RST_STREAM, 0, 1, &[0, 0, 0, 8]);
    let mut siege = Siege::begin("");
    let goaway = (0, h2::PROTOCOL_ERROR);
    siege.sends_away(&[greeting(), reset, eager_call(&[])].concat(), goaway, Cause::Malformed, None);
}
