//! The keys of each section, and what to say of a key that is none of them.
//!
//! An unknown key is an error: a misspelled `default_pool` that is passed over in silence turns up as refused requests.

use strsim::damerau_levenshtein;

use super::diagnostic::Problem;
use crate::limits::{Limit, Limits};

/// A section of the file and the keys it may have.
pub(super) struct Keys {
    /// As a message names it; empty for the top level.
    pub(super) section: &'static str,
    pub(super) known: &'static [&'static str],
    /// Names that are settled, for what this version does not do.
    later: &'static [&'static str],
}

impl Keys {
    /// What to say of a key that the section does not have.
    pub(super) fn unknown(&self, key: &str) -> Problem {
        if let Some(reason) = never_announced(key).filter(|_| self.section == SETTINGS.section) {
            return Problem::new("may not be announced", format!("{reason}; {}", self.allowed()));
        }
        if let Some(help) = fixed_limit(key).filter(|_| self.section == LIMITS.section) {
            return Problem::new("cannot be changed", help);
        }
        if self.later.contains(&key) {
            return Problem::new("not supported by this version", format!("remove it; {}", self.allowed()));
        }
        let help = if let Some(near) = self.meant(key) {
            format!("did you mean `{near}`?")
        } else if let Some(other) = SECTIONS.iter().find(|keys| keys.known.contains(&key)) {
            match other.section {
                "" => format!("`{key}` belongs at the top level, before the first section"),
                section => format!("`{key}` belongs in `{section}`"),
            }
        } else if let Some((other, near)) = SECTIONS.iter().find_map(|keys| Some((keys, keys.meant(key)?))) {
            format!("did you mean `{}`?", other.path(near))
        } else {
            self.allowed()
        };
        Problem::new("unknown key", help)
    }

    /// The key of this section that was probably meant.
    pub(super) fn meant(&self, key: &str) -> Option<&'static str> {
        nearest(key, self.known.iter().copied())
    }

    fn allowed(&self) -> String {
        let keys = self.known.join("`, `");
        match self.section {
            "" => format!("allowed at the top level: `{keys}`"),
            section => format!("allowed in `{section}`: `{keys}`"),
        }
    }

    /// The key as a message names it: `listener.bind`.
    pub(super) fn path(&self, key: &str) -> String {
        match self.section {
            "" => key.to_owned(),
            section => format!("{section}.{key}"),
        }
    }
}

/// Why a setting that HTTP/2 has may not be announced here; `None` if it has none of that name or number.
fn never_announced(key: &str) -> Option<&'static str> {
    let number = match key.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => key.parse().ok(),
    };
    let reason = match (key, number) {
        ("max_frame_size", _) | (_, Some(0x5)) => {
            "a client would send larger frames than 16384 bytes, which the backend has not agreed to"
        }
        ("header_table_size", _) | (_, Some(0x1)) => {
            "a client would compress against a table that the backend does not keep"
        }
        ("enable_push", _) | (_, Some(0x2)) => "it is the client's setting; a server does not send it",
        ("no_rfc7540_priorities", _) | (_, Some(0x9)) => {
            "it must not change after the first SETTINGS, and the backend's come later (RFC 9218 section 2.1)"
        }
        (_, Some(0x3 | 0x4 | 0x6 | 0x8)) => "write it by its name",
        (_, Some(_)) => "a client would rely on something that the backend may know nothing of",
        (_, None) => return None,
    };
    Some(reason)
}

/// What to say of a limit that is counted and logged by its name, but is no key; `None` if there is none of that name.
fn fixed_limit(key: &str) -> Option<String> {
    let limit = Limit::ALL.into_iter().find(|limit| limit.name() == key && !limit.is_configurable())?;
    Some(if limit == Limit::ReplayBytes {
        "it follows from other limits, `header_block_bytes` and `unknown_frame_bytes` above all; raise those".to_owned()
    } else {
        format!("it is always {}; remove it", Limits::DEFAULT.value(limit))
    })
}

/// The name that was probably meant: a slip of the pen away, or one that holds the other.
pub(super) fn nearest<'a>(name: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_ascii_lowercase();
    among
        .into_iter()
        .map(|candidate| {
            let within = folded.len() >= HELD_CHARS && (candidate.contains(&folded) || holds(&folded, candidate));
            (if within { 1 } else { damerau_levenshtein(&folded, &candidate.to_ascii_lowercase()) }, candidate)
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(name.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Whether the candidate is in the name; a short one as a word, since letters alone make no `pin` of `ping_frames`.
fn holds(name: &str, candidate: &str) -> bool {
    let mut words = name.split(|character: char| !character.is_alphanumeric());
    words.any(|word| word == candidate) || (candidate.len() >= HELD_CHARS && name.contains(candidate))
}

/// The top level.
pub(super) static FILE: Keys = Keys {
    section: "",
    known: &["shards", "pin", "engine", "log", "limits", "tap", "decode", "listener", "route", "pool"],
    later: &["admin"],
};
/// `[[listener]]`
pub(super) static LISTENER: Keys = Keys {
    section: "listener",
    known: &[
        "name",
        "bind",
        "detect",
        "proxy_protocol",
        "trusted",
        "h2c_upgrade",
        "settings",
        "sample",
        "watch",
        "on_mismatch",
        "max_connection_age",
        "default_pool",
    ],
    later: &[],
};
/// What a listener says of itself to a client that waits for SETTINGS.
pub(super) static SETTINGS: Keys = Keys {
    section: "listener.settings",
    known: &["max_concurrent_streams", "initial_window_size", "max_header_list_size", "enable_connect_protocol"],
    later: &[],
};
/// `[limits]`: what is configurable of [`Limit`], by name.
pub(super) static LIMITS: Keys = Keys {
    section: "limits",
    known: &[
        "proxy_v2_payload_bytes",
        "proxy_deadline",
        "preface_deadline",
        "header_deadline",
        "unrouted_idle",
        "header_block_bytes",
        "header_list_bytes",
        "header_fields",
        "continuation_frames",
        "settings_frames",
        "settings_entries",
        "ping_frames",
        "window_update_frames",
        "priority_frames",
        "unknown_frames",
        "unknown_frame_bytes",
        "opening_frames",
        "http1_head_bytes",
        "http1_fields",
        "client_hello_bytes",
        "unrouted_connections",
        "unrouted_connections_per_source",
    ],
    later: &[],
};
/// `[tap]`
pub(super) static TAP: Keys = Keys { section: "tap", known: &["queue_bytes"], later: &["redact"] };
/// `[decode]`
pub(super) static DECODE: Keys = Keys { section: "decode", known: &["settings"], later: &[] };
/// `[[route]]`
pub(super) static ROUTE: Keys = Keys { section: "route", known: &["listener", "match", "pool"], later: &[] };
/// `[[pool]]`
pub(super) static POOL: Keys = Keys {
    section: "pool",
    known: &["name", "backends", "connect_timeout", "idle_timeout", "send_proxy"],
    later: &["balance", "health", "max_connections", "backup"],
};
/// A backend written as a table.
pub(super) static BACKEND: Keys = Keys { section: "pool.backends", known: &["address", "weight"], later: &[] };

static SECTIONS: [&Keys; 9] = [&FILE, &LIMITS, &TAP, &DECODE, &LISTENER, &SETTINGS, &ROUTE, &POOL, &BACKEND];
/// Shorter names are held by too many others.
const HELD_CHARS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        for (slip, meant) in [
            ("bnid", "bind"),
            ("binds", "bind"),
            ("Bind", "bind"),
            ("proxy-protocol", "proxy_protocol"),
            ("proxyprotocol", "proxy_protocol"),
            ("pool", "default_pool"),
            ("trust", "trusted"),
        ] {
            assert_eq!(nearest(slip, LISTENER.known.iter().copied()), Some(meant), "{slip}");
        }
    }

    #[test]
    fn what_is_far_away_is_not_suggested() {
        for name in ["", "x", "port", "protocol_version_number", "upstream"] {
            assert_eq!(nearest(name, LISTENER.known.iter().copied()), None, "{name}");
        }
    }

    #[test]
    fn an_unknown_key_is_answered_with_what_may_help() {
        for (keys, key, message, help) in [
            (&LISTENER, "bnid", "unknown key", "did you mean `bind`?"),
            (&LISTENER, "weight", "unknown key", "`weight` belongs in `pool.backends`"),
            (&POOL, "log", "unknown key", "`log` belongs at the top level, before the first section"),
            (&FILE, "conect_timeout", "unknown key", "did you mean `pool.connect_timeout`?"),
            (&FILE, "ping_frames", "unknown key", "`ping_frames` belongs in `limits`"),
            (&FILE, "log_format", "unknown key", "did you mean `log`?"),
            (&FILE, "pin_threads", "unknown key", "did you mean `pin`?"),
            (&LISTENER, "pin", "unknown key", "`pin` belongs at the top level, before the first section"),
            (&BACKEND, "x", "unknown key", "allowed in `pool.backends`: `address`, `weight`"),
            (&LIMITS, "frame_payload_bytes", "cannot be changed", "it is always 16384; remove it"),
            (
                &LIMITS,
                "replay_bytes",
                "cannot be changed",
                "it follows from other limits, `header_block_bytes` and `unknown_frame_bytes` above all; raise those",
            ),
            (
                &POOL,
                "balance",
                "not supported by this version",
                "remove it; allowed in `pool`: `name`, `backends`, `connect_timeout`, `idle_timeout`, `send_proxy`",
            ),
        ] {
            assert_eq!(keys.unknown(key), Problem::new(message, help), "{key}");
        }
    }
}
