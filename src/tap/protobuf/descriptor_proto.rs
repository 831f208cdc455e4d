//! `google/protobuf/descriptor.proto` as today's `.proto` files need it.
//!
//! protox brings one that lacks the options of later years, `debug_redact` among them, and refuses files that use
//! these. It looks options up in the file of this name if it is opened, so a completed one is put in its place.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
};
use protox::file::{File, FileResolver, GoogleFileResolver};

/// Resolves `google/protobuf/descriptor.proto`.
pub(super) struct CompletedDescriptor;

impl FileResolver for CompletedDescriptor {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name != DESCRIPTOR {
            return Err(protox::Error::file_not_found(name));
        }
        let file = GoogleFileResolver::new().open_file(name)?;
        Ok(File::from_file_descriptor_proto(completed(file.file_descriptor_proto().clone())))
    }
}

fn completed(mut file: FileDescriptorProto) -> FileDescriptorProto {
    for message in &mut file.message_type {
        match message.name() {
            "FieldOptions" => complete_field_options(message),
            "EnumValueOptions" => add(message, field("debug_redact", 3, Type::Bool)),
            _ => {}
        }
    }
    file
}

fn complete_field_options(message: &mut DescriptorProto) {
    add(message, field("unverified_lazy", 15, Type::Bool));
    add(message, field("debug_redact", 16, Type::Bool));
    let retention = ["RETENTION_UNKNOWN", "RETENTION_RUNTIME", "RETENTION_SOURCE"];
    let targets = [
        "TARGET_TYPE_UNKNOWN",
        "TARGET_TYPE_FILE",
        "TARGET_TYPE_EXTENSION_RANGE",
        "TARGET_TYPE_MESSAGE",
        "TARGET_TYPE_FIELD",
        "TARGET_TYPE_ONEOF",
        "TARGET_TYPE_ENUM",
        "TARGET_TYPE_ENUM_ENTRY",
        "TARGET_TYPE_SERVICE",
        "TARGET_TYPE_METHOD",
    ];
    add_enum(message, "OptionRetention", &retention, field("retention", 17, Type::Enum));
    let mut repeated = field("targets", 19, Type::Enum);
    repeated.set_label(Label::Repeated);
    add_enum(message, "OptionTargetType", &targets, repeated);
}

fn add_enum(message: &mut DescriptorProto, name: &str, values: &[&str], mut field: FieldDescriptorProto) {
    if message.enum_type.iter().any(|known| known.name() == name) {
        return;
    }
    let values = (0..).zip(values).map(|(number, value)| EnumValueDescriptorProto {
        name: Some((*value).to_owned()),
        number: Some(number),
        options: None,
    });
    let value = values.collect();
    message.enum_type.push(EnumDescriptorProto { name: Some(name.to_owned()), value, ..Default::default() });
    field.type_name = Some(format!(".google.protobuf.FieldOptions.{name}"));
    add(message, field);
}

fn add(message: &mut DescriptorProto, field: FieldDescriptorProto) {
    if !message.field.iter().any(|known| known.number == field.number) {
        message.field.push(field);
    }
}

fn field(name: &str, number: i32, field_type: Type) -> FieldDescriptorProto {
    let mut field = FieldDescriptorProto { name: Some(name.to_owned()), number: Some(number), ..Default::default() };
    field.set_label(Label::Optional);
    field.set_type(field_type);
    field
}

/// The file's name.
pub(super) const DESCRIPTOR: &str = "google/protobuf/descriptor.proto";
