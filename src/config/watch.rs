//! A listener's `watch`, and the keys that need it.

use toml::Spanned;

use super::{
    Detect, OnMismatch, Watching,
    diagnostic::Diagnostics,
    draft::{ListenerDraft, WatchDraft},
    section::{Reader, Section},
};

/// Reads the keys.
pub(super) fn read(section: &Section<'_>, reader: &mut Reader<'_>) -> WatchDraft {
    let watch = section.item("watch").map(|item| (item.value.span(), reader.flag(&item)));
    let on_mismatch = section.item("on_mismatch").and_then(|item| {
        let choice = reader.choice(&item, ON_MISMATCH)?;
        Some(Spanned::new(item.value.span(), choice))
    });
    let max_connection_age = section.item("max_connection_age").and_then(|item| {
        let age = reader.duration(&item)?;
        Some(Spanned::new(item.value.span(), age))
    });
    let is_unreadable = matches!(watch, Some((_, None))) || (watch.is_none() && section.attempts("watch"));
    let watch = watch.and_then(|(span, flag)| Some(Spanned::new(span, flag?)));
    WatchDraft { watch, on_mismatch, max_connection_age, is_unreadable }
}

/// Whether the keys fit together, and to the rest of the listener.
pub(super) fn check(listener: &ListenerDraft, diagnostics: &mut Diagnostics) {
    let WatchDraft { watch, on_mismatch, max_connection_age, is_unreadable } = &listener.watch;
    if let Some(watch) = watch.as_ref().filter(|watch| *watch.get_ref()) {
        if listener.detect == Detect::None {
            let message = "key `listener.watch`: not possible with detect = \"none\", which never looks at a request";
            diagnostics.error(watch.span(), message).help("set detect = \"auto\", or remove `watch`");
        }
        return;
    }
    if *is_unreadable {
        return;
    }
    if let Some(key) = on_mismatch {
        let message = "key `listener.on_mismatch`: needs watch = true";
        let help = "without it no request behind the first one is looked at; add watch = true";
        diagnostics.error(key.span(), message).help(help);
    }
    if let Some(key) = max_connection_age {
        let message = "key `listener.max_connection_age`: needs watch = true";
        let diagnostic = diagnostics.error(key.span(), message);
        diagnostic.help(
            "the client is asked to connect anew by a frame between two others, and without `watch` nobody knows where \
             one ends",
        );
        diagnostic.help("add watch = true, or let the backends bound the age of connections");
    }
}

impl WatchDraft {
    /// What was asked for.
    pub(super) fn watching(self) -> Option<Watching> {
        self.watch.filter(|watch| *watch.get_ref()).map(|_| Watching {
            on_mismatch: self.on_mismatch.map(Spanned::into_inner).unwrap_or_default(),
            max_connection_age: self.max_connection_age.map(Spanned::into_inner),
        })
    }
}

const ON_MISMATCH: &[(&str, OnMismatch)] =
    &[("count", OnMismatch::Count), ("goaway", OnMismatch::Goaway), ("close", OnMismatch::Close)];
