//! Protobuf messages as text: by the schema of the call's `:path` where there is one, by their wire types where not.
//!
//! [`Sources`] knows the message types of a call from descriptor sets, `.proto` files, the backend's server reflection
//! and what is built in; [`text`] renders a message of such a type, or of none. Schemas are never tried out on a
//! message: a wrong one often fits.
//!
//! Messages, schemas and backends are all foreign input. What is read of them is bounded, what is wrong with them is
//! said, and none of it panics or reaches a terminal unescaped.

mod args;
mod built_in;
mod descriptor_proto;
mod error;
mod file_set;
mod load;
mod proto_source;
pub mod reflection;
pub mod render;
pub mod schema;
#[cfg(test)]
mod scratch;
mod wire_format;

pub use self::args::{SchemaArgs, Sources};
pub use self::error::SchemaError;
pub use self::reflection::{Lookup, Reflector};
pub use self::render::{Line, Options, Rendering, text};
pub use self::schema::{MessageType, Method, Schemas};
