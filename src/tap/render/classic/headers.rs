//! Header lists in the classic form.

use super::dump;
use crate::tap::event::{Block, Details, Fields};
use crate::tap::render::explained::{self, Explained};
use crate::tap::render::text::{Text as _, redacted};
use crate::tap::render::{Options, Rendered, python, secrets};

/// A fragment of an HPACK header block, with the whole list if the block ends with it.
pub(super) fn block(out: &mut String, shown: &Explained<'_>, block: &Block, options: &Options<'_>) {
    match (block.table_lost, block.ends) {
        (Some(offset), _) => {
            out.line(format_args!("Headers = not decodable since the block at byte {offset} of this direction"));
        }
        (None, false) => out.line(format_args!("Headers = continued in CONTINUATION")),
        (None, true) => fields(out, shown, &block.fields, options),
    }
    if let Some(error) = &block.undecodable {
        out.line(format_args!("Malformed Headers = {error}"));
    }
    dump(out, shown, block.fragment.clone(), "Compressed Headers");
    status(out, shown);
}

/// `Headers =` and a line for each field.
pub(super) fn fields(out: &mut String, shown: &Explained<'_>, fields: &Fields, options: &Options<'_>) {
    out.line(format_args!("Headers ="));
    let details_secret = shown.details.as_ref().is_some_and(|details| !details.masked.is_empty());
    for field in fields.iter() {
        out.push_str("   ");
        python::repr_text(out, field.name);
        out.push_str(" -> ");
        let details = details_secret && field.name.eq_ignore_ascii_case(b"grpc-status-details-bin");
        if !options.show_secrets && (details || secrets::is_secret(field.name)) {
            out.push_str(&redacted(field.value));
        } else {
            python::repr_text(out, field.value);
        }
        out.push('\n');
    }
}

/// What trailers say beyond the fields themselves: nothing if the call went well.
pub(super) fn status(out: &mut String, shown: &Explained<'_>) {
    let Some(status) = explained::status(shown.event) else { return };
    match (status.code, status.name) {
        (Some(0), _) => {}
        (Some(code), name) => out.line(format_args!("gRPC Status = {} ({code})", name.unwrap_or("UNKNOWN CODE"))),
        (None, _) => out.line(format_args!("gRPC Status = not a number")),
    }
    if let Some(message) = status.message.as_deref().filter(|message| !message.is_empty()) {
        out.push_str("gRPC Message = ");
        python::repr_text(out, message.as_bytes());
        out.push('\n');
    }
    if let Some(details) = &shown.details {
        out.line(format_args!("gRPC Status Details (google.rpc.Status) ="));
        text(out, details);
    }
    if status.details == Some(Details::NotBase64) {
        out.line(format_args!("gRPC Status Details = not base64"));
    }
}

/// The lines of a message, two spaces a level.
pub(super) fn text(out: &mut String, rendered: &Rendered) {
    for (level, line) in &rendered.lines {
        out.line(format_args!("   {:1$}{line}", "", level.saturating_mul(2)));
    }
}
