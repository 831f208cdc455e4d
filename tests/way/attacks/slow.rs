//! Clients that take their time: a byte now and then, or nothing at all (slowloris).

use std::time::{Duration, Instant};

use spliceway::limits::Limit;
use spliceway::log::{Cause, Side};

use super::Siege;
use crate::support::Peer;
use crate::support::h2::{self, frame, greeting};

/// Sends byte by byte, one each 50 ms, until something is heard or nothing is left.
fn drips(attacker: &mut Peer, bytes: &[u8]) {
    for byte in bytes {
        attacker.sends([*byte]);
        if attacker.hears_something_within(Duration::from_millis(50)) {
            return;
        }
    }
}

/// An opening that ends with the deadline that `limits` sets to 300 ms, however it drips.
#[track_caller]
fn is_too_slow(limits: &str, at_once: &[u8], dripped: &[u8], limit: Limit) -> Attack {
    let mut siege = Siege::begin(limits);
    let mut attacker = siege.connect();
    let begun = Instant::now();
    attacker.sends(at_once);
    siege.serves();
    if at_once == greeting() {
        // Who waits behind its SETTINGS is spoken to first.
        attacker.receives(h2::OWN_SETTINGS);
    }
    drips(&mut attacker, dripped);
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(290), "{waited:?}");
    siege.serves();
    Attack { siege, attacker, limit }
}

struct Attack {
    siege: Siege,
    attacker: Peer,
    limit: Limit,
}

impl Attack {
    #[track_caller]
    fn ends_with(mut self, goaway: Option<(u32, u32)>) {
        match goaway {
            Some(goaway) => assert_eq!(self.attacker.receives_goaway(), goaway),
            None => self.attacker.receives_end(),
        }
        drop(self.attacker);
        let summary = self.siege.ends(Side::Client, Cause::OpeningTimeout, Some(self.limit));
        assert_eq!(summary.to_backend.total(), 0);
        assert!(self.siege.backend.is_left_alone());
    }
}

#[test]
fn a_preface_that_drips() {
    // Fourteen bytes can be nothing else than a preface, and there is no protocol to answer in yet.
    let (start, rest) = h2::PREFACE.split_at(14);
    is_too_slow("preface_deadline = \"300ms\"", start, rest, Limit::PrefaceDeadline).ends_with(None);
}

#[test]
fn settings_that_drip() {
    let settings = h2::settings(&[(4, 1); 10]);
    let start = [h2::PREFACE, &settings[..9]].concat();
    let attack = is_too_slow("preface_deadline = \"300ms\"", &start, &settings[9..], Limit::PrefaceDeadline);
    attack.ends_with(Some((0, 0)));
}

#[test]
fn a_header_block_that_drips() {
    let call = h2::call(1, &[]);
    let attack = is_too_slow("header_deadline = \"300ms\"", &greeting(), &call, Limit::HeaderDeadline);
    attack.ends_with(Some((1, h2::ENHANCE_YOUR_CALM)));
}

#[test]
fn continuations_that_drip() {
    let start = [greeting(), frame(h2::HEADERS, 0, 1, &h2::block(&[(":method", "GET")]))].concat();
    let mut siege = Siege::begin("header_deadline = \"300ms\"");
    let mut attacker = siege.connect();
    attacker.sends(start);
    drips(&mut attacker, &frame(9, 0, 1, &[0x86; 100]));
    siege.serves();
    assert_eq!(attacker.receives_goaway(), (1, h2::ENHANCE_YOUR_CALM));
    drop(attacker);
    siege.ends(Side::Client, Cause::OpeningTimeout, Some(Limit::HeaderDeadline));
}

#[test]
fn a_channel_that_never_asks_for_anything() {
    let mut siege = Siege::begin("unrouted_idle = \"300ms\"");
    let mut idle = siege.connect();
    idle.sends(greeting());
    idle.receives(h2::OWN_SETTINGS);
    idle.sends(h2::SETTINGS_ACK);
    siege.serves();
    // Nothing was asked for, so there is nothing to try again.
    assert_eq!(idle.receives_goaway(), (0, 0));
    drop(idle);
    siege.ends(Side::Client, Cause::OpeningTimeout, Some(Limit::UnroutedIdle));
}

#[test]
fn a_silent_connection_goes_where_silent_ones_go_after_the_configured_time() {
    let mut siege = Siege::begin("preface_deadline = \"300ms\"");
    let mut silent = siege.connect();
    siege.serves();
    let mut served = siege.backend.accept();
    served.sends("220 mail.example ESMTP\r\n");
    silent.receives("220 mail.example ESMTP\r\n");
}
