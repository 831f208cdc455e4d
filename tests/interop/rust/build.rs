//! Compiles the matrix's service twice: as it stands for the client, and for the server with a `Unary` that streams
//! its one answer. On the wire both are the same, but only of a stream does tonic let a server choose the trailing
//! metadata, and send the initial metadata before the answer is there.

use std::{env, error::Error, fs, path::PathBuf};

const PROTO_DIRECTORY: &str = "../proto";
const PROTO: &str = "matrix.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={PROTO_DIRECTORY}/{PROTO}");
    let out_directory = PathBuf::from(env::var("OUT_DIR")?);

    let mut service = protox::compile([PROTO], [PROTO_DIRECTORY])?;
    let client = out_directory.join("client");
    fs::create_dir_all(&client)?;
    tonic_prost_build::configure().build_server(false).out_dir(client).compile_fds(service.clone())?;

    let methods = service.file.iter_mut().flat_map(|file| &mut file.service).flat_map(|service| &mut service.method);
    methods.filter(|method| method.name() == "Unary").for_each(|unary| unary.server_streaming = Some(true));
    let server = out_directory.join("server");
    fs::create_dir_all(&server)?;
    tonic_prost_build::configure().build_client(false).out_dir(server).compile_fds(service)?;
    Ok(())
}
