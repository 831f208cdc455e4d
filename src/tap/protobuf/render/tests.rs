//! Whole messages, literally.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::super::proto_source;
use super::super::schema::Schemas;
use super::super::scratch::Scratch;
use super::*;

fn schemas() -> &'static Schemas {
    static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let scratch = Scratch::new();
        let path = scratch.write("all.proto", ALL.as_bytes());
        let mut schemas = Schemas::built_in();
        schemas.link(proto_source::compile(&[path], &[]).unwrap(), 1 << 25).unwrap();
        schemas
    })
}

const ALL: &str = r#"
syntax = "proto2";
package t;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
enum Colour { RED = 0; GREEN = 1; MINUS = -1; }
message All {
  optional string text = 1;
  optional bytes data = 2;
  optional int32 small = 3;
  optional double real = 4;
  optional Colour colour = 5;
  repeated int32 packed = 6 [packed = true];
  repeated Colour colours = 7 [packed = true];
  map<string, int32> counts = 8;
  map<int32, All> inner = 9;
  oneof choice { string left = 10; All right = 11; }
  optional group Result = 12 { optional string url = 1; }
  optional google.protobuf.Any any = 13;
  optional google.protobuf.Timestamp at = 14;
  optional google.protobuf.Duration takes = 15;
  optional string secret = 16 [debug_redact = true];
  optional All secret_all = 17 [debug_redact = true];
  repeated fixed32 fixed = 18;
  map<string, string> secrets = 19 [debug_redact = true];
  optional uint64 pin = 20 [debug_redact = true];
  extensions 100 to 199;
}
extend All { optional bool extra = 100; optional string hidden = 101 [debug_redact = true]; }
"#;

/// Lines with their indentation, and a line of the masked ranges if there are any.
fn told(rendering: Rendering) -> String {
    let mut told = String::new();
    for line in &rendering.lines {
        told += &format!("{}{}\n", "  ".repeat(line.indent), line.text);
    }
    if !rendering.masked.is_empty() {
        told += &format!("masked {:?}\n", rendering.masked);
    }
    told
}

fn named(full_name: &str, bytes: &[u8]) -> String {
    let message_type = schemas().message(full_name).unwrap();
    told(text(Some(&message_type), bytes, &Options { schemas: Some(schemas()), ..Options::default() }))
}

fn all(bytes: &[u8]) -> String {
    named("t.All", bytes)
}

fn raw(bytes: &[u8]) -> String {
    told(text(None, bytes, &Options::default()))
}

#[test]
fn scalars_and_enums_by_name() {
    assert_eq!(
        all(b"\x0a\x03Ada\x12\x02\x00\xff\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x21\0\0\0\0\0\0\xf8\x3f\
              \x28\x01\x28\x07\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        "text: \"Ada\"\ndata: \"\\x00\\xff\"\nsmall: -1\nreal: 1.5\ncolour: GREEN\ncolour: 7  # not a value of t.Colour\n\
         colour: MINUS\n"
    );
    assert_eq!(all(b"\x0a\x02\xff\xfe"), "text: \"\\xff\\xfe\"  # not UTF-8\n");
    assert_eq!(all(b""), "");
}

#[test]
fn lists_packed_and_not() {
    assert_eq!(all(b"\x32\x04\x01\x02\x96\x01"), "packed: [1, 2, 150]\n");
    assert_eq!(all(b"\x32\x00"), "packed: []\n");
    assert_eq!(all(b"\x30\x05\x30\x06"), "packed: 5\npacked: 6\n");
    assert_eq!(all(b"\x3a\x03\x00\x01\x09"), "colours: [RED, GREEN, 9]\n");
    assert_eq!(all(b"\x92\x01\x08\x01\0\0\0\x02\0\0\0"), "fixed: [1, 2]\n");
    assert_eq!(
        all(b"\x92\x01\x06\x01\0\0\0\x02\0"),
        "fixed: [1]\n# malformed at byte 7: the message ends inside a value\n"
    );
    let many = [b"\x32\x32".as_slice(), &[100; 50]].concat();
    let line = "100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100";
    assert_eq!(
        all(&many),
        format!("packed: [{line},\n  {line}, 100,\n  {line}, 100,\n  100, 100, 100, 100, 100, 100]\n")
    );
}

#[test]
fn maps_are_entries_in_the_order_of_the_wire() {
    assert_eq!(
        all(b"\x42\x05\x0a\x01b\x10\x02\x42\x05\x0a\x01a\x10\x01\x42\x03\x0a\x01c\x42\x00"),
        "counts { key: \"b\" value: 2 }\ncounts { key: \"a\" value: 1 }\ncounts { key: \"c\" }\ncounts {}\n"
    );
    assert_eq!(all(b"\x4a\x09\x08\x05\x12\x05\x0a\x03Ada"), "inner { key: 5 value { text: \"Ada\" } }\n");
}

#[test]
fn oneofs_groups_and_extensions() {
    assert_eq!(all(b"\x52\x01l\x5a\x03\x52\x01r"), "left: \"l\"\nright { left: \"r\" }\n");
    assert_eq!(all(b"\x63\x0a\x01u\x64\x18\x01"), "Result { url: \"u\" }\nsmall: 1\n");
    assert_eq!(all(b"\xa0\x06\x01"), "[t.extra]: true\n");
}

#[test]
fn times_are_readable() {
    assert_eq!(
        all(b"\x72\x06\x08\x80\xc8\x83\xd8\x06\x7a\x02\x08\x5a"),
        "at { seconds: 1795220480 }  # 2026-11-21T00:21:20Z\ntakes { seconds: 90 }  # 90s\n"
    );
    assert_eq!(all(b"\x7a\x00"), "takes {}  # 0s\n");
}

#[test]
fn any_is_opened_if_its_type_is_known() {
    let bytes = b"\x6a\x1d\x0a\x14example.com/any/t.All\x12\x05\x0a\x03Ada";
    // The type is one byte shorter than its length says, and nothing says what the rest is.
    assert!(all(bytes).contains("cannot be read as one: [redacted]"), "{}", all(bytes));
    let bytes = b"\x6a\x16\x0a\x0dtypes.x/t.All\x12\x05\x0a\x03Ada";
    assert_eq!(all(bytes), "any { [types.x/t.All] { text: \"Ada\" } }\n");
    let bytes = b"\x6a\x13\x0a\x0ax.x/t.Gone\x12\x05\x0a\x03Ada";
    assert_eq!(
        all(bytes),
        "any {\n  type_url: \"x.x/t.Gone\"\n  value {  # length 5, read as a message; its type is in no schema\n    \
         1: \"Ada\"  # length 3\n  }\n}\n"
    );
}

#[test]
fn the_url_of_an_any_cannot_draw_on_the_terminal() {
    let bytes = b"\x0a\x07\x1b/t.All\x12\x05\x0a\x03Ada";
    assert_eq!(
        named("google.protobuf.Any", bytes),
        "# an Any that cannot be read as one: [redacted]\nmasked [0..16]\n"
    );
    let built_in = Schemas::built_in().message("google.protobuf.Any");
    assert_eq!(
        told(text(built_in.as_ref(), bytes, &Options::default())),
        "type_url: \"\\x1b/t.All\"\nvalue {  # length 5, read as a message; its type is in no schema\n  \
         1: \"Ada\"  # length 3\n}\n"
    );
}

#[test]
fn reflection_is_decoded_down_to_the_files() {
    assert_eq!(
        named("grpc.reflection.v1.ServerReflectionResponse", b"\x22\x0e\x0a\x0c\x0a\x07a.proto\x12\x01p"),
        "file_descriptor_response {\n  file_descriptor_proto { name: \"a.proto\" package: \"p\" }\n}\n"
    );
}

#[test]
fn a_status_with_details_of_another_schema() {
    assert_eq!(
        named("google.rpc.Status", b"\x08\x05\x12\x04gone\x1a\x11\x0a\x07x/t.All\x12\x06\x82\x01\x03pin"),
        "code: 5\nmessage: \"gone\"\ndetails { [x/t.All] { secret: [redacted] } }\nmasked [24..27]\n"
    );
}

#[test]
fn secrets_are_masked_whatever_their_type() {
    let bytes =
        b"\x0a\x01a\x82\x01\x03abc\x8a\x01\x03\x0a\x01b\x9a\x01\x06\x0a\x01k\x12\x01v\xa0\x01\x96\x01\xaa\x06\x01h";
    assert_eq!(
        all(bytes),
        "text: \"a\"\nsecret: [redacted]\nsecret_all: [redacted]\nsecrets: [redacted]\npin: [redacted]\n\
         [t.hidden]: [redacted]\nmasked [6..9, 12..15, 18..24, 26..28, 31..32]\n"
    );
    let options = Options { show_secrets: true, ..Options::default() };
    let message_type = schemas().message("t.All").unwrap();
    assert_eq!(
        told(text(Some(&message_type), bytes, &options)),
        "text: \"a\"\nsecret: \"abc\"\nsecret_all { text: \"b\" }\nsecrets { key: \"k\" value: \"v\" }\npin: 150\n\
         [t.hidden]: \"h\"\n"
    );
}

#[test]
fn a_secret_of_the_wrong_wire_type_is_one_still() {
    assert_eq!(all(b"\x80\x01\x2a"), "secret: [redacted]\nmasked [2..3]\n");
}

#[test]
fn what_cannot_be_read_is_masked_where_there_may_be_secrets() {
    assert_eq!(
        all(b"\x0a\x01a\x82\x01\x09abc"),
        "text: \"a\"\n# malformed at byte 3: a length of 9 bytes where 3 are left\nmasked [3..9]\n"
    );
    let health = named("grpc.health.v1.HealthCheckRequest", b"\x0a\x09abc");
    assert_eq!(health, "# malformed at byte 0: a length of 9 bytes where 3 are left\nmasked [0..5]\n");
}

#[test]
fn no_prefix_of_a_message_shows_a_secret() {
    // In a field, in a message, in the value of a map and in an Any.
    let bytes = b"\x82\x01\x06SECRET\x5a\x0b\x18\x01\x82\x01\x06SECRET\
        \x4a\x0d\x08\x05\x12\x09\x82\x01\x06SECRET\x6a\x14\x0a\x07x/t.All\x12\x09\x82\x01\x06SECRET";
    assert_eq!(bytes.windows(6).filter(|window| window == b"SECRET").count(), 4);
    assert_eq!(
        all(bytes),
        "secret: [redacted]\nright { small: 1 secret: [redacted] }\ninner { key: 5 value { secret: [redacted] } }\n\
         any { [x/t.All] { secret: [redacted] } }\nmasked [3..9, 16..22, 31..37, 53..59]\n"
    );
    let message_type = schemas().message("t.All");
    for length in 0..bytes.len() {
        let prefix = &bytes[..length];
        let rendering = text(message_type.as_ref(), prefix, &Options::default());
        assert!(rendering.lines.iter().all(|line| !line.text.contains("SEC")), "{rendering:?}");
        let mut hidden = prefix.to_vec();
        rendering.masked.iter().for_each(|part| hidden[part.clone()].fill(b'*'));
        assert!(!hidden.contains(&b'S'), "{length}: {rendering:?}");
    }
}

#[test]
fn secrets_beyond_the_last_line_are_masked_too() {
    let bytes = [b"\x18\x01".repeat(3_000).as_slice(), b"\x82\x01\x03abc"].concat();
    let message_type = schemas().message("t.All").unwrap();
    let rendering = text(Some(&message_type), &bytes, &Options::default());
    assert_eq!(rendering.lines.len(), 1_933);
    assert_eq!(rendering.lines[1_932].text, "... 2142 more bytes");
    assert_eq!(format!("{:?}", rendering.masked), "[6003..6006]");
}

#[test]
fn a_field_that_is_cut_is_not_counted_as_missing_whole() {
    let long = [b"\x08\x05\x12\xc0\x9a\x0c".as_slice(), &[b'x'; 200_000]].concat();
    let rendering = text(None, &long, &Options::default());
    assert!(rendering.lines[1_931].text.contains("xxx"), "{:?}", rendering.lines.get(1_931));
    assert_eq!(rendering.lines[1_932].text, "... 200004 bytes from the beginning of this field on");
}

#[test]
fn unknown_fields_are_kept() {
    assert_eq!(
        all(b"\xe8\x07\x05\xf2\x07\x03Ada"),
        "125: 5  # varint; not in the schema\n126: \"Ada\"  # length 3; not in the schema\n"
    );
    assert_eq!(all(b"\x08\x05"), "1: 5  # varint; not the wire type of text\n");
    assert_eq!(all(b"\x1a\x01x"), "3: \"x\"  # length 1; not the wire type of small\n");
}

#[test]
fn without_a_schema_numbers_and_wire_types_are_shown() {
    assert_eq!(
        raw(b"\x08\x96\x01\x12\x03Ada\x1a\x05\x0a\x03Bob\x21\0\0\0\0\0\0\xf8\x3f\x2d\x02\0\0\0\
              \x33\x08\x01\x34\x3a\x02\xff\xfe\x40\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        "1: 150  # varint\n2: \"Ada\"  # length 3\n3 {  # length 5, read as a message\n  1: \"Bob\"  # length 3\n}\n\
         4: 0x3ff8000000000000  # 64 bits, 1.5\n5: 0x00000002  # 32 bits, 2\n6 {  # group\n  1: 1  # varint\n}\n\
         7: \"\\xff\\xfe\"  # length 2, bytes\n8: 18446744073709551615  # varint, -1 if signed\n"
    );
    assert_eq!(
        raw(b"\x08\x01\x0f"),
        "1: 1  # varint\n# malformed at byte 2: field 1 has wire type 7, which does not exist\n"
    );
}

#[test]
fn long_strings_are_wrapped() {
    let bytes = [b"\x0a\x64".as_slice(), &[b'x'; 100]].concat();
    assert_eq!(all(&bytes), format!("text:\n  \"{}\"\n  \"{}\"\n", "x".repeat(76), "x".repeat(24)));
    assert_eq!(raw(&bytes), format!("1:  # length 100\n  \"{}\"\n  \"{}\"\n", "x".repeat(76), "x".repeat(24)));
    let fits = [b"\x0a\x48".as_slice(), &[b'x'; 72]].concat();
    assert_eq!(all(&fits), format!("text: \"{}\"\n", "x".repeat(72)));
}

#[test]
fn nesting_is_bounded() {
    let mut bytes = Vec::new();
    for _ in 0..63 {
        bytes = [&[0x5a, u8::try_from(bytes.len()).unwrap()], bytes.as_slice()].concat();
    }
    assert_eq!(text(schemas().message("t.All").as_ref(), &bytes, &Options::default()).lines.len(), 123);
    let deep = [b"\x5b".repeat(64), b"\x5c".repeat(64)].concat();
    let rendering = text(schemas().message("t.All").as_ref(), &deep, &Options::default());
    assert_eq!(rendering.lines.len(), 125);
    let deeper = [b"\x5b".repeat(65), b"\x5c".repeat(65)].concat();
    let rendering = text(schemas().message("t.All").as_ref(), &deeper, &Options::default());
    assert_eq!(rendering.lines[0].text, "# malformed at byte 0: groups are nested more than 64 deep");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_bytes_make_few_lines(bytes in prop::collection::vec(any::<u8>(), 0..600), show_secrets in any::<bool>()) {
        for message_type in [None, schemas().message("t.All"), schemas().message("google.protobuf.Struct")] {
            let options = Options { show_secrets, schemas: Some(schemas()), ..Options::default() };
            let rendering = text(message_type.as_ref(), &bytes, &options);
            prop_assert!(rendering.lines.len() <= 2_000);
            prop_assert!(rendering.lines.iter().all(|line| line.indent <= 66 && line.text.len() < 2_000));
            prop_assert!(rendering.masked.is_sorted_by(|a, b| a.end < b.start));
            prop_assert!(rendering.masked.iter().all(|part| part.start < part.end && part.end <= bytes.len()));
        }
    }

    #[test]
    fn small_tags_make_few_lines(bytes in prop::collection::vec(0_u8..0x80, 0..3_000)) {
        let rendering = text(schemas().message("t.All").as_ref(), &bytes, &Options::default());
        prop_assert!(rendering.lines.len() <= 2_000);
        let rendering = text(None, &bytes, &Options::default());
        prop_assert!(rendering.lines.len() <= 2_000);
    }
}
