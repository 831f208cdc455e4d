//! `[limits]`: what a connection may cost before it is routed.
//!
//! Each key is a [`Limit`] by its name. A value out of its bounds is an error; values that are each allowed but undo
//! each other work, and are warned of.

use std::{ops::Range, time::Duration};

use super::{
    diagnostic::{Diagnostics, Problem, quoted},
    duration, keys,
    section::{Item, Reader, Section},
};
use crate::limits::{FRAME_PAYLOAD_BYTES, Limit, Limits, OWN_ACK_AFTER_SETTINGS, Unit};

/// The values, and where those stand that were given.
#[derive(Default)]
pub(super) struct LimitsDraft {
    pub(super) limits: Limits,
    given: Vec<(Limit, Range<usize>)>,
}

/// Reads the section of a file.
pub(super) fn read(file: &Section<'_>, reader: &mut Reader<'_>) -> LimitsDraft {
    let mut draft = LimitsDraft::default();
    let Some(section) = file.section("limits", &keys::LIMITS, reader) else { return draft };
    for limit in Limit::ALL.into_iter().filter(|limit| limit.is_configurable()) {
        let Some(item) = section.item(limit.name()) else { continue };
        let value = match limit.unit() {
            Unit::Count | Unit::Bytes => reader.number(&item, limit.bounds()),
            Unit::Time => milliseconds(&item, limit, reader),
        };
        if let Some(value) = value {
            draft.limits.set(limit, value);
            draft.given.push((limit, item.value.span()));
        }
    }
    draft
}

fn milliseconds(item: &Item<'_>, limit: Limit, reader: &mut Reader<'_>) -> Option<u64> {
    let text = reader.duration_text(item)?;
    let bounds = limit.bounds();
    reader.parsed(&text, |value| {
        let time = duration::parse(value)?;
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        if bounds.contains(&milliseconds) {
            return Ok(milliseconds);
        }
        let [least, most] = [bounds.start(), bounds.end()].map(|bound| shown(Duration::from_millis(*bound)));
        let help = format!("it must be a duration from \"{least}\" to \"{most}\"");
        Err(Problem::new(format!("{} is not allowed", quoted(value)), help))
    })
}

/// As the file would have it: `100ms`, `1m`, `1d`.
fn shown(time: Duration) -> String {
    let milliseconds = time.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    match units.into_iter().find(|(unit, _)| milliseconds > 0 && milliseconds.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", milliseconds / unit),
        None => format!("{milliseconds}ms"),
    }
}

impl LimitsDraft {
    /// Warns of values that were given and that another value undoes.
    pub(super) fn warn(&self, diagnostics: &mut Diagnostics) {
        for (limit, span) in &self.given {
            let Some((why, help)) = self.undone(*limit) else { continue };
            diagnostics.warning(span.clone(), format!("key `limits.{limit}`: {why}")).help(help);
        }
    }

    /// Why the value does not do what was meant, and what would.
    fn undone(&self, limit: Limit) -> Option<(String, String)> {
        if limit == Limit::ProxyDeadline && self.limits.time(limit) < RETRANSMISSION {
            let why = "shorter than the 3s after which a lost first segment is sent again";
            return Some((why.to_owned(), "the PROXY protocol asks for at least \"3s\" (section 2.1)".to_owned()));
        }
        if limit == Limit::UnroutedIdle && self.limits.time(limit) <= OWN_ACK_AFTER_SETTINGS {
            let why = "some clients wait 1s for the ACK of their SETTINGS before they send a request";
            return Some((why.to_owned(), "give at least \"2s\"".to_owned()));
        }
        let (most, because) = self.most(limit)?;
        let value = self.limits.value(limit);
        let why = format!("{value} is never reached, because {because}");
        (value > most).then(|| (why, format!("no more than {most} acts")))
    }

    /// The largest value that acts beside the others, and why.
    fn most(&self, limit: Limit) -> Option<(u64, String)> {
        if COUNTED_TOGETHER.contains(&limit) {
            let all = self.limits.value(Limit::OpeningFrames);
            Some((all, format!("`opening_frames` allows {all} of all types together")))
        } else if limit == Limit::HeaderBlockBytes {
            let frames = self.limits.value(Limit::ContinuationFrames) + 1;
            let because =
                format!("`continuation_frames` allows a block {frames} frames of {FRAME_PAYLOAD_BYTES} bytes");
            Some((frames * FRAME_PAYLOAD_BYTES as u64, because))
        } else if limit == Limit::UnroutedConnectionsPerSource {
            let all = self.limits.value(Limit::UnroutedConnections);
            Some((all, format!("`unrouted_connections` allows {all} of all sources together")))
        } else {
            None
        }
    }
}

/// What `opening_frames` counts, too.
const COUNTED_TOGETHER: [Limit; 5] =
    [Limit::SettingsFrames, Limit::PingFrames, Limit::WindowUpdateFrames, Limit::PriorityFrames, Limit::UnknownFrames];
/// When a sender of old tries its first segment again (PROXY protocol section 2.1).
const RETRANSMISSION: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigError, golden};

    const REST: &str =
        "\n[[listener]]\nbind = \":0\"\ndefault_pool = \"a\"\n[[pool]]\nname = \"a\"\nbackends = [\"10.0.0.5:1\"]\n";

    fn read(limits: &str) -> Result<Config, ConfigError> {
        golden::read("x.toml", &format!("[limits]\n{limits}{REST}"))
    }

    #[test]
    fn the_keys_are_the_names_of_the_limits() {
        let names: Vec<&str> =
            Limit::ALL.into_iter().filter(|limit| limit.is_configurable()).map(Limit::name).collect();
        assert_eq!(keys::LIMITS.known, names);
    }

    #[test]
    fn a_value_replaces_a_default_and_no_other() {
        let config = read("ping_frames = 3\nheader_deadline = \"250ms\"\n").unwrap();
        let mut expected = Limits::DEFAULT;
        expected.set(Limit::PingFrames, 3);
        expected.set(Limit::HeaderDeadline, 250);
        assert_eq!(config.limits, expected);
        assert_eq!(read("").unwrap().limits, Limits::DEFAULT);
    }

    #[test]
    fn every_bound_is_allowed_and_the_next_value_is_not() {
        for limit in Limit::ALL.into_iter().filter(|limit| limit.is_configurable()) {
            let unit = if limit.unit() == Unit::Time { ("\"", "ms\"") } else { ("", "") };
            let line = |value: u64| format!("{limit} = {}{value}{}\n", unit.0, unit.1);
            let (least, most) = (*limit.bounds().start(), *limit.bounds().end());
            for value in [least, most] {
                assert_eq!(read(&line(value)).unwrap().limits.value(limit), value, "{limit}");
            }
            for value in [least - 1, most + 1] {
                let error = read(&line(value)).unwrap_err();
                let expected = format!("x.toml:2:{}: key `limits.{limit}`: ", limit.name().len() + 4);
                assert!(error.diagnostics[0].headline().starts_with(&expected), "{}", error.diagnostics[0].headline());
            }
        }
    }

    #[test]
    fn what_is_not_allowed_is_answered_with_what_is() {
        for (line, told) in [
            ("ping_frames = 0", "key `limits.ping_frames`: 0 is not allowed\n"),
            ("ping_frames = 0", "it must be a whole number from 1 to 1000"),
            ("unrouted_idle = \"2d\"", "it must be a duration from \"100ms\" to \"1d\""),
            ("proxy_deadline = 5", "key `limits.proxy_deadline`: 5 has no unit"),
            ("ping_frame = 5", "did you mean `ping_frames`?"),
            ("replay_bytes = 5", "key `limits.replay_bytes`: cannot be changed\n"),
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn values_that_undo_each_other_are_warned_of() {
        for (lines, key, why) in [
            ("ping_frames = 101", "ping_frames", "101 is never reached"),
            ("opening_frames = 16\nsettings_frames = 17", "settings_frames", "allows 16 of all types together"),
            ("header_block_bytes = 147457", "header_block_bytes", "allows a block 9 frames of 16384 bytes"),
            ("unrouted_connections_per_source = 20000", "unrouted_connections_per_source", "16384 of all sources"),
            ("proxy_deadline = \"2s\"", "proxy_deadline", "a lost first segment is sent again"),
            ("unrouted_idle = \"1s\"", "unrouted_idle", "for the ACK of their SETTINGS"),
        ] {
            let warnings = read(lines).unwrap().warnings;
            let headline = warnings[0].headline();
            assert!(headline.contains(&format!("warning: key `limits.{key}`")) && headline.contains(why), "{headline}");
            assert_eq!(warnings.len(), 1, "{lines}");
        }
        for lines in ["header_block_bytes = 147456", "opening_frames = 16", "unrouted_connections = 1"] {
            assert!(read(lines).unwrap().warnings.is_empty(), "{lines}");
        }
    }
}
