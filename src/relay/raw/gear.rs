//! What all connections of a shard's relay work with.

use super::clerk::Clerk;
use super::marks::Marks;
use super::pipes::Pipes;

/// The engine, the pipes, and what is to be remembered for a moment.
#[derive(Debug)]
pub(super) struct Gear<I> {
    pub(super) io: I,
    pub(super) pipes: Pipes,
    pub(super) marks: Marks,
    /// Counts and tells of what watched connections carry.
    pub(super) clerk: Clerk,
    /// Counts the engine's waits. What happens between two of them happens at once.
    pub(super) turn: u32,
}
