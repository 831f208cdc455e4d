//! Compiles `.proto` files, without `protoc`.
//!
//! protox knows `syntax = "proto2"` and `"proto3"`, not editions; where it cannot go on, the error names the way out.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Component, Path, PathBuf};

use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};

use super::built_in;
use super::descriptor_proto::{CompletedDescriptor, DESCRIPTOR};
use super::error::SchemaError;
use super::file_set::FileSet;

/// Compiles `files` with their imports, which are looked up in `directories`.
///
/// Without directories they are looked up in the working directory, then beside the files.
pub(super) fn compile(files: &[PathBuf], directories: &[PathBuf]) -> Result<FileSet, SchemaError> {
    compile_in(&real(Path::new(".")), files, directories)
}

fn compile_in(working: &Path, files: &[PathBuf], directories: &[PathBuf]) -> Result<FileSet, SchemaError> {
    let searched = if directories.is_empty() { default_directories(working, files) } else { directories.to_vec() };
    let mut compiler = Compiler::with_file_resolver(resolver(&searched));
    compiler.include_imports(true);
    let mut open = |path: &Path| {
        // The compiler's own assertions are no reason to end a proxy.
        match catch_unwind(AssertUnwindSafe(|| compiler.open_file(path).map(drop))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(explained(&error, !directories.is_empty(), path)),
            Err(panic) => Err(format!("the compiler gave up: {}; {WAY_OUT}", message(panic.as_ref()))),
        }
    };
    open(Path::new(DESCRIPTOR)).map_err(|reason| failed(Path::new(DESCRIPTOR), reason))?;
    for path in files {
        let place = if directories.is_empty() { in_real_directory(working, path) } else { path.clone() };
        open(&place).map_err(|reason| failed(path, reason))?;
    }
    let mut set = FileSet::default();
    let encoded = catch_unwind(AssertUnwindSafe(|| compiler.encode_file_descriptor_set()));
    let encoded = encoded.map_err(|panic| message(panic.as_ref()));
    let first = files.first().map(PathBuf::as_path).unwrap_or(Path::new(DESCRIPTOR));
    encoded.and_then(|encoded| set.add_set(&encoded)).map_err(|reason| failed(first, reason))?;
    Ok(set)
}

/// The working directory, and those of the files; each once and under one name, for the compiler refuses a file that it
/// finds under two.
fn default_directories(working: &Path, files: &[PathBuf]) -> Vec<PathBuf> {
    let mut directories = vec![working.to_owned()];
    for path in files {
        let directory = in_real_directory(working, path).parent().map(Path::to_owned).unwrap_or_default();
        if !directories.contains(&directory) {
            directories.push(directory);
        }
    }
    directories
}

/// The path with its directory by its real name. What the file itself may link to stays as it is: its imports are
/// beside the link. So does a directory that is linked into the working directory: imports may go through it.
fn in_real_directory(working: &Path, path: &Path) -> PathBuf {
    if path.components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir)) {
        return working.join(path);
    }
    let directory = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    path.file_name().map_or_else(|| path.to_owned(), |name| real(directory).join(name))
}

fn real(directory: &Path) -> PathBuf {
    directory.canonicalize().unwrap_or_else(|_| directory.to_owned())
}

fn resolver(directories: &[PathBuf]) -> ChainFileResolver {
    let mut resolver = ChainFileResolver::new();
    resolver.add(CompletedDescriptor);
    for directory in directories {
        resolver.add(IncludeFileResolver::new(directory.clone()));
    }
    resolver.add(GoogleFileResolver::new());
    resolver.add(BuiltIn);
    resolver
}

/// What the compiler says, and what to do about it.
fn explained(error: &protox::Error, has_directories: bool, path: &Path) -> String {
    // `Debug` is the form with file, line and column.
    let reason = format!("{error:?}");
    if error.is_io() {
        reason
    } else if error.is_file_not_found() && error.file().is_none() && !has_directories {
        "there is no such file".to_owned()
    } else if error.is_file_not_found() && error.file().is_none() {
        let found = if path.exists() { "lies below none of the" } else { "is found in none of the" };
        format!("{found} directories given with `-I`")
    } else if reason.contains(EDITION) {
        format!("{}: editions are not understood here; {WAY_OUT}", reason.split(": ").next().unwrap_or_default())
    } else {
        format!("{reason}; if `protoc` accepts it, {WAY_OUT}")
    }
}

fn failed(path: &Path, reason: String) -> SchemaError {
    SchemaError { source_name: path.display().to_string(), reason }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason given".to_owned())
}

/// Resolves what we have built in and protox does not, such as `google/rpc/status.proto`.
struct BuiltIn;

impl FileResolver for BuiltIn {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let file = built_in::files().file(name).ok_or_else(|| protox::Error::file_not_found(name))?;
        File::decode_file_descriptor_proto(file).map_err(protox::Error::new)
    }
}

/// In the compiler's error where a file starts with `edition = ...`.
const EDITION: &str = "found 'edition'";
const WAY_OUT: &str =
    "compile it with `protoc --include_imports --descriptor_set_out=FILE` and give FILE with `--protoset`";

#[cfg(test)]
mod tests {
    use super::super::schema::Schemas;
    use super::super::scratch::Scratch;
    use super::*;

    fn refusal(name: &str, text: &str) -> String {
        let scratch = Scratch::new();
        let path = scratch.write(name, text.as_bytes());
        compile(&[path], &[]).unwrap_err().to_string().replace(&scratch.path().display().to_string(), "DIR")
    }

    #[test]
    fn options_of_later_years_are_understood() {
        let scratch = Scratch::new();
        let path = scratch.write(
            "a.proto",
            br#"syntax = "proto3"; package a;
            import "google/rpc/status.proto"; import "google/protobuf/descriptor.proto";
            extend google.protobuf.FieldOptions { string note = 50000 [retention = RETENTION_SOURCE]; }
            message M { string secret = 1 [debug_redact = true]; google.rpc.Status status = 2; }"#,
        );
        let mut schemas = Schemas::built_in();
        schemas.link(compile(&[path], &[]).unwrap(), 1 << 25).unwrap();
        assert!(schemas.message("a.M").unwrap().may_hold_secrets());
    }

    #[test]
    fn an_edition_is_named_with_the_way_out() {
        assert_eq!(
            refusal("e.proto", "edition = \"2023\";\nmessage M { string s = 1; }"),
            "DIR/e.proto: e.proto:1:1: editions are not understood here; compile it with \
             `protoc --include_imports --descriptor_set_out=FILE` and give FILE with `--protoset`"
        );
    }

    #[test]
    fn a_wrong_file_is_pointed_at() {
        let way_out = "; if `protoc` accepts it, compile it with `protoc --include_imports --descriptor_set_out=FILE` \
                       and give FILE with `--protoset`";
        assert_eq!(
            refusal("s.proto", "syntax = \"proto3\";\nmessage M { string s = ; }"),
            format!("DIR/s.proto: s.proto:2:24: expected an integer, but found ';'{way_out}")
        );
        assert_eq!(
            refusal("g.proto", "syntax = \"proto3\";\nmessage M { Gone s = 1; }"),
            format!("DIR/g.proto: g.proto:2:13: name 'Gone' is not defined{way_out}")
        );
        assert_eq!(
            refusal("i.proto", "syntax = \"proto3\";\nimport \"gone/gone.proto\";"),
            format!("DIR/i.proto: i.proto:2:1: import 'gone/gone.proto' not found{way_out}")
        );
        assert_eq!(refusal("b.proto", "\0\u{1}"), format!("DIR/b.proto: b.proto:1:1: invalid token{way_out}"));
    }

    #[test]
    fn a_directory_with_two_names_is_one() {
        let scratch = Scratch::new();
        let text = "syntax = \"proto3\"; import \"b.proto\"; message A { B b = 1; }";
        let path = scratch.write("a.proto", text.as_bytes());
        let other = scratch.write("b.proto", b"syntax = \"proto3\"; message B {}");
        let link = scratch.path().join("link");
        std::os::unix::fs::symlink(scratch.path(), &link).unwrap();
        let set = compile(&[path, other, link.join("a.proto")], &[]).unwrap();
        let mut schemas = Schemas::built_in();
        schemas.link(set, 1 << 25).unwrap();
        assert!(schemas.message("A").is_some());
        let gone = link.join("gone.proto");
        let expected = format!("{}: there is no such file", gone.display());
        assert_eq!(compile(&[gone], &[]).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_directory_that_is_linked_into_the_working_directory_keeps_its_name() {
        let (working, elsewhere) = (Scratch::new(), Scratch::new());
        let text = "syntax = \"proto3\"; import \"shared/b.proto\"; message A { B b = 1; }";
        elsewhere.write("a.proto", text.as_bytes());
        elsewhere.write("b.proto", b"syntax = \"proto3\"; message B {}");
        std::os::unix::fs::symlink(elsewhere.path(), working.path().join("shared")).unwrap();
        for files in [["shared/a.proto", "shared/b.proto"], ["./shared/b.proto", "shared/a.proto"]] {
            let set = compile_in(&real(working.path()), &files.map(PathBuf::from), &[]).unwrap();
            let mut schemas = Schemas::built_in();
            schemas.link(set, 1 << 25).unwrap();
            assert!(schemas.message("A").is_some());
        }
    }

    #[test]
    fn files_are_looked_up_in_the_directories() {
        let scratch = Scratch::new();
        let path = scratch.write("a.proto", b"syntax = \"proto3\"; message M {}");
        let here = [scratch.path().to_owned()];
        assert!(compile(&["a.proto".into()], &here).is_ok());
        let elsewhere = Scratch::new();
        let there = [elsewhere.path().to_owned()];
        assert_eq!(
            compile(&["a.proto".into()], &there).unwrap_err().to_string(),
            "a.proto: is found in none of the directories given with `-I`"
        );
        assert!(
            compile(&[path], &there)
                .unwrap_err()
                .to_string()
                .ends_with(": lies below none of the directories given with `-I`")
        );
    }
}
