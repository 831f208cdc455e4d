//! What everybody's gRPC uses, so that it is shown by name without anybody's schema.
//!
//! The well-known types, `google.rpc.Status` with the usual details, health checks and server reflection itself.

use std::sync::OnceLock;

use tonic_reflection::pb::{v1, v1alpha};

use super::file_set::FileSet;

/// The built-in files.
pub(super) fn files() -> &'static FileSet {
    static FILES: OnceLock<FileSet> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files = FileSet::default();
        for set in [COMPILED, v1::FILE_DESCRIPTOR_SET, v1alpha::FILE_DESCRIPTOR_SET] {
            // They are part of the program and cannot be malformed; a test links them all.
            drop(files.add_set(set));
        }
        files
    })
}

/// See `build.rs`.
const COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/built_in.binpb"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_link() {
        let pool = files().link(1 << 25).unwrap();
        for message in ["google.protobuf.Timestamp", "google.rpc.Status", "google.rpc.BadRequest.FieldViolation"] {
            assert!(pool.message_by_name(message).is_some(), "{message}");
        }
        for service in
            ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]
        {
            assert!(pool.service_by_name(service).is_some(), "{service}");
        }
    }
}
