//! Bytes that their receiver did not take yet.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

/// A queue of bytes that holds no memory while it is empty.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    /// How many of them are sent.
    sent: usize,
}

impl Backlog {
    pub(super) fn new(bytes: Vec<u8>) -> Backlog {
        Backlog { bytes, sent: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Where a writer appends.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Takes what waits out.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let Backlog { mut bytes, sent } = std::mem::take(self);
        bytes.drain(..sent);
        bytes
    }

    /// Sends `bytes` behind what waits; what is not taken waits. Returns how many the receiver took.
    ///
    /// # Errors
    ///
    /// What `send(2)` says; nothing is kept then.
    pub(super) fn pass(&mut self, to: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
        let sent = if self.is_empty() { take(to, bytes)? } else { 0 };
        self.bytes.extend_from_slice(bytes.get(sent..).unwrap_or_default());
        Ok(sent)
    }

    /// Sends what waits until the receiver takes no more, and gives the memory back when nothing is left. Returns how
    /// many bytes it took.
    ///
    /// # Errors
    ///
    /// What `send(2)` says.
    pub(super) fn flush(&mut self, to: BorrowedFd<'_>) -> io::Result<usize> {
        let rest = self.bytes.get(self.sent..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(0);
        }
        let taken = take(to, rest)?;
        self.sent += taken;
        if self.sent == self.bytes.len() {
            *self = Backlog::default();
        } else if self.sent >= self.len() {
            // A receiver that is always a little behind would have everything kept that it ever got. Each byte that moves
            // is paid for by one that was sent.
            self.bytes.drain(..std::mem::take(&mut self.sent));
        }
        Ok(taken)
    }
}

/// Sends what there is room for, without waiting. The kernel takes either all or as much as fits, so a second call could
/// only learn that nothing more does.
fn take(to: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    match send(to, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
        Ok(sent) => Ok(sent),
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_is_not_taken_waits_and_keeps_its_place() {
        let (to, mut receiver) = UnixStream::pair().unwrap();
        let mut backlog = Backlog::default();
        let first = vec![1; 1 << 20];
        let mut taken = backlog.pass(to.as_fd(), &first).unwrap();
        assert!((1..first.len()).contains(&taken), "{taken}");
        assert_eq!(backlog.len(), first.len() - taken);
        assert_eq!(backlog.pass(to.as_fd(), &[2, 3]).unwrap(), 0);
        let mut received = vec![0; first.len() + 2];
        let waits = backlog.take();
        assert_eq!((waits.len(), backlog.is_empty()), (first.len() + 2 - taken, true));
        let mut backlog = Backlog::new(waits);
        let mut read = 0;
        while read < received.len() {
            read += receiver.read(&mut received[read..]).unwrap();
            taken += backlog.flush(to.as_fd()).unwrap();
        }
        assert_eq!(taken, received.len());
        assert!(received[..first.len()].iter().all(|byte| *byte == 1));
        assert_eq!(received[first.len()..], [2, 3]);
        assert!(backlog.is_empty());
        assert_eq!(backlog.bytes.capacity(), 0);
    }

    #[test]
    fn what_is_sent_takes_no_memory_though_something_always_waits() {
        let (to, mut receiver) = UnixStream::pair().unwrap();
        let mut backlog = Backlog::default();
        let mut buffer = vec![0; 10_000];
        for _ in 0..200 {
            while backlog.len() < 400_000 {
                backlog.pass(to.as_fd(), &[7; 10_000]).unwrap();
            }
            while backlog.len() > 300_000 {
                receiver.read_exact(&mut buffer).unwrap();
                backlog.flush(to.as_fd()).unwrap();
            }
            assert!(!backlog.is_empty());
            assert!(backlog.bytes.capacity() <= 2 << 20, "{}", backlog.bytes.capacity());
        }
    }

    #[test]
    fn a_receiver_that_is_gone_is_an_error() {
        let (to, receiver) = UnixStream::pair().unwrap();
        drop(receiver);
        let error = Backlog::default().pass(to.as_fd(), b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        let error = Backlog::new(b"x".to_vec()).flush(to.as_fd()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
