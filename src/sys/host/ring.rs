//! Whether io_uring works here, and which of the features that we use: tried on a ring, not looked up.
//!
//! What a kernel should have by its number says little: filters refuse single calls, sandboxes have parts of io_uring,
//! distributions bring features to old kernels. So each feature is used once, on a pair of sockets of our own.
#![allow(unsafe_code, reason = "submitting to a ring and lending it buffers")]

use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use io_uring_06::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring_06::{IoUring, cqueue, opcode, squeue};

use crate::limits;

/// What a ring can do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingFeatures {
    /// Work of completions is done when its thread waits, not in between (`IORING_SETUP_DEFER_TASKRUN`, Linux 6.1).
    pub defer_taskrun: bool,
    /// Buffers are lent to the kernel through shared memory (`IORING_REGISTER_PBUF_RING`, Linux 5.19).
    pub buffer_rings: bool,
    /// One receive completes again and again (`IORING_RECV_MULTISHOT`, Linux 6.0). It takes buffer rings.
    pub multishot_receive: bool,
    /// Operations are cancelled by their descriptor (`IORING_ASYNC_CANCEL_FD`, Linux 5.19).
    pub cancel_by_descriptor: bool,
}

/// Sets up the rings of so many shards at once, a front's and a relay's each, since the memory that a user may lock is for
/// all of them, and uses each feature once on one more. Nothing of it stays but some memory.
///
/// # Errors
///
/// What the kernel says to io_uring_setup(2), `EMFILE`, and `TimedOut` if the kernel does not answer.
pub fn try_ring(shards: usize) -> io::Result<RingFeatures> {
    let (sender, outcome) = sync_channel(1);
    // On a thread of its own, as the end of a ring leaves work to the thread that made it.
    std::thread::Builder::new().spawn(move || sender.send(Trial::start(shards).and_then(Trial::features)))?;
    match outcome.recv_timeout(TRIAL_DEADLINE) {
        Ok(features) => features,
        Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
        Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the trial of io_uring panicked")),
    }
}

/// A ring, and two sockets that are connected with each other. The rings of the shards are there beside it.
struct Trial {
    _of_shards: Vec<IoUring>,
    ring: IoUring,
    defer_taskrun: bool,
    near: UnixStream,
    far: UnixStream,
}

impl Trial {
    fn start(shards: usize) -> io::Result<Trial> {
        let front = || IoUring::new(limits::FRONT_RING_ENTRIES);
        // Without the relay's flags, which old kernels do not know: its size is what matters here.
        let relay = || IoUring::builder().setup_cqsize(limits::RING_COMPLETIONS).build(limits::RING_SUBMISSIONS);
        let of_shards = (0..shards).flat_map(|_| [front(), relay()]).collect::<io::Result<Vec<_>>>()?;
        let deferring = IoUring::builder().setup_single_issuer().setup_defer_taskrun().build(ENTRIES);
        let (ring, defer_taskrun) = match deferring {
            Ok(ring) => (ring, true),
            // Flags that the kernel does not know.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => (IoUring::new(ENTRIES)?, false),
            Err(error) => return Err(error),
        };
        let (near, far) = UnixStream::pair()?;
        Ok(Trial { _of_shards: of_shards, ring, defer_taskrun, near, far })
    }

    fn features(mut self) -> io::Result<RingFeatures> {
        let buffer_rings = has(self.lend_buffers())?;
        let multishot_receive = buffer_rings && self.receives_twice()?;
        let cancel_by_descriptor = self.cancels_by_descriptor()?;
        Ok(RingFeatures { defer_taskrun: self.defer_taskrun, buffer_rings, multishot_receive, cancel_by_descriptor })
    }

    fn lend_buffers(&self) -> io::Result<()> {
        let address = Lent::leak();
        // SAFETY: nobody owns the memory at `address` any more and nobody frees it, so it outlives the ring; it is
        // aligned to the largest page and holds as many entries as are named. The kernel keeps it until the ring ends.
        unsafe { self.ring.submitter().register_buf_ring(address, BUFFERS, GROUP) }
    }

    /// Whether one receive takes two messages.
    fn receives_twice(&mut self) -> io::Result<bool> {
        self.submit(&opcode::RecvMulti::new(Fd(self.near.as_raw_fd()), GROUP).build().user_data(RECEIVE))?;
        for _ in 0..2 {
            self.far.write_all(b"?")?;
            let (result, flags) = self.completion_of(RECEIVE)?;
            if result != 1 || !cqueue::more(flags) || cqueue::buffer_select(flags).is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a wait ends when its descriptor is named.
    fn cancels_by_descriptor(&mut self) -> io::Result<bool> {
        let descriptor = Fd(self.far.as_raw_fd());
        // Nothing is ever sent to this end.
        let readable = u32::from(libc::POLLIN.cast_unsigned());
        self.submit(&opcode::PollAdd::new(descriptor, readable).build().user_data(WAIT))?;
        self.submit(&opcode::AsyncCancel2::new(CancelBuilder::fd(descriptor)).build().user_data(CANCEL))?;
        let (result, _) = self.completion_of(CANCEL)?;
        if result < 0 {
            return Ok(false);
        }
        Ok(self.completion_of(WAIT)?.0 == -libc::ECANCELED)
    }

    fn submit(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        // SAFETY: none of the operations points to memory; receives take buffers that are never freed. Their
        // descriptors are open for as long as `self` lives.
        let queued = unsafe { self.ring.submission().push(entry) };
        queued.map_err(io::Error::other)
    }

    /// Result and flags of the next completion of an operation; those of others before it are passed over. `-ETIME` if
    /// there is none.
    fn completion_of(&mut self, operation: u64) -> io::Result<(i32, u32)> {
        loop {
            let completion = self.ring.completion().next();
            match completion {
                Some(completion) if completion.user_data() == operation => {
                    return Ok((completion.result(), completion.flags()));
                }
                Some(_) => {}
                None => {
                    let deadline = Timespec::new().sec(COMPLETION_SECONDS);
                    match self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&deadline)) {
                        Ok(_) => {}
                        Err(error) if error.raw_os_error() == Some(libc::ETIME) => return Ok((-libc::ETIME, 0)),
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
}

/// Whether there is a feature, by how asking for it ended: an old kernel finds the request invalid.
fn has(asked: io::Result<()>) -> io::Result<bool> {
    match asked {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Buffers and the ring that names them, `struct io_uring_buf_ring`. A ring has to begin with a page.
#[repr(C, align(65536))]
struct Lent {
    ring: [LentBuffer; BUFFERS as usize],
    buffers: [[u8; BUFFER_BYTES as usize]; BUFFERS as usize],
}

/// `struct io_uring_buf`. The last field of the first one is the ring's tail.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct LentBuffer {
    address: u64,
    length: u32,
    number: u16,
    tail: u16,
}

impl Lent {
    /// The address of a ring with all of its buffers in it. The memory is given away for good: a ring that ends lets go
    /// of its buffers at some later time, and nothing tells when. It is one trial a process.
    fn leak() -> u64 {
        let mut lent = Box::new(Lent {
            ring: [LentBuffer::default(); BUFFERS as usize],
            buffers: [[0; BUFFER_BYTES as usize]; BUFFERS as usize],
        });
        let Lent { ring, buffers } = &mut *lent;
        for ((entry, buffer), number) in ring.iter_mut().zip(buffers).zip(0..) {
            let address = buffer.as_mut_ptr().expose_provenance() as u64;
            *entry = LentBuffer { address, length: BUFFER_BYTES, number, tail: 0 };
        }
        if let Some(first) = ring.first_mut() {
            first.tail = BUFFERS;
        }
        Box::into_raw(lent).expose_provenance() as u64
    }
}

const ENTRIES: u32 = 8;
const BUFFERS: u16 = 4;
const BUFFER_BYTES: u32 = 64;
const GROUP: u16 = 0;

const RECEIVE: u64 = 1;
const WAIT: u64 = 2;
const CANCEL: u64 = 3;

/// All of it is done at once; a kernel that takes longer does not do it.
const COMPLETION_SECONDS: u64 = 1;
/// Longer than all completions together.
const TRIAL_DEADLINE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_is_found_on_a_new_kernel() {
        let all = RingFeatures {
            defer_taskrun: true,
            buffer_rings: true,
            multishot_receive: true,
            cancel_by_descriptor: true,
        };
        assert_eq!(try_ring(2).unwrap(), all);
    }

    #[test]
    fn an_invalid_request_is_a_missing_feature_and_a_refusal_is_none() {
        assert!(has(Ok(())).unwrap());
        assert!(!has(Err(io::Error::from_raw_os_error(libc::EINVAL))).unwrap());
        assert_eq!(has(Err(io::Error::from_raw_os_error(libc::EPERM))).unwrap_err().raw_os_error(), Some(libc::EPERM));
    }

    #[test]
    fn a_lent_buffer_is_what_the_kernel_expects() {
        assert_eq!((size_of::<LentBuffer>(), align_of::<Lent>()), (16, 65_536));
        assert_eq!(std::mem::offset_of!(LentBuffer, tail), 14);
    }
}
