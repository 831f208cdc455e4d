//! What was read, before it is known to fit together: typed values with their places, references still names.
//!
//! The file and the command line both end here, so both obey the same rules (`validate.rs`). A value that could not be
//! read is absent; its error is already reported.

use std::{num::NonZeroUsize, ops::Range, time::Duration};

use ipnet::IpNet;
use std::num::NonZeroU64;
use toml::Spanned;

use super::{
    Bind, Detect, EngineChoice, H2cUpgrade, LogFormat, OnMismatch, OwnSettings, ProxyProtocol, Tap,
    limits::LimitsDraft, section::Text,
};
use crate::route::{Backend, Match, SendProxy};

/// A whole configuration.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) shards: Option<NonZeroUsize>,
    pub(super) pin: Option<bool>,
    pub(super) engine: EngineChoice,
    pub(super) log: Option<LogFormat>,
    pub(super) limits: LimitsDraft,
    pub(super) tap: Tap,
    pub(super) listeners: Vec<ListenerDraft>,
    pub(super) routes: Vec<RouteDraft>,
    pub(super) pools: Vec<PoolDraft>,
}

pub(super) struct ListenerDraft {
    /// The default name stands at the section's header.
    pub(super) name: Spanned<String>,
    pub(super) binds: Vec<Spanned<Bind>>,
    pub(super) detect: Detect,
    pub(super) proxy_protocol: Spanned<ProxyProtocol>,
    /// `None` if not given; not the same as an empty list that was given.
    pub(super) trusted: Option<Spanned<Vec<IpNet>>>,
    pub(super) h2c_upgrade: Spanned<H2cUpgrade>,
    pub(super) sample: Option<NonZeroU64>,
    /// `None` if not given.
    pub(super) settings: Option<Spanned<OwnSettings>>,
    pub(super) watch: WatchDraft,
    pub(super) default_pool: DefaultPool,
    pub(super) span: Range<usize>,
}

/// What a listener says of watching, each key if it was given.
#[derive(Default)]
pub(super) struct WatchDraft {
    pub(super) watch: Option<Spanned<bool>>,
    pub(super) on_mismatch: Option<Spanned<OnMismatch>>,
    pub(super) max_connection_age: Option<Spanned<Duration>>,
    /// The value of `watch` is there but could not be read; the error is reported.
    pub(super) is_unreadable: bool,
}

/// A listener's `default_pool`.
pub(super) enum DefaultPool {
    Absent,
    /// Given, but not readable; the error is reported.
    Unreadable,
    Named(Text),
}

impl DefaultPool {
    pub(super) fn name(&self) -> Option<&Text> {
        match self {
            DefaultPool::Named(name) => Some(name),
            DefaultPool::Absent | DefaultPool::Unreadable => None,
        }
    }
}

pub(super) struct RouteDraft {
    pub(super) listener: Option<Text>,
    pub(super) matcher: Option<(Text, Match)>,
    pub(super) pool: Option<Text>,
}

pub(super) struct PoolDraft {
    pub(super) name: Option<Spanned<String>>,
    pub(super) backends: Vec<Backend>,
    pub(super) connect_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) send_proxy: Option<Spanned<SendProxy>>,
}
