//! Which messages a call carries, by its `:path`.

use std::fmt;
use std::sync::{Arc, OnceLock};

use buffa_descriptor::{
    DescriptorPool, EnumValueDescriptor, ExtensionDescriptor, FieldDescriptor, MessageDescriptor, MessageIndex,
    MethodDescriptor,
};

use super::built_in;
use super::file_set::FileSet;

/// Message types and methods: those of files or of a service, and those built in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Schemas {
    /// Searched in this order: who brings a type of a built-in name means their own.
    pools: Vec<Arc<Pool>>,
}

impl Schemas {
    /// The well-known types, `google.rpc.Status` and its details, health checks and server reflection: what needs
    /// nobody's schema.
    pub fn built_in() -> Schemas {
        static POOL: OnceLock<Arc<Pool>> = OnceLock::new();
        // They are part of the program and cannot fail; a test links them.
        let pool = POOL.get_or_init(|| Arc::new(Pool::of(built_in::files(), ELEMENT_BYTES).unwrap_or_default()));
        Schemas { pools: vec![Arc::clone(pool)] }
    }

    /// Links these files, with the built-in ones where they import them; an error is the reason alone. What was there
    /// before stays, and is searched later.
    ///
    /// Decoded descriptors take at most `element_bytes_max`, without their names.
    pub(super) fn link(&mut self, mut files: FileSet, element_bytes_max: usize) -> Result<(), String> {
        files.complete(built_in::files());
        self.pools.insert(0, Arc::new(Pool::of(&files, element_bytes_max)?));
        Ok(())
    }

    /// The method of a call by its `:path`, as in `/users.v1.Users/AddUser`.
    pub fn method(&self, path: &str) -> Option<Method> {
        let (service, name) = path.strip_prefix('/')?.split_once('/')?;
        self.pools.iter().find_map(|pool| {
            let method = pool.descriptors.service_by_name(service)?.method(name)?;
            Some(Method {
                full_name: format!("{service}.{name}"),
                request: MessageType { pool: Arc::clone(pool), index: method.input() },
                response: MessageType { pool: Arc::clone(pool), index: method.output() },
                client_streaming: method.is_client_streaming(),
                server_streaming: method.is_server_streaming(),
            })
        })
    }

    /// A message type by its full name, as in `google.rpc.Status`.
    pub fn message(&self, full_name: &str) -> Option<MessageType> {
        self.pools.iter().find_map(|pool| MessageType::in_pool(pool, full_name))
    }

    /// Whether any field is marked `debug_redact`.
    pub fn may_hold_secrets(&self) -> bool {
        self.pools.iter().any(|pool| pool.redacts)
    }
}

/// A method of a service.
#[derive(Clone, Debug)]
pub struct Method {
    /// As in `users.v1.Users.AddUser`.
    pub full_name: String,
    /// What the client sends.
    pub request: MessageType,
    /// What the backend sends.
    pub response: MessageType,
    /// Whether the client may send more than one message.
    pub client_streaming: bool,
    /// Whether the backend may send more than one message.
    pub server_streaming: bool,
}

/// A message type together with everything it refers to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct MessageType {
    pool: Arc<Pool>,
    /// Of this very pool: an index of another one would be another message, or none.
    index: MessageIndex,
}

impl MessageType {
    fn in_pool(pool: &Arc<Pool>, full_name: &str) -> Option<MessageType> {
        let index = pool.descriptors.message_index(full_name)?;
        Some(MessageType { pool: Arc::clone(pool), index })
    }

    /// As in `users.v1.AddUserRequest`.
    pub fn full_name(&self) -> &str {
        self.descriptor().full_name()
    }

    pub(super) fn descriptor(&self) -> &MessageDescriptor {
        self.pool.descriptors.message(self.index)
    }

    pub(super) fn index(&self) -> MessageIndex {
        self.index
    }

    /// Where its fields' types are.
    pub(super) fn descriptors(&self) -> &DescriptorPool {
        &self.pool.descriptors
    }

    /// A type of the same schema.
    pub(super) fn sibling(&self, index: MessageIndex) -> MessageType {
        MessageType { pool: Arc::clone(&self.pool), index }
    }

    /// A type of the same schema by its full name.
    pub(super) fn sibling_by_name(&self, full_name: &str) -> Option<MessageType> {
        MessageType::in_pool(&self.pool, full_name)
    }

    /// Whether any field of its schema is marked `debug_redact`.
    pub fn may_hold_secrets(&self) -> bool {
        self.pool.redacts
    }
}

/// Linked descriptors.
#[derive(Default)]
struct Pool {
    descriptors: DescriptorPool,
    redacts: bool,
}

impl Pool {
    fn of(files: &FileSet, element_bytes_max: usize) -> Result<Pool, String> {
        let descriptors = files.link(element_bytes_max)?;
        // Names are shown as they are, and a backend must not draw on a reader's terminal by them.
        if let Some(name) = names(&descriptors).find(|name| !is_name(name)) {
            return Err(format!("{name:?} is not a name"));
        }
        let mut fields = descriptors.messages().iter().flat_map(MessageDescriptor::fields);
        let mut extensions = descriptors.extensions().iter().map(ExtensionDescriptor::field);
        let redacts = fields.any(is_redacted) || extensions.any(is_redacted);
        Ok(Pool { descriptors, redacts })
    }
}

impl fmt::Debug for Pool {
    /// The descriptors themselves would fill screens.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Pool").field("files", &self.descriptors.files().len()).finish_non_exhaustive()
    }
}

/// Whether the schema says that the values of this field are not to be shown.
pub(super) fn is_redacted(field: &FieldDescriptor) -> bool {
    field.options().and_then(|options| options.debug_redact) == Some(true)
}

/// All names that may be shown.
fn names(descriptors: &DescriptorPool) -> impl Iterator<Item = &str> {
    let messages = descriptors.messages().iter();
    let fields =
        messages.flat_map(|message| message.fields().iter().map(FieldDescriptor::name).chain([message.full_name()]));
    let enums = descriptors.enums().iter();
    let values = enums.flat_map(|kind| kind.values().iter().map(EnumValueDescriptor::name).chain([kind.full_name()]));
    let services = descriptors.services().iter();
    let methods =
        services.flat_map(|service| service.methods().iter().map(MethodDescriptor::name).chain([service.full_name()]));
    let extensions = descriptors.extensions().iter().map(ExtensionDescriptor::full_name);
    fields.chain(values).chain(methods).chain(extensions)
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
}

/// Far more than the built-in files take.
const ELEMENT_BYTES: usize = 32 << 20;
