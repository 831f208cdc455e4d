//! Why a schema cannot be used.

/// Why a schema cannot be used: in which file or service, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: {reason}")]
pub struct SchemaError {
    /// The file as given on the command line, or the service that was asked for.
    pub source_name: String,
    /// What is wrong with it, and the way out where there is one.
    pub reason: String,
}
