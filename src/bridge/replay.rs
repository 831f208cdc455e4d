//! What the backend is to see of an opening: the preface and the frames kept, as ranges of what was received.

use std::ops::Range;

use super::own_settings;
use crate::wire::first_bytes::PREFACE;
use crate::wire::frame::{self, HEAD_BYTES, flag, kind};

/// The frames of an opening that are kept, in order.
#[derive(Debug, Default)]
pub(super) struct Replay {
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    range: Range<usize>,
    role: Role,
}

/// What a frame that is kept may still have to do with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// SETTINGS: an ACK is owed for each.
    Settings,
    /// A PING that nobody has answered yet.
    Ping,
    /// Nothing.
    Other,
}

impl Replay {
    /// Keeps the frame that stands in `range`, head included.
    pub(super) fn keep(&mut self, range: Range<usize>, role: Role) {
        self.kept.push(Kept { range, role });
    }

    /// Whether nothing is kept: not even the SETTINGS of the preface have come.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many SETTINGS are kept.
    pub(super) fn settings(&self) -> usize {
        self.kept.iter().filter(|kept| kept.role == Role::Settings).count()
    }

    /// How many entries one frame has that says what all SETTINGS said.
    pub(super) fn merged_entries(&self, input: &[u8]) -> usize {
        own_settings::merged(self.settings_payloads(input)).len()
    }

    fn settings_payloads<'a>(&self, input: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.kept.iter().filter(|kept| kept.role == Role::Settings).map(|kept| kept.payload(input))
    }

    /// Whether a PING is kept that nobody has answered.
    pub(super) fn has_ping(&self) -> bool {
        self.kept.iter().any(|kept| kept.role == Role::Ping)
    }

    /// Answers the PINGs, and keeps them no longer.
    pub(super) fn answer_pings(&mut self, input: &[u8], to_client: &mut Vec<u8>) {
        self.kept.retain(|kept| {
            if kept.role == Role::Ping {
                frame::put(to_client, kind::PING, flag::ACK, 0, kept.payload(input));
            }
            kept.role != Role::Ping
        });
    }

    /// The bytes for the backend; all SETTINGS merged into one frame if they were acknowledged in its place.
    pub(super) fn to_bytes(&self, input: &[u8], acknowledged: bool) -> Vec<u8> {
        let mut replay = Vec::with_capacity(input.len());
        replay.extend_from_slice(PREFACE);
        if acknowledged {
            own_settings::put_merged(&mut replay, self.settings_payloads(input));
        }
        for kept in self.kept.iter().filter(|kept| !acknowledged || kept.role != Role::Settings) {
            replay.extend_from_slice(input.get(kept.range.clone()).unwrap_or_default());
        }
        replay
    }
}

impl Kept {
    fn payload<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        input.get(self.range.start + HEAD_BYTES..self.range.end).unwrap_or_default()
    }
}
