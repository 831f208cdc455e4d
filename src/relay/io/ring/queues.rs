//! The two queues of an `io_uring`: what the kernel is to do, and what it has done.
//!
//! Only operations without a pointer are submitted, so whatever the caller does later, the kernel touches no memory but the
//! buffers that are registered. None of them ever blocks, so none goes to a worker thread of the kernel.
#![allow(unsafe_code, reason = "the kernel reads what is submitted")]

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, Probe, Submitter, cqueue, opcode, squeue};
use rustix::event::PollFlags;

use super::buffers;
use crate::limits;
use crate::relay::io::Chunk;

/// A ring of the thread that makes it.
pub(super) struct Queues {
    ring: IoUring,
    /// What found no place in the submission queue, in order.
    backlog: VecDeque<squeue::Entry>,
}

/// What the kernel has done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Completion {
    /// As submitted.
    pub(super) user_data: u64,
    /// Bytes or events; negative for an error.
    pub(super) result: i32,
    /// The provided buffer that was used.
    buffer: Option<u16>,
    /// No further completion comes of this submission.
    pub(super) is_last: bool,
}

impl Completion {
    /// The buffer that came with it, with what was received.
    pub(super) fn chunk(&self) -> Option<Chunk> {
        Some(Chunk { buffer: self.buffer?, length: u32::try_from(self.result).unwrap_or(0) })
    }
}

impl Queues {
    /// A ring whose completions are worked out by this thread, when it asks for them (`DEFER_TASKRUN`, Linux 6.1): no
    /// interrupts, and the kernel uses the buffers at no other time.
    ///
    /// # Errors
    ///
    /// `EINVAL` from an older kernel, `EPERM` or `ENOSYS` from one that refuses; `EMFILE`; `ENOMEM`, also if the rings of the
    /// user would lock more memory than `RLIMIT_MEMLOCK` allows: one takes 92 KiB, and one that was closed
    /// still counts for a moment.
    pub(super) fn new() -> io::Result<Queues> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            // Says that completions are to be worked out; entering without waiting would leave them otherwise.
            .setup_taskrun_flag()
            // One bad submission does not hold up those behind it.
            .setup_submit_all()
            .setup_cqsize(limits::RING_COMPLETIONS)
            .build(limits::RING_SUBMISSIONS)?;
        Ok(Queues { ring, backlog: VecDeque::new() })
    }

    /// To register something.
    pub(super) fn submitter(&self) -> Submitter<'_> {
        self.ring.submitter()
    }

    /// Whether the kernel has all the operations that are submitted here.
    ///
    /// # Errors
    ///
    /// What the kernel says to the question.
    pub(super) fn has_operations(&self) -> io::Result<bool> {
        let mut probe = Probe::new();
        self.ring.submitter().register_probe(&mut probe)?;
        let needed = [opcode::RecvMulti::CODE, opcode::PollAdd::CODE, opcode::AsyncCancel2::CODE];
        Ok(needed.into_iter().all(|code| probe.is_supported(code)))
    }

    /// Receives into provided buffers, again and again.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>, user_data: u64) {
        self.push(opcode::RecvMulti::new(Fd(socket.as_raw_fd()), buffers::GROUP).build().user_data(user_data));
    }

    /// Waits for one of these events, once.
    pub(super) fn poll(&mut self, descriptor: BorrowedFd<'_>, events: PollFlags, user_data: u64) {
        let events = u32::from(events.bits());
        self.push(opcode::PollAdd::new(Fd(descriptor.as_raw_fd()), events).build().user_data(user_data));
    }

    /// Cancels what was submitted as `target`. The answer comes from that; one of its own only if there is no `target`.
    ///
    /// By `user_data`, which the kernel finds by hash; for a descriptor it would walk through all that is pending.
    pub(super) fn cancel(&mut self, target: u64, user_data: u64) {
        let entry = opcode::AsyncCancel2::new(CancelBuilder::user_data(target)).build();
        self.push(entry.flags(squeue::Flags::SKIP_SUCCESS).user_data(user_data));
    }

    /// The next thing that the kernel has done.
    pub(super) fn pop(&mut self) -> Option<Completion> {
        let entry = self.ring.completion().next()?;
        Some(Completion {
            user_data: entry.user_data(),
            result: entry.result(),
            buffer: cqueue::buffer_select(entry.flags()),
            is_last: !cqueue::more(entry.flags()),
        })
    }

    pub(super) fn has_completions(&mut self) -> bool {
        !self.ring.completion().is_empty()
    }

    /// Submits everything, works out completions, and waits until there is one if `wait` says how long; `None` is for ever.
    ///
    /// # Errors
    ///
    /// Only what makes the ring unusable. That time is up, a signal came or a shortage is over soon is no error; what
    /// could not be submitted stays queued.
    pub(super) fn enter(&mut self, wait: Wait) -> io::Result<()> {
        self.queue_backlog();
        let timespec = match wait {
            Wait::AtMost(duration) => Some(Timespec::from(duration)),
            Wait::Not | Wait::ForEver => None,
        };
        let mut arguments = SubmitArgs::new();
        if let Some(timespec) = &timespec {
            arguments = arguments.timespec(timespec);
        }
        let mut flags = EnterFlags::GETEVENTS | EnterFlags::EXT_ARG;
        if self.ring.params().is_feature_no_iowait() {
            // Without it a sleeping proxy counts as one that waits for a disk (Linux 6.15).
            flags |= EnterFlags::NO_IOWAIT;
        }
        let to_submit = u32::try_from(self.ring.submission().len()).unwrap_or(u32::MAX);
        let least = u32::from(!matches!(wait, Wait::Not));
        // SAFETY: `arguments` and the time in it live on this stack for the duration of the call; the kernel keeps neither.
        // It submits what `push` queued, and writes into published buffers only.
        let outcome = unsafe { self.ring.submitter().enter(to_submit, least, flags.bits(), Some(&arguments)) };
        match outcome.map_err(|error| (error.raw_os_error(), error)) {
            Ok(_submitted) => Ok(()),
            // Time is up; a signal; no memory for an operation; completions that have to be fetched first.
            Err((Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY), _)) => Ok(()),
            Err((_, error)) => Err(error),
        }
    }

    fn push(&mut self, entry: squeue::Entry) {
        if !self.backlog.is_empty() || !self.try_push(&entry) {
            self.backlog.push_back(entry);
            if self.ring.submission().is_full() {
                // What cannot be submitted now is so when the ring is entered; then errors count.
                self.ring.submit().ok();
            }
            self.queue_backlog();
        }
    }

    fn queue_backlog(&mut self) {
        while let Some(entry) = self.backlog.pop_front() {
            if !self.try_push(&entry) {
                self.backlog.push_front(entry);
                return;
            }
        }
    }

    fn try_push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: the entry holds no pointer. What it receives goes into registered buffers, which outlive the ring.
        unsafe { self.ring.submission().push(entry) }.is_ok()
    }
}

/// How long to wait for a completion.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// Only fetch what there is.
    Not,
    /// For this long.
    AtMost(Duration),
    /// For as long as it takes.
    ForEver,
}
