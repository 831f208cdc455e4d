//! Where schemas come from, as said on the command line.

use std::path::PathBuf;
use std::time::Duration;

use super::error::SchemaError;
use super::load;
use super::reflection::{Lookup, Reflector};
use super::schema::Schemas;
use crate::route::SendProxy;

/// Where the message types of gRPC calls come from; spelled as in grpcurl. For `#[command(flatten)]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Message types of gRPC calls")]
pub struct SchemaArgs {
    /// File with an encoded FileDescriptorSet, as `protoc --include_imports --descriptor_set_out=FILE` writes it; may be
    /// given several times
    #[arg(long, value_name = "FILE")]
    pub protoset: Vec<PathBuf>,

    /// Protobuf source file (proto2 or proto3; for editions give a --protoset); may be given several times
    #[arg(long, value_name = "FILE")]
    pub proto: Vec<PathBuf>,

    /// Directory in which --proto files and their imports are looked up; may be given several times
    ///
    /// Without it they are looked up in the working directory, then beside the --proto files.
    #[arg(short = 'I', long = "import-path", value_name = "DIR", requires = "proto")]
    pub import_path: Vec<PathBuf>,

    /// Ask the backend by gRPC server reflection (v1, then v1alpha), on a connection of its own
    #[arg(long)]
    pub reflect: bool,
}

/// Everything a call's schema may come from.
#[derive(Debug)]
pub struct Sources {
    /// The files of the command line and what is built in.
    pub schemas: Schemas,
    /// The backend, if it is to be asked.
    pub reflector: Option<Reflector>,
}

impl Sources {
    /// Reads the files; with `--reflect` starts to ask `backend` (`host:port` or `unix:/path`).
    pub fn open(args: &SchemaArgs, backend: &str) -> Result<Sources, SchemaError> {
        Sources::open_introduced(args, backend, None)
    }

    /// The same for a backend of a pool with this `send_proxy`.
    pub fn open_introduced(
        args: &SchemaArgs,
        backend: &str,
        send_proxy: Option<SendProxy>,
    ) -> Result<Sources, SchemaError> {
        let schemas = load::schemas(&args.protoset, &args.proto, &args.import_path)?;
        let reflector = args.reflect.then(|| Reflector::start(backend.to_owned(), send_proxy));
        Ok(Sources { schemas, reflector })
    }

    /// The method of a call by its `:path`; waits at most `patience` for the backend's answer.
    pub fn method(&self, path: &str, patience: Duration) -> Lookup {
        match (self.schemas.method(path), &self.reflector) {
            (Some(method), _) => Lookup::Found(method),
            (None, Some(reflector)) => reflector.method_within(path, patience),
            (None, None) => Lookup::Unknown(format!(
                "no schema has {}; give one with --protoset or --proto, or ask the backend with --reflect",
                path.escape_debug()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        schemas: SchemaArgs,
    }

    fn parse(line: &str) -> Result<SchemaArgs, String> {
        let command = Command::try_parse_from(["x"].into_iter().chain(line.split_whitespace()));
        command.map(|command| command.schemas).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_are_spelled_as_in_grpcurl() {
        let args =
            parse("--protoset a.binpb --protoset b.binpb --proto c.proto -I d --import-path e --reflect").unwrap();
        assert_eq!(args.protoset, [PathBuf::from("a.binpb"), PathBuf::from("b.binpb")]);
        assert_eq!(args.proto, [PathBuf::from("c.proto")]);
        assert_eq!(args.import_path, [PathBuf::from("d"), PathBuf::from("e")]);
        assert!(args.reflect);
        assert_eq!(parse("").unwrap(), SchemaArgs::default());
        assert!(parse("-I d").unwrap_err().contains("--proto <FILE>"));
    }

    #[test]
    fn without_flags_what_is_built_in_is_known() {
        let sources = Sources::open(&SchemaArgs::default(), "127.0.0.1:1").unwrap();
        let lookup = |path| sources.method(path, Duration::ZERO);
        assert!(matches!(lookup("/grpc.health.v1.Health/Check"), Lookup::Found(_)));
        assert!(matches!(lookup("/users.v1.Users/AddUser"), Lookup::Unknown(reason) if reason ==
            "no schema has /users.v1.Users/AddUser; give one with --protoset or --proto, or ask the backend with --reflect"));
    }

    #[test]
    fn a_wrong_file_is_an_error() {
        let args = parse("--protoset /nowhere/x.binpb").unwrap();
        let error = Sources::open(&args, "127.0.0.1:1").unwrap_err();
        assert_eq!(error.to_string(), "/nowhere/x.binpb: No such file or directory (os error 2)");
    }

    #[test]
    fn with_reflection_the_backend_is_asked() {
        let sources = Sources::open(&parse("--reflect").unwrap(), "127.0.0.1:1").unwrap();
        let Lookup::Unknown(reason) = sources.method("/users.v1.Users/AddUser", Duration::from_secs(20)) else {
            panic!("nobody listens there");
        };
        assert!(reason.starts_with("server reflection of 127.0.0.1:1 for users.v1.Users: "), "{reason}");
    }
}
