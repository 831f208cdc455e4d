//! What the targets share: how an input says in which reads and parts its bytes come, and what text must be.
//!
//! Inputs are bytes as a peer would send them behind a few that say how, so that they can be written by hand and a
//! mutation of one remains one.

use std::collections::BTreeMap;
use std::{iter, slice};

use spliceway::tap::event::Event;
use spliceway::tap::render::classic::{self, Endpoints};
use spliceway::tap::render::pretty::{self, Look, Stamp};
use spliceway::tap::render::{MessageText, Options, Palette};

/// Takes the cycle of reads from the beginning of an input: its length, at most 7, and as many [`reads`].
pub fn take_cycle(input: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = input.split_first() else { return (&[], &[]) };
    rest.split_at(usize::from(*length & 7).min(rest.len()))
}

/// What one read brings.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// At least one byte.
    pub bytes: &'a [u8],
    /// Whether nothing comes for a while afterwards.
    pub quiet: bool,
}

/// Cuts `bytes` into reads of the lengths in `cycle`, over and over; without any it is a single read.
///
/// A byte of the cycle is a length less one in the lower seven bits, and [`Read::quiet`] in the highest.
pub fn reads<'a>(cycle: &'a [u8], bytes: &'a [u8]) -> impl Iterator<Item = Read<'a>> {
    let mut rest = bytes;
    let mut cycle = cycle.iter().cycle();
    iter::from_fn(move || {
        let step = cycle.next().copied();
        let length = step.map_or(rest.len(), |step| usize::from(step & 0x7F) + 1).min(rest.len());
        let (bytes, behind) = rest.split_at(length);
        rest = behind;
        (!bytes.is_empty()).then_some(Read { bytes, quiet: step.is_some_and(|step| step & 0x80 != 0) })
    })
}

/// The parts of an input between `|||`.
pub fn parts(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(input);
    iter::from_fn(move || {
        let bytes = rest?;
        let end = bytes.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
        rest = end.map(|end| &bytes[end + SEPARATOR.len()..]);
        Some(&bytes[..end.unwrap_or(bytes.len())])
    })
}

/// Fails if a terminal would act on a character of the text instead of showing it.
#[track_caller]
pub fn assert_harmless(text: &str) {
    let acted_on = text.chars().find(|character| character.is_control() && *character != '\n');
    assert_eq!(acted_on, None, "in {text:?}");
}

/// Renders events in both forms, and fails unless they are [harmless](assert_harmless) and the pretty lines fit.
pub fn render(events: &[Event], messages: &dyn MessageText, show: bool) {
    let setting_names = BTreeMap::new();
    let options = Options { messages, setting_names: &setting_names, show_secrets: show };
    let endpoints = Endpoints { client: "192.0.2.1:1".to_owned(), backend: "backend:2".to_owned() };
    let look = Look { palette: Palette::PLAIN, hex: show };
    let (mut classic, mut pretty) = (String::new(), String::new());
    for event in events {
        classic::block(&mut classic, &endpoints, slice::from_ref(event), &options);
        pretty::event(&mut pretty, event, Stamp::default(), &options, look);
    }
    assert_harmless(&classic);
    assert_harmless(&pretty);
    for line in pretty.lines() {
        assert!(line.chars().count() <= 100, "{line:?}");
        assert!(!line.ends_with(' '), "{line:?}");
    }
}

const SEPARATOR: &[u8] = b"|||";
