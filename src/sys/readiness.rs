//! Waiting for a socket: `IORING_OP_POLL_ADD` on a ring, or epoll.
//!
//! The front waits for readiness and moves the bytes with plain calls afterwards, instead of submitting the receive or
//! send itself. So the kernel never owns a buffer of ours, a wait may be dropped at any time, an idle connection holds no
//! memory but its wait, and both engines run the same code. Mostly the bytes are there already and nothing is waited for.
#![allow(unsafe_code, reason = "tokio wants a promise that a registered descriptor stays open")]

use std::cell::OnceCell;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::{Rc, Weak};

use io_uring_06::{cqueue, opcode, types};
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use socket2::Socket;
use tokio::io::unix::AsyncFd;
use tokio_uring::{OneshotOutputTransform, UnsubmittedOneshot};

use super::runtime::{self, Engine};

/// What to wait for. An error or a reset ends every wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// Bytes (at least the low-water mark), or the end of them.
    Readable,
    /// Room to send, or the outcome of connecting.
    Writable,
    /// The peer has finished sending, whether or not bytes are waiting.
    Finished,
    /// Nothing but an error or a reset.
    Broken,
}

/// A socket that can be waited for. Dropping it takes back what waits for it in the kernel.
///
/// Its fields are dropped in this order: the waits are taken back while the descriptor is still open.
#[derive(Debug)]
pub(super) struct Waitable {
    /// The registration with epoll, made at the first wait.
    registered: OnceCell<AsyncFd<Rc<Socket>>>,
    left_over: LeftOver<Socket>,
    socket: Rc<Socket>,
}

impl Waitable {
    pub(super) fn new(socket: Socket) -> Waitable {
        let socket = Rc::new(socket);
        Waitable { registered: OnceCell::new(), left_over: LeftOver(Rc::downgrade(&socket)), socket }
    }

    /// Takes the waits back and gives the descriptor away, to be used on any thread.
    ///
    /// A wait that was left in the ring holds the socket until its cancellation is reaped, which must not be waited for;
    /// the descriptor given away is then a duplicate. Both name one open file description, which closes when the last
    /// reference to it goes. Ours and the poll's own go with the cancellation, a turn of the ring later, so the one who
    /// gets the duplicate closes the connection by closing it, just as if it were the only one.
    pub(super) fn into_descriptor(self) -> io::Result<OwnedFd> {
        let Waitable { registered, left_over, socket } = self;
        drop(registered);
        drop(left_over);
        match Rc::try_unwrap(socket) {
            Ok(socket) => Ok(socket.into()),
            Err(shared) => Ok(rustix::io::fcntl_dupfd_cloexec(&*shared, 0)?),
        }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Waits until the socket is ready.
    pub(super) async fn wait(&self, interest: Interest) -> io::Result<()> {
        match runtime::running() {
            Some(Engine::IoUring) => self.wait_on_ring(interest).await,
            Some(Engine::Epoll) | None => self.wait_on_epoll(interest).await,
        }
    }

    async fn wait_on_ring(&self, interest: Interest) -> io::Result<()> {
        let events = poll_on_ring(&self.socket, interest.events()).await?;
        if interest.is_met_by(events) { Ok(()) } else { self.wait_behind_end(interest).await }
    }

    /// Waits although the peer has finished sending, which from then on ends every wait of the ring at once; asking
    /// again would spin for as long as the peer takes nothing. An epoll instance watches for what it is told only, and
    /// the ring watches the instance.
    async fn wait_behind_end(&self, interest: Interest) -> io::Result<()> {
        let events = match interest {
            Interest::Writable => epoll::EventFlags::OUT,
            // Errors and resets are added by epoll itself.
            Interest::Readable | Interest::Finished | Interest::Broken => epoll::EventFlags::empty(),
        };
        let instance = Rc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?);
        // The wait for the instance ends with it.
        let _left_over = LeftOver(Rc::downgrade(&instance));
        epoll::add(&*instance, &*self.socket, epoll::EventData::new_u64(0), events)?;
        poll_on_ring(&instance, PollFlags::IN).await.map(drop)
    }

    /// tokio's epoll is edge-triggered, and one event may end the waits of several interests; so it only says when to
    /// look, and poll(2) says whether the wait is over. poll(2) also knows the low-water mark.
    ///
    /// A break is waited for as an error and nothing else: tokio never clears that the peer has finished, so a wait that
    /// counts it would not sleep again.
    async fn wait_on_epoll(&self, interest: Interest) -> io::Result<()> {
        let registered = self.registered()?;
        while !self.is_ready(interest)? {
            let mut event = match interest {
                Interest::Writable => registered.writable().await?,
                Interest::Readable | Interest::Finished => registered.readable().await?,
                Interest::Broken => registered.ready(tokio::io::Interest::ERROR).await?,
            };
            if self.is_ready(interest)? {
                break;
            }
            // Cleared only if no new event has come since, so an edge between the look and this is not lost.
            event.clear_ready();
        }
        Ok(())
    }

    /// Looks without waiting.
    fn is_ready(&self, interest: Interest) -> io::Result<bool> {
        let mut descriptors = [PollFd::from_borrowed_fd(self.socket.as_fd(), interest.events())];
        Ok(poll(&mut descriptors, Some(&Timespec::default()))? > 0)
    }

    fn registered(&self) -> io::Result<&AsyncFd<Rc<Socket>>> {
        if let Some(registered) = self.registered.get() {
            return Ok(registered);
        }
        // SAFETY: the registration owns a reference to the socket, and through it the descriptor, which is neither closed
        // nor replaced before the last reference goes; epoll forgets it when the registration is dropped, earlier.
        let registered = unsafe { AsyncFd::register(Rc::clone(&self.socket)) }?;
        Ok(self.registered.get_or_init(|| registered))
    }
}

impl Interest {
    fn events(self) -> PollFlags {
        match self {
            Interest::Readable => PollFlags::IN,
            Interest::Writable => PollFlags::OUT,
            Interest::Finished => PollFlags::RDHUP,
            Interest::Broken => PollFlags::empty(),
        }
    }

    /// Whether these events are what was waited for. The ring adds POLLRDHUP to the events of every wait.
    fn is_met_by(self, events: PollFlags) -> bool {
        match self {
            Interest::Readable | Interest::Finished => true,
            Interest::Writable | Interest::Broken => events.intersects(self.events() | PollFlags::ERR | PollFlags::HUP),
        }
    }
}

/// The events that ended the wait. The operation keeps the descriptor open until it completes or is cancelled.
async fn poll_on_ring<T: AsRawFd + 'static>(descriptor: &Rc<T>, events: PollFlags) -> io::Result<PollFlags> {
    let entry = opcode::PollAdd::new(types::Fd(descriptor.as_raw_fd()), u32::from(events.bits())).build();
    UnsubmittedOneshot::new(Rc::clone(descriptor), Outcome(PhantomData), entry).submit().await
}

/// Cancels the waits on a descriptor, if any are left in a ring, when it is dropped; so it must go before its owner's
/// reference to the descriptor does.
///
/// A dropped future cancels nothing: the poll stays in the kernel and pins the socket, so that closing it would not send
/// FIN. Nothing is waited for here: the runtime drops what the operations held as they complete.
#[derive(Debug)]
struct LeftOver<T: AsRawFd + 'static>(Weak<T>);

impl<T: AsRawFd + 'static> Drop for LeftOver<T> {
    fn drop(&mut self) {
        // One reference is the owner's; any other is an operation's.
        if self.0.strong_count() <= 1 || runtime::running() != Some(Engine::IoUring) {
            return;
        }
        let Some(descriptor) = self.0.upgrade() else { return };
        let which = types::CancelBuilder::fd(types::Fd(descriptor.as_raw_fd())).all();
        let entry = opcode::AsyncCancel2::new(which).build();
        // The entry names the descriptor, so the descriptor must live until the kernel has seen the entry.
        drop(UnsubmittedOneshot::new(descriptor, Outcome(PhantomData), entry).submit());
    }
}

/// Turns a completion into a result and lets go of the descriptor.
struct Outcome<T>(PhantomData<fn(T)>);

impl<T: 'static> OneshotOutputTransform for Outcome<T> {
    type Output = io::Result<PollFlags>;
    type StoredData = Rc<T>;

    fn transform_oneshot_output(self, _descriptor: Rc<T>, completion: cqueue::Entry) -> io::Result<PollFlags> {
        let result = completion.result();
        let events =
            u16::try_from(result).map_err(|_negative| io::Error::from_raw_os_error(result.saturating_neg()))?;
        Ok(PollFlags::from_bits_retain(events))
    }
}
