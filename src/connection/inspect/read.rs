//! One read from a client whose connection is not routed yet.

use std::cell::RefCell;
use std::io;

use super::super::close::Record;
use crate::limits;
use crate::sys::socket::Socket;
use crate::tap::event::Direction;

/// What a read brought.
pub(super) enum Read<T> {
    /// Bytes, and what was made of them.
    Bytes(T),
    /// Nothing for now.
    Empty,
    /// The end of the client's side.
    End,
    /// An error of the socket.
    Failed(io::Error),
}

/// Reads once, without waiting, and shows the bytes to `take`.
pub(super) fn read<T>(client: &Socket, record: &Record, take: impl FnOnce(&[u8]) -> T) -> Read<T> {
    SCRATCH.with_borrow_mut(|scratch| match client.receive(scratch) {
        Ok(Some(0)) => Read::End,
        Ok(Some(received)) => {
            let bytes = scratch.get(..received).unwrap_or_default();
            record.copy(Direction::ToBackend, bytes);
            Read::Bytes(take(bytes))
        }
        Ok(None) => Read::Empty,
        Err(error) => Read::Failed(error),
    })
}

thread_local! {
    /// Bytes stand here between the read and whoever keeps them, without a wait between the two.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; limits::OPENING_READ_BYTES].into_boxed_slice());
}
