//! Fields by the names and types of a schema.

use std::borrow::Cow;
use std::ops::Range;

use buffa_descriptor::{EnumIndex, FieldKind, MessageIndex, ScalarType, SingularKind};

use super::super::schema::{MessageType, Schemas, is_redacted};
use super::super::wire_format::{Fault, Record, Records, Value};
use super::page::Page;
use super::{raw, scalar, time};

/// Renders the fields of a message.
pub(super) fn message(page: &mut Page<'_>, message_type: &MessageType, part: Range<usize>) {
    let scope = Scope { message_type, entry: None };
    match (message_type.full_name() == ANY).then(|| any(page, message_type, part.clone())) {
        Some(Any::Known { url, value_type, value }) => {
            page.open(&format!("[{url}]"), "");
            message(page, &value_type, value);
            page.close_short();
        }
        Some(Any::Irregular) if page.secrets => {
            page.line("# an Any that cannot be read as one: [redacted]".to_owned());
            page.mask(part);
        }
        _ => fields(page, &scope, part),
    }
}

fn fields(page: &mut Page<'_>, scope: &Scope<'_>, part: Range<usize>) {
    for record in Records::new(page.bytes, part.clone()) {
        match record {
            Ok(record) => field(page, scope, &record),
            Err(fault) => {
                page.fault(&fault);
                // What cannot be read may be anything.
                page.mask(fault.start..part.end);
            }
        }
        if page.is_cut() && !page.secrets {
            break;
        }
    }
}

fn field(page: &mut Page<'_>, scope: &Scope<'_>, record: &Record) {
    page.begin(record.start);
    let number = record.number.to_string();
    let Some(field) = scope.field(record) else {
        return raw::field(page, &number, record, "not in the schema");
    };
    if field.redacted && page.secrets {
        page.mask(record.part.clone());
        return page.line(format!("{}: [redacted]", field.name));
    }
    if scope.message_type.full_name() == ANY && field.name == "value" && record.value == Value::Bytes {
        return raw::field(page, &field.name, record, "its type is in no schema");
    }
    if REFLECTED.contains(&scope.message_type.full_name())
        && let Some(file) = Schemas::built_in().message("google.protobuf.FileDescriptorProto")
        && record.value == Value::Bytes
    {
        return nested(page, &field.name, "", record, |page, part| message(page, &file, part));
    }
    match (field.kind, record.value) {
        (FieldKind::Map { key, value }, Value::Bytes) => {
            let entry = Scope { message_type: scope.message_type, entry: Some((key, value)) };
            nested(page, &field.name, "", record, |page, part| fields(page, &entry, part));
        }
        (FieldKind::Singular(kind) | FieldKind::List(kind), _) if single(page, scope, &field.name, kind, record) => {}
        (FieldKind::List(kind), Value::Bytes) if packed(page, scope, &field.name, kind, record) => {}
        _ => raw::field(page, &number, record, &format!("not the wire type of {}", field.name)),
    }
}

/// Whether the record is a value of this kind; if so, it is rendered.
fn single(page: &mut Page<'_>, scope: &Scope<'_>, name: &str, kind: SingularKind, record: &Record) -> bool {
    match (kind, record.value) {
        (SingularKind::Message(index), Value::Bytes | Value::Group) => {
            let message_type = scope.message_type.sibling(index);
            let comment = time::note(message_type.full_name(), page.bytes, record.part.clone());
            nested(page, name, &comment, record, |page, part| message(page, &message_type, part));
        }
        (SingularKind::Scalar(ScalarType::String), Value::Bytes) => {
            let bytes = page.slice(record.part.clone());
            let comment = if std::str::from_utf8(bytes).is_ok() { "" } else { "not UTF-8" };
            page.quoted(name, bytes, comment);
        }
        (SingularKind::Scalar(ScalarType::Bytes), Value::Bytes) => {
            page.quoted(name, page.slice(record.part.clone()), "");
        }
        (SingularKind::Enum(index), Value::Varint(bits)) => {
            let (text, known) = enum_value(scope, index, bits);
            let full_name = scope.message_type.descriptors().enumeration(index).full_name();
            let comment = if known { String::new() } else { format!("not a value of {full_name}") };
            page.value(name, &text, &comment);
        }
        (SingularKind::Scalar(scalar), value) => match scalar::text(scalar, value) {
            Some(text) => page.value(name, &text, ""),
            None => return false,
        },
        _ => return false,
    }
    true
}

/// Renders a message or the entry of a map, unless it is nested too deeply.
fn nested(
    page: &mut Page<'_>,
    name: &str,
    comment: &str,
    record: &Record,
    content: impl FnOnce(&mut Page<'_>, Range<usize>),
) {
    let part = record.part.clone();
    if page.is_deepest() {
        // What is not read may hold secrets.
        page.mask(part.clone());
        return page.line(format!("# {name}: {} bytes nested too deeply to be read", part.len()));
    }
    page.open(name, comment);
    content(page, part);
    page.close_short();
}

/// Whether the values of this kind can be packed; if so, they are rendered.
fn packed(page: &mut Page<'_>, scope: &Scope<'_>, name: &str, kind: SingularKind, record: &Record) -> bool {
    let mut records = Records::new(page.bytes, record.part.clone());
    let mut fault = None;
    let mut next = || -> Option<Result<String, Fault>> {
        Some(match kind {
            SingularKind::Enum(index) => records.next_varint()?.map(|bits| enum_value(scope, index, bits).0),
            SingularKind::Scalar(scalar) => {
                let value = match scalar {
                    ScalarType::Double | ScalarType::Fixed64 | ScalarType::Sfixed64 => {
                        records.next_fixed64()?.map(Value::Fixed64)
                    }
                    ScalarType::Float | ScalarType::Fixed32 | ScalarType::Sfixed32 => {
                        records.next_fixed32()?.map(Value::Fixed32)
                    }
                    ScalarType::Int64
                    | ScalarType::Uint64
                    | ScalarType::Int32
                    | ScalarType::Uint32
                    | ScalarType::Sint32
                    | ScalarType::Sint64
                    | ScalarType::Bool => records.next_varint()?.map(Value::Varint),
                    ScalarType::String | ScalarType::Bytes => return None,
                };
                value.map(|value| scalar::text(scalar, value).unwrap_or_default())
            }
            SingularKind::Message(_) => return None,
        })
    };
    if matches!(kind, SingularKind::Message(_) | SingularKind::Scalar(ScalarType::String | ScalarType::Bytes)) {
        return false;
    }
    let items = std::iter::from_fn(|| next()?.map_err(|found| fault = Some(found)).ok());
    page.list(name, items);
    if let Some(fault) = fault {
        page.fault(&fault);
    }
    true
}

/// The name of a value if it has one, its number if not.
fn enum_value(scope: &Scope<'_>, index: EnumIndex, bits: u64) -> (String, bool) {
    let number = scalar::low_32_bits(bits).cast_signed();
    match scope.message_type.descriptors().enumeration(index).value(number) {
        Some(value) => (value.name().to_owned(), true),
        None => (number.to_string(), false),
    }
}

/// What an `Any` turns out to be.
enum Any {
    Known {
        url: String,
        value_type: MessageType,
        value: Range<usize>,
    },
    Unknown,
    /// It has other fields than a type and a value, or it has them twice: nothing says what its bytes are.
    Irregular,
}

fn any(page: &Page<'_>, any: &MessageType, part: Range<usize>) -> Any {
    let mut url = None;
    let mut value = None;
    for record in Records::new(page.bytes, part.clone()) {
        match record {
            Ok(Record { number: 1, value: Value::Bytes, part, .. }) if url.is_none() => url = Some(page.slice(part)),
            Ok(Record { number: 2, value: Value::Bytes, part, .. }) if value.is_none() => value = Some(part),
            _ => return Any::Irregular,
        }
    }
    // It is shown without quotes, so it must not hold anything that would need them.
    let url = std::str::from_utf8(url.unwrap_or_default()).ok();
    let Some(url) = url.filter(|url| url.bytes().all(|byte| byte.is_ascii_graphic())) else { return Any::Irregular };
    let name = url.rsplit('/').next().unwrap_or_default();
    let lookup = || page.options.schemas.and_then(|schemas| schemas.message(name));
    match any.sibling_by_name(name).or_else(lookup) {
        Some(value_type) => Any::Known { url: url.to_owned(), value_type, value: value.unwrap_or(part.end..part.end) },
        None => Any::Unknown,
    }
}

/// What the numbers of fields mean.
struct Scope<'a> {
    message_type: &'a MessageType,
    /// The types of key and value: the fields are those of an entry of one of the message's maps.
    entry: Option<(ScalarType, SingularKind)>,
}

impl Scope<'_> {
    fn field(&self, record: &Record) -> Option<Field<'_>> {
        let plain = |name, kind| Field { name: Cow::Borrowed(name), kind: FieldKind::Singular(kind), redacted: false };
        if let Some((key, value)) = self.entry {
            return match record.number {
                1 => Some(plain("key", SingularKind::Scalar(key))),
                2 => Some(plain("value", value)),
                _ => None,
            };
        }
        let descriptors = self.message_type.descriptors();
        let (field, name) = match self.message_type.descriptor().field(record.number) {
            Some(field) => (field, Cow::Borrowed(field.name())),
            None => {
                let extension = descriptors.extension_for(self.message_type.index(), record.number)?;
                (extension.field(), Cow::Owned(format!("[{}]", extension.full_name())))
            }
        };
        let name = match field.kind() {
            FieldKind::Singular(SingularKind::Message(index)) | FieldKind::List(SingularKind::Message(index))
                if field.is_delimited() =>
            {
                self.group_name(index, name)
            }
            FieldKind::Singular(_) | FieldKind::List(_) | FieldKind::Map { .. } => name,
        };
        Some(Field { name, kind: field.kind(), redacted: is_redacted(field) })
    }

    /// A proto2 group is known by its type, of which the field's name is the lower-case form.
    fn group_name<'a>(&'a self, index: MessageIndex, name: Cow<'a, str>) -> Cow<'a, str> {
        let full_name = self.message_type.descriptors().message(index).full_name();
        let type_name = full_name.rsplit('.').next().unwrap_or_default();
        if type_name.eq_ignore_ascii_case(&name) { Cow::Borrowed(type_name) } else { name }
    }
}

/// What is known of a field.
struct Field<'a> {
    name: Cow<'a, str>,
    kind: FieldKind,
    redacted: bool,
}

const ANY: &str = "google.protobuf.Any";
/// Their one field holds encoded files, declared as bytes only so that reflection does not depend on their type.
const REFLECTED: [&str; 2] =
    ["grpc.reflection.v1.FileDescriptorResponse", "grpc.reflection.v1alpha.FileDescriptorResponse"];
