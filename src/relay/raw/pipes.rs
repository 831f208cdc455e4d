//! Pipes for splice(2): made when a direction turns to bulk, kept for the next one.
//!
//! A pipe is two descriptors and up to 1 MiB of the kernel's memory, so nobody holds one while idle, and there are only so
//! many. A direction that gets none goes on copying.

use std::io;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use crate::limits;

/// A pipe with nothing in it, or with what a direction is just moving.
#[derive(Debug)]
pub(super) struct Pipe {
    /// Where bytes come out.
    pub(super) out: OwnedFd,
    /// Where they go in.
    pub(super) into: OwnedFd,
    /// Bytes in it.
    pub(super) held: usize,
}

/// The pipes of one shard.
#[derive(Debug, Default)]
pub(super) struct Pipes {
    idle: Vec<Pipe>,
    lent: usize,
}

impl Pipes {
    /// Lends a pipe; `None` if all are lent, or the kernel refuses one of that size. It does so when this user's pipes
    /// hold more than `fs.pipe-user-pages-soft` already (pipe(7)), or when descriptors run out.
    pub(super) fn lend(&mut self) -> Option<Pipe> {
        if self.lent >= limits::PIPES_LENT {
            return None;
        }
        let pipe = match self.idle.pop() {
            Some(pipe) => pipe,
            None if self.lent < limits::LARGE_PIPES => {
                make(limits::LARGE_PIPE_BYTES).or_else(|_quota| make(limits::PIPE_BYTES)).ok()?
            }
            None => make(limits::PIPE_BYTES).ok()?,
        };
        self.lent += 1;
        Some(pipe)
    }

    /// Takes a pipe back. One with bytes in it, whose connection has broken, is closed: nobody must get those.
    pub(super) fn take_back(&mut self, pipe: Pipe) {
        self.lent -= 1;
        if pipe.held == 0 && self.idle.len() < limits::PIPES_IDLE {
            self.idle.push(pipe);
        }
    }

    /// How many are lent.
    #[cfg(test)]
    pub(super) fn lent(&self) -> usize {
        self.lent
    }
}

fn make(bytes: usize) -> io::Result<Pipe> {
    let (out, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    fcntl_setpipe_size(&into, bytes)?;
    Ok(Pipe { out, into, held: 0 })
}

#[cfg(test)]
mod tests {
    use rustix::pipe::fcntl_getpipe_size;

    use super::*;

    #[test]
    fn a_pipe_is_large_and_is_lent_again() {
        let mut pipes = Pipes::default();
        let pipe = pipes.lend().unwrap();
        assert_eq!(fcntl_getpipe_size(&pipe.into).unwrap(), 1_048_576);
        pipes.take_back(pipe);
        assert_eq!((pipes.idle.len(), pipes.lent), (1, 0));
        let pipe = pipes.lend().unwrap();
        assert_eq!((pipes.idle.len(), pipes.lent), (0, 1));
        pipes.take_back(Pipe { held: 1, ..pipe });
        assert_eq!((pipes.idle.len(), pipes.lent), (0, 0));
    }

    #[test]
    fn the_seventeenth_is_smaller() {
        let mut pipes = Pipes { idle: Vec::new(), lent: 16 };
        let pipe = pipes.lend().unwrap();
        assert_eq!(fcntl_getpipe_size(&pipe.into).unwrap(), 262_144);
    }

    #[test]
    fn there_are_only_so_many() {
        let mut pipes = Pipes { idle: Vec::new(), lent: limits::PIPES_LENT };
        assert!(pipes.lend().is_none());
    }
}
