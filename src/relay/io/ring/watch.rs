//! Waiting for a socket whose peer has sent FIN: by an epoll instance that the ring polls.
//!
//! `io_uring` adds `POLLRDHUP` to the events of every poll, so behind a FIN each of them completes at once, whatever it was
//! for; asking again would spin for as long as the peer takes nothing. epoll adds errors and hang-ups only. Few
//! connections ever need it: those that are half-closed and whose receiver is slow, or from which nothing is received.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{Timespec, epoll};

use crate::relay::io::token::{Kind, Token};

/// The epoll instance beside a ring.
#[derive(Debug)]
pub(super) struct Watch {
    epoll: OwnedFd,
}

/// What of a socket is watched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Watched {
    /// The instance knows the socket.
    pub(super) is_registered: bool,
    /// Room to send.
    pub(super) writable: bool,
    /// Errors.
    pub(super) broken: bool,
}

impl Watch {
    /// An instance that watches nothing yet.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE` or `ENOMEM`.
    pub(super) fn new() -> io::Result<Watch> {
        Ok(Watch { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Watches for what `watched` says, until it happens. Errors and hang-ups are always watched for.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, or `ENOSPC` if `fs.epoll.max_user_watches` is reached.
    pub(super) fn arm(&self, socket: BorrowedFd<'_>, token: Token, watched: Watched) -> io::Result<Watched> {
        let interest = if watched.writable { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
        let events = interest | epoll::EventFlags::ONESHOT;
        let data = epoll::EventData::new_u64(token.with(Kind::Watch));
        if watched.is_registered {
            epoll::modify(&self.epoll, socket, data, events)?;
        } else {
            epoll::add(&self.epoll, socket, data, events)?;
        }
        Ok(Watched { is_registered: true, ..watched })
    }

    /// Forgets a socket.
    pub(super) fn forget(&self, socket: BorrowedFd<'_>) {
        // It fails only for a socket that is not watched.
        epoll::delete(&self.epoll, socket).ok();
    }

    /// The next socket to which something has happened, and what.
    pub(super) fn next_ready(&self) -> Option<(Token, epoll::EventFlags)> {
        let mut ready = [const { MaybeUninit::uninit() }; 1];
        // It fails by a signal at most, and then the ring polls the instance again.
        let (ready, _) = epoll::wait(&self.epoll, &mut ready, Some(&Timespec::default())).ok()?;
        let event = ready.first()?;
        Some((Token::parse(event.data.u64())?.1, event.flags))
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
