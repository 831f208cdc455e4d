//! Reads the schema files of the command line.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::SchemaError;
use super::file_set::FileSet;
use super::proto_source;
use super::schema::Schemas;

/// Reads descriptor sets and `.proto` files, and links them.
///
/// Descriptor sets are linked together, so that one may hold what another imports. The `.proto` files are linked apart
/// from them: a file that is given in both forms under two names is no conflict then.
pub(super) fn schemas(
    protosets: &[PathBuf],
    protos: &[PathBuf],
    directories: &[PathBuf],
) -> Result<Schemas, SchemaError> {
    let mut schemas = Schemas::built_in();
    if !protos.is_empty() {
        let compiled = proto_source::compile(protos, directories)?;
        schemas.link(compiled, ELEMENT_BYTES_MAX).map_err(|reason| error(protos, reason))?;
    }
    if !protosets.is_empty() {
        let sets = protosets.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
        let mut merged = FileSet::default();
        sets.iter().for_each(|set| merged.merge(set));
        if let Err(reason) = schemas.link(merged.clone(), ELEMENT_BYTES_MAX) {
            return Err(culprit(protosets, &sets, &merged).unwrap_or_else(|| error(protosets, reason)));
        }
    }
    Ok(schemas)
}

fn read(path: &Path) -> Result<FileSet, SchemaError> {
    let failed = |reason: String| error(&[path.to_owned()], reason);
    let bytes = fs::read(path).map_err(|error| failed(error.to_string()))?;
    let mut set = FileSet::default();
    match set.add_set(&bytes) {
        Ok(()) => Ok(set),
        Err(_) if path.extension().is_some_and(|extension| extension == "proto") => {
            Err(failed("this is not a descriptor set; give Protobuf source with `--proto`".to_owned()))
        }
        Err(reason) => {
            Err(failed(format!("not a descriptor set as `protoc --descriptor_set_out` writes it: {reason}")))
        }
    }
}

/// The descriptor set that does not link even with all that it imports; none if they only contradict each other.
fn culprit(paths: &[PathBuf], sets: &[FileSet], merged: &FileSet) -> Option<SchemaError> {
    paths.iter().zip(sets).find_map(|(path, set)| {
        let mut alone = set.clone();
        alone.complete(merged);
        let incomplete = !alone.missing().is_empty();
        let reason = Schemas::built_in().link(alone, ELEMENT_BYTES_MAX).err()?;
        let way_out = if incomplete { "; write the set with `protoc --include_imports`" } else { "" };
        Some(error(std::slice::from_ref(path), format!("{reason}{way_out}")))
    })
}

fn error(paths: &[PathBuf], reason: String) -> SchemaError {
    let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    SchemaError { source_name: names.join(", "), reason }
}

/// Decoded descriptors of the files at most: what an organisation with tens of thousands of them has.
const ELEMENT_BYTES_MAX: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use proptest::prelude::*;

    use super::super::render::{Options, text};
    use super::super::scratch::Scratch;
    use super::*;

    const USERS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/users.binpb"));
    /// Edition 2023: `package e; message M { optional string name = 1; repeated int32 n = 2; M delimited = 3
    /// [features.message_encoding = DELIMITED]; }` and `service S { rpc Do(M) returns (stream M); }`.
    const EDITION_2023: &[u8] = b"\x0ap\x0a\x07e.proto\x12\x01e\x22<\x0a\x01M\
        \x12\x0c\x0a\x04name\x18\x01 \x01(\x09\
        \x12\x09\x0a\x01n\x18\x02 \x03(\x05\
        \x12\x1e\x0a\x09delimited\x18\x03 \x01(\x0b2\x04.e.MB\x05\xaa\x01\x02(\x02\
        2\x17\x0a\x01S\x12\x12\x0a\x02Do\x12\x04.e.M\x1a\x04.e.M0\x01b\x08editionsp\xe8\x07";

    fn load(sets: &[&[u8]]) -> Result<Schemas, String> {
        let scratch = Scratch::new();
        let write = |(index, set): (usize, &&[u8])| scratch.write(&format!("{index}.binpb"), set);
        let paths: Vec<_> = sets.iter().enumerate().map(write).collect();
        schemas(&paths, &[], &[])
            .map_err(|error| error.to_string().replace(&scratch.path().display().to_string(), "DIR"))
    }

    fn assert_users(schemas: &Schemas) {
        let add = schemas.method("/users.v1.Users/AddUser").unwrap();
        assert_eq!(add.full_name, "users.v1.Users.AddUser");
        assert_eq!(add.request.full_name(), "users.v1.AddUserRequest");
        assert_eq!(add.response.full_name(), "users.v1.AddUserResponse");
        assert!(!add.client_streaming && !add.server_streaming);
        let all = schemas.method("/users.v1.Users/GetUsers").unwrap();
        assert!(!all.client_streaming && all.server_streaming);
        for path in ["users.v1.Users/AddUser", "/users.v1.Users/Gone", "/users.v1.Gone/AddUser", "/", "", "/a/b/c"] {
            assert!(schemas.method(path).is_none(), "{path}");
        }
        assert_eq!(schemas.message("google.rpc.Status").unwrap().full_name(), "google.rpc.Status");
    }

    #[test]
    fn the_demo_by_protoset() {
        assert_users(&load(&[USERS]).unwrap());
        assert_users(&load(&[USERS, USERS]).unwrap());
    }

    #[test]
    fn the_demo_by_proto_file() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/demo/users.proto");
        assert_users(&schemas(&[], std::slice::from_ref(&path), &[]).unwrap());
        let directory = path.parent().unwrap().to_owned();
        assert_users(&schemas(&[], &["users.proto".into()], std::slice::from_ref(&directory)).unwrap());
        // Both forms of the same thing.
        let scratch = Scratch::new();
        assert_users(&schemas(&[scratch.write("users.binpb", USERS)], &[path], &[]).unwrap());
    }

    #[test]
    fn a_wrong_file_is_named_with_the_reason() {
        assert_eq!(
            load(&[USERS, b""]).unwrap_err(),
            "DIR/1.binpb: not a descriptor set as `protoc --descriptor_set_out` writes it: this is not a \
             FileDescriptorSet, for it has no file in it"
        );
        assert_eq!(
            load(&[&USERS[..USERS.len() - 1]]).unwrap_err().split(": ").take(2).collect::<Vec<_>>(),
            ["DIR/0.binpb", "not a descriptor set as `protoc --descriptor_set_out` writes it"]
        );
        let scratch = Scratch::new();
        let proto = scratch.write("a.proto", b"syntax = \"proto3\";");
        assert!(
            schemas(&[proto], &[], &[])
                .unwrap_err()
                .to_string()
                .ends_with("a.proto: this is not a descriptor set; give Protobuf source with `--proto`")
        );
        let gone = schemas(&["/nowhere/x.binpb".into()], &[], &[]).unwrap_err();
        assert_eq!(gone.to_string(), "/nowhere/x.binpb: No such file or directory (os error 2)");
    }

    #[test]
    fn an_incomplete_set_is_told_from_its_neighbours() {
        // message M { .p.Gone f = 1; } in a.proto, which imports b.proto; and b.proto with that message.
        let a = b"\x0a\x2b\x0a\x07a.proto\x1a\x07b.proto\
            \x22\x17\x0a\x01M\x12\x12\x0a\x01f\x18\x01\x20\x01\x28\x0b\x32\x07.p.Gone";
        let b = b"\x0a\x14\x0a\x07b.proto\x12\x01p\x22\x06\x0a\x04Gone";
        assert_eq!(
            load(&[USERS, a]).unwrap_err(),
            "DIR/1.binpb: unresolved type name \".p.Gone\" on field M.f; imported but not there: b.proto; write the set \
             with `protoc --include_imports`"
        );
        assert!(load(&[a, b]).unwrap().message("M").is_some());
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let message = b"\x0a\x0f\x0a\x07a.proto\x22\x04\x0a\x02\x1b[";
        assert_eq!(load(&[message]).unwrap_err(), "DIR/0.binpb: \"\\u{1b}[\" is not a name");
    }

    #[test]
    fn a_set_of_edition_2023_is_understood() {
        let method = load(&[EDITION_2023]).unwrap().method("/e.S/Do").unwrap();
        assert!(!method.client_streaming && method.server_streaming);
        // Repeated numbers are packed by default, and the message is a group by a feature of its field.
        let bytes = b"\x0a\x03Ada\x12\x02\x01\x02\x1b\x0a\x01n\x1c";
        let lines: Vec<_> = text(Some(&method.request), bytes, &Options::default()).lines;
        let lines: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(lines, ["name: \"Ada\"", "n: [1, 2]", "delimited { name: \"n\" }"]);
    }

    #[test]
    fn every_prefix_of_a_set_is_refused_or_understood() {
        for length in 0..USERS.len() {
            let mut set = FileSet::default();
            if set.add_set(&USERS[..length]).is_ok() {
                drop(Schemas::built_in().link(set, ELEMENT_BYTES_MAX));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_mutated_set_never_panics(
            edition in any::<bool>(),
            mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            message in prop::collection::vec(0_u8..40, 0..60),
        ) {
            let mut bytes = if edition { EDITION_2023 } else { USERS }.to_vec();
            for (index, byte) in mutations {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
            let mut set = FileSet::default();
            let used = catch_unwind(|| {
                let mut schemas = Schemas::built_in();
                if set.add_set(&bytes).and_then(|()| schemas.link(set, ELEMENT_BYTES_MAX)).is_ok() {
                    drop(schemas.method("/users.v1.Users/AddUser"));
                    for name in ["users.v1.User", "users.v1.AddUserRequest", "e.M"] {
                        let options = Options { schemas: Some(&schemas), ..Options::default() };
                        drop(text(schemas.message(name).as_ref(), &message, &options));
                    }
                }
            });
            prop_assert!(used.is_ok());
        }
    }
}
