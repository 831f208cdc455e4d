//! The buffers that all receives of a ring take from: a provided-buffer ring (`IORING_REGISTER_PBUF_RING`).
//!
//! ```text
//!   entries, shared with the kernel          memory, in groups that double: 32, 32, 64, 128, 256
//!   ┌─────────┬─────────┬─────────┐            ┌────────┬────────┬─ ─
//!   │ address │ address │ ...     │ ─────────► │ 16 KiB │ 16 KiB │
//!   │ id      │ id      │         │            └────────┴────────┴─ ─
//!   └─────────┴─────────┴─────────┘
//!     kernel takes ►      ◄ we append, and publish by a store to the tail
//! ```
//!
//! An idle connection holds no buffer, so few do for many. A receive that finds none ends with `ENOBUFS` and leaves its
//! bytes in the socket; there are twice as many buffers then, up to a limit. Every chunk is given back before the next
//! event is fetched, so all buffers are the kernel's again whenever it is entered, and no receive waits for another
//! connection's.
#![allow(unsafe_code, reason = "the kernel writes into this memory")]

use std::alloc::Layout;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

use crate::limits;
use crate::relay::io::Chunk;

/// The group of buffers that receives name; there is one.
pub(super) const GROUP: u16 = 0;

/// Buffers of which each is either the kernel's (published) or a [`Chunk`]'s.
#[derive(Debug)]
pub(super) struct Buffers {
    entries: Pages,
    /// Where each buffer is, by its id.
    addresses: Vec<NonNull<u8>>,
    /// Owns what `addresses` point into.
    memory: Vec<Pages>,
    /// How many have ever been published; the index of the next entry.
    tail: u16,
}

impl Buffers {
    /// The first buffers, made known to a ring.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, or what the kernel says to the registration: `EINVAL` before Linux 5.19.
    pub(super) fn register(ring: &Submitter<'_>) -> io::Result<Buffers> {
        let entries = Pages::zeroed(usize::from(COUNT_MAX) * size_of::<BufRingEntry>())?;
        // SAFETY: the kernel reads the entries from now on until the ring is closed. `entries` owns them, is as long as is
        // said here, and goes into the `Ring` that owns the ring's descriptor and closes it first.
        unsafe { ring.register_buf_ring_with_flags(entries.address.as_ptr() as u64, COUNT_MAX, GROUP, 0) }?;
        let mut buffers = Buffers { entries, addresses: Vec::new(), memory: Vec::new(), tail: 0 };
        buffers.add(limits::RING_BUFFERS_FIRST)?;
        Ok(buffers)
    }

    /// Twice as many; as many as there are if there is no memory, or the limit is reached.
    pub(super) fn grow(&mut self) {
        let more = self.addresses.len().min(usize::from(COUNT_MAX) - self.addresses.len());
        // Without memory it goes on as before: slower, as receives have to be begun anew more often.
        self.add(u16::try_from(more).unwrap_or(0)).ok();
    }

    fn add(&mut self, count: u16) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let memory = Pages::zeroed(usize::from(count) * limits::RING_BUFFER_BYTES)?;
        for index in 0..count {
            let offset = usize::from(index) * limits::RING_BUFFER_BYTES;
            // SAFETY: `offset` is less than the length of `memory`.
            let address = unsafe { memory.address.add(offset) };
            self.addresses.push(address);
        }
        self.memory.push(memory);
        for buffer in self.count() - count..self.count() {
            self.publish(buffer);
        }
        Ok(())
    }

    /// How many there are.
    #[expect(clippy::cast_possible_truncation, reason = "there are at most COUNT_MAX")]
    pub(super) fn count(&self) -> u16 {
        self.addresses.len() as u16
    }

    /// What the kernel has written into a buffer that it gave back.
    pub(super) fn bytes(&self, chunk: &Chunk) -> &[u8] {
        let Some(address) = self.addresses.get(usize::from(chunk.buffer)) else { return &[] };
        let length = (chunk.length as usize).min(limits::RING_BUFFER_BYTES);
        // SAFETY: the buffer is `RING_BUFFER_BYTES` long, was zeroed once, and lives in `memory` as long as `self`. Since
        // `chunk` exists it is not published, so the kernel does not write into it; giving the chunk back takes `&mut self`.
        unsafe { std::slice::from_raw_parts(address.as_ptr(), length) }
    }

    /// Gives a buffer back to the kernel.
    #[expect(clippy::needless_pass_by_value, reason = "the chunk ends here: nobody may read the buffer any more")]
    pub(super) fn release(&mut self, chunk: Chunk) {
        self.publish(chunk.buffer);
    }

    fn publish(&mut self, buffer: u16) {
        let Some(address) = self.addresses.get(usize::from(buffer)) else { return };
        let index = usize::from(self.tail & (COUNT_MAX - 1));
        let first: *mut BufRingEntry = self.entries.address.as_ptr().cast();
        // SAFETY: `index` is less than the number of entries, which `entries` owns, aligned and zeroed. The kernel only
        // reads them, and this one not before the store below: there are never more buffers than entries.
        let entry = unsafe { &mut *first.wrapping_add(index) };
        entry.set_addr(address.as_ptr() as u64);
        entry.set_len(BUFFER_BYTES);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: `first` is the address of the first entry, which is initialized.
        let tail = unsafe { BufRingEntry::tail(first) }.cast_mut();
        // SAFETY: the tail lies within the first entry, aligned; we alone write it, and the kernel reads it atomically.
        let tail = unsafe { AtomicU16::from_ptr(tail) };
        // Release: the kernel, which loads with acquire, finds the entry written.
        tail.store(self.tail, Ordering::Release);
    }
}

/// Zeroed memory at the beginning of a page; freed with the value.
#[derive(Debug)]
struct Pages {
    address: NonNull<u8>,
    layout: Layout,
}

impl Pages {
    fn zeroed(bytes: usize) -> io::Result<Pages> {
        let layout = Layout::from_size_align(bytes.max(1), PAGE_BYTES).map_err(|_| io::ErrorKind::OutOfMemory)?;
        // SAFETY: the size is not zero.
        let address = unsafe { std::alloc::alloc_zeroed(layout) };
        let address = NonNull::new(address).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Pages { address, layout })
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, once, and freed here only. The kernel does not write into it any more: it
        // writes while this thread is inside io_uring_enter(2) (`IORING_SETUP_DEFER_TASKRUN`), and nowhere else.
        unsafe { std::alloc::dealloc(self.address.as_ptr(), self.layout) };
    }
}

/// Entries of the ring of buffers: a power of two.
const COUNT_MAX: u16 = limits::RING_BUFFERS;
const _: () = assert!(COUNT_MAX.is_power_of_two() && limits::RING_BUFFERS_FIRST <= COUNT_MAX);

#[expect(clippy::cast_possible_truncation, reason = "16 KiB")]
const BUFFER_BYTES: u32 = limits::RING_BUFFER_BYTES as u32;

/// The largest page of any Linux: the entries must begin on one.
const PAGE_BYTES: usize = 65_536;
