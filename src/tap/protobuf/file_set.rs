//! Descriptors of `.proto` files, still encoded, until they are linked into a pool.
//!
//! Sets are merged and completed in their encoded form: decoding them into types that are older than the set would
//! lose what the types do not know, such as the features of a newer edition.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use buffa_descriptor::DescriptorPool;

use super::wire_format::{Record, Records, Value};

/// Encoded `FileDescriptorProto`s by the name of their file; the first of a name stays.
#[derive(Clone, Debug, Default)]
pub(super) struct FileSet {
    files: BTreeMap<String, Vec<u8>>,
}

impl FileSet {
    /// Adds the files of an encoded `FileDescriptorSet`.
    pub(super) fn add_set(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut seen = false;
        for record in records(bytes, SET_FILE) {
            let file = bytes.get(record?.part).unwrap_or_default();
            self.add_file(file)?;
            seen = true;
        }
        if !seen {
            return Err("this is not a FileDescriptorSet, for it has no file in it".to_owned());
        }
        Ok(())
    }

    /// Adds an encoded `FileDescriptorProto`; returns its name.
    pub(super) fn add_file(&mut self, bytes: &[u8]) -> Result<String, String> {
        let name = strings(bytes, FILE_NAME)?.pop().filter(|name| !name.is_empty());
        let name = name.ok_or("this is not a file descriptor, for it has no name")?;
        self.files.entry(name.clone()).or_insert_with(|| bytes.to_vec());
        Ok(name)
    }

    /// Adds the files of another set.
    pub(super) fn merge(&mut self, other: &FileSet) {
        for (name, file) in &other.files {
            self.files.entry(name.clone()).or_insert_with(|| file.clone());
        }
    }

    /// An encoded `FileDescriptorProto` by its name.
    pub(super) fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Files that files of this set import, without those that are in it.
    pub(super) fn missing(&self) -> BTreeSet<String> {
        let imports = self.files.values().flat_map(|file| imports(file));
        imports.filter(|name| !self.files.contains_key(name)).collect()
    }

    /// Takes over from `other` what this set imports and does not have.
    pub(super) fn complete(&mut self, other: &FileSet) {
        loop {
            let found: Vec<_> =
                self.missing().into_iter().filter_map(|name| other.files.get_key_value(&name)).collect();
            if found.is_empty() {
                return;
            }
            self.files.extend(found.into_iter().map(|(name, file)| (name.clone(), file.clone())));
        }
    }

    /// Links the files. A set is somebody else's input: a panic over it is an error like any other.
    pub(super) fn link(&self, element_bytes_max: usize) -> Result<DescriptorPool, String> {
        let options = buffa::DecodeOptions::new().with_element_memory_limit(element_bytes_max);
        let encoded = self.encoded();
        let linked = catch_unwind(AssertUnwindSafe(|| DescriptorPool::decode_with_options(&encoded, &options)));
        let reason = match linked {
            Ok(Ok(pool)) => return Ok(pool),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the descriptors make no sense".to_owned(),
        };
        let missing: Vec<_> = self.missing().into_iter().take(IMPORTS_NAMED).collect();
        if missing.is_empty() {
            return Err(reason);
        }
        Err(format!("{reason}; imported but not there: {}", missing.join(", ")))
    }

    /// As a `FileDescriptorSet`.
    pub(super) fn encoded(&self) -> Vec<u8> {
        let mut encoded = Vec::new();
        for file in self.files.values() {
            encoded.push(SET_FILE_TAG);
            let mut length = file.len();
            while length >= 0x80 {
                encoded.push(length.to_le_bytes()[0] | 0x80);
                length >>= 7;
            }
            encoded.push(length.to_le_bytes()[0]);
            encoded.extend_from_slice(file);
        }
        encoded
    }

    /// Bytes of all files together.
    pub(super) fn bytes(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }
}

/// The names of the files that an encoded `FileDescriptorProto` imports; none if it is malformed.
pub(super) fn imports(file: &[u8]) -> Vec<String> {
    strings(file, FILE_DEPENDENCY).unwrap_or_default()
}

/// The length-delimited records of this number.
fn records(bytes: &[u8], number: u32) -> impl Iterator<Item = Result<Record, String>> {
    Records::new(bytes, 0..bytes.len()).filter_map(move |record| match record {
        Ok(record) => (record.number == number && record.value == Value::Bytes).then_some(Ok(record)),
        Err(fault) => Some(Err(fault.to_string())),
    })
}

fn strings(bytes: &[u8], number: u32) -> Result<Vec<String>, String> {
    let text = |record: Record| String::from_utf8_lossy(bytes.get(record.part).unwrap_or_default()).into_owned();
    records(bytes, number).map(|record| record.map(text)).collect()
}

/// `FileDescriptorSet.file`.
const SET_FILE: u32 = 1;
const SET_FILE_TAG: u8 = 0x0a;
/// `FileDescriptorProto.name`.
const FILE_NAME: u32 = 1;
/// `FileDescriptorProto.dependency`.
const FILE_DEPENDENCY: u32 = 3;
/// Missing imports that an error names: the first ones are enough to see what is wrong.
const IMPORTS_NAMED: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    /// `a.proto` with package `p`, importing `b.proto`; and `b.proto`.
    const A: &[u8] = b"\x0a\x07a.proto\x12\x01p\x1a\x07b.proto";
    const B: &[u8] = b"\x0a\x07b.proto";

    fn set(files: &[&[u8]]) -> FileSet {
        let mut set = FileSet::default();
        for file in files {
            set.add_file(file).unwrap();
        }
        set
    }

    #[test]
    fn sets_are_split_and_put_together_again() {
        let bytes = b"\x0a\x15\x0a\x07a.proto\x12\x01p\x1a\x07b.proto\x0a\x09\x0a\x07b.proto";
        let mut read = FileSet::default();
        read.add_set(bytes).unwrap();
        assert_eq!(read.encoded(), bytes);
        // The same file once more changes nothing.
        read.add_set(bytes).unwrap();
        assert_eq!(read.encoded(), bytes);
        assert_eq!(read.files.len(), 2);
    }

    #[test]
    fn long_files_get_long_lengths() {
        let mut file = b"\x0a\x07a.proto\x4a\xac\x02".to_vec();
        file.resize(12 + 300, 0);
        let encoded = set(&[&file]).encoded();
        assert_eq!(encoded[..3], [0x0a, 0xb8, 0x02]);
        assert_eq!(encoded[3..], file);
    }

    #[test]
    fn what_is_missing_is_known_and_taken_from_elsewhere() {
        let mut incomplete = set(&[A]);
        assert_eq!(incomplete.missing().into_iter().collect::<Vec<_>>(), ["b.proto"]);
        incomplete.complete(&set(&[B]));
        assert!(incomplete.missing().is_empty());
        assert_eq!(incomplete.files.len(), 2);
        assert_eq!(incomplete.link(1 << 20).unwrap().files().len(), 2);
    }

    #[test]
    fn what_is_no_set_is_refused() {
        let refusal = |bytes: &[u8]| FileSet::default().add_set(bytes).unwrap_err();
        assert_eq!(refusal(b""), "this is not a FileDescriptorSet, for it has no file in it");
        assert_eq!(refusal(b"\x08\x01"), "this is not a FileDescriptorSet, for it has no file in it");
        assert_eq!(refusal(b"\x0a\x00"), "this is not a file descriptor, for it has no name");
        assert_eq!(refusal(b"\x0a\x20"), "malformed at byte 0: a length of 32 bytes where 0 are left");
        assert_eq!(refusal(b"\x0a\x01\x0a"), "malformed at byte 0: the message ends inside a value");
    }

    #[test]
    fn types_that_are_not_there_are_named_with_the_import() {
        // message M { .p.Gone f = 1; } in a.proto, which imports b.proto.
        let file =
            b"\x0a\x07a.proto\x1a\x07b.proto\x22\x17\x0a\x01M\x12\x12\x0a\x01f\x18\x01\x20\x01\x28\x0b\x32\x07.p.Gone";
        let error = set(&[file]).link(1 << 20).unwrap_err();
        assert_eq!(error, "unresolved type name \".p.Gone\" on field M.f; imported but not there: b.proto");
    }
}
