//! Compiles the demo's `.proto` into Rust, and the descriptor sets that the demo and the tap have built in.
//!
//! protox is a compiler written in Rust: no `protoc` is looked for, so `cargo build` is all that a build needs.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={PROTO_DIRECTORY}/{PROTO}");
    println!("cargo::rerun-if-changed={BUILT_IN_DIRECTORY}");

    let out_directory = PathBuf::from(env::var("OUT_DIR")?);
    let built_in = protox::compile(BUILT_IN, [BUILT_IN_DIRECTORY])?;
    fs::write(out_directory.join("built_in.binpb"), built_in.encode_to_vec())?;

    let descriptors = protox::compile([PROTO], [PROTO_DIRECTORY])?;
    fs::write(out_directory.join("users.binpb"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}

const PROTO_DIRECTORY: &str = "src/cli/demo";
const PROTO: &str = "users.proto";

const BUILT_IN_DIRECTORY: &str = "src/tap/protobuf/built_in";
/// The first three are ours, the others come with protox.
const BUILT_IN: [&str; 14] = [
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
    "grpc/health/v1/health.proto",
    "google/protobuf/any.proto",
    "google/protobuf/api.proto",
    "google/protobuf/descriptor.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/empty.proto",
    "google/protobuf/field_mask.proto",
    "google/protobuf/source_context.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/type.proto",
    "google/protobuf/wrappers.proto",
];
