//! Any bytes have a text, by a schema or without one, that is bounded, harmless, and masks parts of the bytes in order.
//!
//! The first byte chooses the message type. With the last choice the schema is foreign too: a descriptor set is the
//! first part of what follows, the message the second.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;
use std::{env, fs, process};

use libfuzzer_sys::fuzz_target;
use spliceway::tap::protobuf::{MessageType, Options, SchemaArgs, Schemas, Sources, text};
use spliceway_fuzz::{assert_harmless, parts};

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    let built_in = Schemas::built_in();
    let choice = usize::from(*choice) % (BUILT_IN.len() + 2);
    if choice == 0 {
        check(None, bytes, &built_in);
    } else if let Some(name) = BUILT_IN.get(choice - 1) {
        let message_type = built_in.message(name);
        assert!(message_type.is_some(), "{name}");
        check(message_type.as_ref(), bytes, &built_in);
    } else {
        foreign(bytes);
    }
});

/// A descriptor set either loads or is refused; its types must do for any message.
fn foreign(bytes: &[u8]) {
    let mut parts = parts(bytes);
    let (set, message) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Ok(schemas) = load(set) else { return };
    let method = schemas.method("/e.S/Do");
    let types = method.map(|method| [method.request, method.response]).into_iter().flatten();
    for message_type in types.chain(schemas.message("e.M")) {
        check(Some(&message_type), message, &schemas);
    }
}

fn load(set: &[u8]) -> Result<Schemas, String> {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path = PATH.get_or_init(|| env::temp_dir().join(format!("spliceway-fuzz-{}.binpb", process::id())));
    fs::write(path, set).map_err(|error| error.to_string())?;
    let args = SchemaArgs { protoset: vec![path.clone()], ..SchemaArgs::default() };
    let sources = Sources::open(&args, "").map_err(|error| error.to_string())?;
    Ok(sources.schemas)
}

fn check(message_type: Option<&MessageType>, bytes: &[u8], schemas: &Schemas) {
    for show_secrets in [false, true] {
        let rendering = text(message_type, bytes, &Options { show_secrets, columns: 80, schemas: Some(schemas) });
        assert!(rendering.lines.len() <= 2000, "{} lines", rendering.lines.len());
        for line in &rendering.lines {
            assert_harmless(&line.text);
            assert!(!line.text.contains('\n'), "{:?}", line.text);
        }
        let mut end = 0;
        assert!(rendering.masked.len() <= 4096);
        assert!(!show_secrets || rendering.masked.is_empty());
        for masked in rendering.masked {
            assert!(end <= masked.start && masked.start <= masked.end && masked.end <= bytes.len(), "{masked:?}");
            end = masked.end;
        }
    }
}

/// Messages with every kind of field, among them those that are rendered in their own way.
const BUILT_IN: [&str; 9] = [
    "google.protobuf.Any",
    "google.protobuf.Duration",
    "google.protobuf.Struct",
    "google.protobuf.Timestamp",
    "google.protobuf.FileDescriptorProto",
    "google.rpc.BadRequest",
    "google.rpc.ErrorInfo",
    "google.rpc.Status",
    "grpc.reflection.v1.ServerReflectionResponse",
];
