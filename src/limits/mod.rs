//! Every limit: its value, its reason, and where it matters how they relate.
//!
//! What a peer can make us hold or do before its connection is routed is bounded here (see `docs/LIMITS.md`). Those
//! limits have names, under which they are configured and counted (`named.rs`); their constants are the defaults. All
//! others are constants alone.

mod named;

use std::time::Duration;

pub use named::{Limit, Limits, Unit};

/// Longest version 2 payload behind the 16-byte head. Client certificates (1-2 KiB) fit; the format allows 65,535.
pub const PROXY_V2_PAYLOAD_BYTES: usize = 4096;
/// Time for a complete PROXY header. The specification asks for at least 3 s (section 2.1: a lost first segment is
/// sent again after 3 s).
pub const PROXY_DEADLINE: Duration = Duration::from_secs(5);

/// Largest frame payload accepted before routing: the default that we never raise (RFC 9113 section 4.2).
pub const FRAME_PAYLOAD_BYTES: usize = 16_384;
/// Dynamic table of the request decoder: the default of both ends (RFC 7541 section 4.2, RFC 9113 section 4.3.1).
pub const HPACK_TABLE_BYTES: usize = 4096;
/// Compressed size of the first header block, all fragments together.
pub const HEADER_BLOCK_BYTES: usize = 65_536;
/// Decoded size of the first header list, 32 bytes a field included (RFC 9113 section 10.5.1).
pub const HEADER_LIST_BYTES: usize = 65_536;
/// Header fields of the first request.
pub const HEADER_FIELDS: usize = 256;
/// CONTINUATION frames of the first header block: what a CONTINUATION flood (CVE-2024-27316 and kin) may cost.
pub const CONTINUATION_FRAMES: usize = 8;
/// SETTINGS frames before the first request (CVE-2019-9515).
pub const SETTINGS_FRAMES: usize = 8;
/// Entries of one SETTINGS frame (CVE-2020-11080; nghttp2 has the same number).
pub const SETTINGS_ENTRIES: usize = 32;
/// PING frames before the first request (CVE-2019-9512).
pub const PING_FRAMES: usize = 10;
/// WINDOW_UPDATE frames before the first request.
pub const WINDOW_UPDATE_FRAMES: usize = 32;
/// PRIORITY and PRIORITY_UPDATE frames before the first request; nghttp opens with five.
pub const PRIORITY_FRAMES: usize = 32;
/// Frames of unknown type before the first request, and the bytes they may bring.
pub const UNKNOWN_FRAMES: usize = 10;
/// Payload bytes of all unknown frames before the first request together.
pub const UNKNOWN_FRAME_BYTES: usize = 16_384;
/// All frames before the first request: by default a little more than the sum of what is allowed one by one.
pub const OPENING_FRAMES: usize = 100;
/// Bytes kept to be replayed to the backend, with the defaults of the limits that it follows from (see [`Limits`]): a
/// full header block, unknown frames, and the one read that completed it.
pub const REPLAY_BYTES: usize = HEADER_BLOCK_BYTES + UNKNOWN_FRAME_BYTES + OPENING_READ_BYTES;

/// Largest head of an HTTP/1 request: as much as a header list of HTTP/2 may decode to. Servers allow 8 KiB to 1 MiB.
pub const HTTP1_HEAD_BYTES: usize = 65_536;
/// Fields of an HTTP/1 request head; Apache has the same number.
pub const HTTP1_FIELDS: usize = 100;

/// Connections of a shard that are not routed yet. An idle gRPC channel is one, too, for as long as [`UNROUTED_IDLE`].
/// What they take at the worst: 16,384 descriptors, and 1.5 GiB of header blocks that never end.
pub const UNROUTED_CONNECTIONS: usize = 16_384;
/// The same from one source. Many clients may stand behind one address, so it is as many as a listener's queue holds: a
/// burst through one gateway passes, and no single source shuts everybody out.
pub const UNROUTED_CONNECTIONS_PER_SOURCE: usize = 4096;

/// TLS records up to the end of the ClientHello, their heads included. With post-quantum key shares it has up to 1,900
/// bytes; other proxies read 16 KiB, too.
pub const CLIENT_HELLO_BYTES: usize = 16_384;
/// Application protocols that a ClientHello may offer (RFC 7301 section 3.1): clients offer two or three, and each is
/// compared with each rule.
pub const CLIENT_HELLO_PROTOCOLS: usize = 32;

/// Time for the preface and the client's SETTINGS, from the first byte (or from the end of the PROXY header).
pub const PREFACE_DEADLINE: Duration = Duration::from_secs(5);
/// Time for a header block, a request head of HTTP/1 or a ClientHello, from its first byte (of the latter two from when
/// the first bytes have told what it is). Slow heads are an attack.
pub const HEADER_DEADLINE: Duration = Duration::from_secs(5);
/// Time from SETTINGS to the first request. Idle gRPC channels are normal, so it is long.
pub const UNROUTED_IDLE: Duration = Duration::from_secs(60);
/// How long a client that has sent its SETTINGS but no HEADERS is given before we speak first.
pub const QUIET: Duration = Duration::from_millis(2);
/// How long after its ACK a client that still sends no HEADERS may be waiting for the ACK of its own SETTINGS.
pub const OWN_ACK_AFTER_ACK: Duration = Duration::from_millis(10);
/// The same for a client that does not even acknowledge ours.
pub const OWN_ACK_AFTER_SETTINGS: Duration = Duration::from_secs(1);

/// Time for one connection attempt to a backend, unless the pool says otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A relayed connection with no byte in either direction for this long is closed.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// The same once one direction has ended.
pub const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(60);
/// Dynamic table that a watched connection follows if its backend allows the client one. Beyond it nothing is watched.
pub const WATCH_TABLE_BYTES: usize = 65_536;
/// Paths that requests are counted by, for each shard; those of all others are counted together.
pub const COUNTED_PATHS: usize = 1000;
/// Longest path that is counted by itself.
pub const COUNTED_PATH_BYTES: usize = 256;
/// How often a listener tells of a request that belongs elsewhere; the others are counted.
pub const MISROUTED_NOTICE_EVERY: Duration = Duration::from_secs(1);
/// How far connections differ in when they reach `max_connection_age`, so that those that came together do not leave
/// together: a tenth to either side.
pub const AGE_JITTER: f64 = 0.1;
/// Answering in place of a backend: how long and how much the client's remaining bytes are read and thrown away.
/// Closing with unread input would reset the connection and take the answer with it.
pub const DISCARD_DEADLINE: Duration = Duration::from_secs(2);
/// Between an answer to an HTTP/2 request and GOAWAY: a client's threads need to see the answer first (`src/bridge/answer.rs`
/// tells which), and on a busy host one may wait for a slice of the scheduler's, some milliseconds.
pub const GOAWAY_PAUSE: Duration = Duration::from_millis(10);
/// Streams that are answered in place of a backend that has said nothing: as many as a client opens that has seen no
/// SETTINGS but ours. What came in excess of them may have been served, and is told so by GOAWAY alone.
pub const ANSWERED_STREAMS: usize = 100;
/// A full connection window is 65,535 bytes of DATA; with frame heads and other frames it is more.
pub const DISCARD_BYTES: usize = 262_144;
/// TCP keepalive: idle time before the first probe. Below the 350 s after which common load balancers forget a flow.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// TCP keepalive: time between probes.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// TCP keepalive: probes without an answer before the connection counts as dead, two minutes after the last byte.
pub const KEEPALIVE_PROBES: u32 = 4;
/// Bytes that a direction holds for a slow receiver before nothing more is read from its sender. What is on its way by
/// then, up to 32 buffers of a receive in progress, comes on top.
pub const BACKLOG_BYTES: usize = 65_536;
/// Set-up connections that may wait for a shard's relay. While none fits, no connection is accepted.
pub const HAND_OVER_FLOWS: usize = 1024;
/// How long a set-up connection waits before it asks again for room in that queue.
pub const HAND_OVER_PAUSE: Duration = Duration::from_millis(1);
/// Bytes copied in one turn of the engine that make it a large one.
pub const BULK_BURST_BYTES: u32 = 65_536;
/// Large turns in a row after which a direction is spliced.
pub const BULK_BURSTS: u8 = 4;
/// Reads below this are small ones to a spliced direction,
pub const CALM_READ_BYTES: usize = 16_384;
/// and after so many in a row it is copied again.
pub const CALM_READS: u8 = 8;
/// Least size of a pipe for splicing: with 64 KiB a gigabyte costs twice the CPU.
pub const PIPE_BYTES: usize = 262_144;
/// Size of the first pipes that are lent, which the kernel allows everybody: a third of the calls for a gigabyte.
pub const LARGE_PIPE_BYTES: usize = 1 << 20;
/// How many of those lent at the same time are so large, for each shard. A user's pipes may hold 64 MiB by default.
pub const LARGE_PIPES: usize = 16;
/// Most that one call may move. A pipe holds a number of fragments of its sender's memory, larger than a page perhaps.
pub const SPLICE_BYTES: usize = 1 << 20;
/// Bytes a spliced direction moves before the shard's other connections get their turn.
pub const SPLICE_TURN_BYTES: usize = 4 << 20;
/// Pipes in use at the same time, for each shard; each is two descriptors.
pub const PIPES_LENT: usize = 256;
/// Pipes kept for the next bulk transfer, for each shard.
pub const PIPES_IDLE: usize = 8;
/// Bytes to wait for at once while bulk is spliced: half of the smaller pipe.
pub const MARK_BYTES: usize = 131_072;
/// How long to wait for that many.
pub const MARK_PATIENCE: Duration = Duration::from_millis(1);
/// Bytes spliced before a direction waits for so many; doubled each time that the mark is not reached in time,
pub const MARK_TRIAL_BYTES: u64 = 4 << 20;
/// up to this often: 4 GiB.
pub const MARK_TRIALS_DOUBLED: u8 = 10;
/// How often the relay looks for connections that are idle.
pub const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Places for what the relay's ring is to do; handed over in between if there is more.
pub const RING_SUBMISSIONS: u32 = 256;
/// Places for what it has done. Should they run out the kernel keeps the rest and ends the receives, which begin anew.
pub const RING_COMPLETIONS: u32 = 4096;
/// One buffer that the ring receives into: a full HTTP/2 frame, and what a TLS record or a read of most peers has.
pub const RING_BUFFER_BYTES: usize = 16_384;
/// Such buffers at first. Doubled when they run out.
pub const RING_BUFFERS_FIRST: u16 = 32;
/// The most of them, 8 MiB a shard: more no longer fit into a cache.
pub const RING_BUFFERS: u16 = 512;
/// Largest read of the relay's epoll engine, into the one buffer that it has.
pub const EPOLL_BUFFER_BYTES: usize = 65_536;
/// Sockets that one epoll_wait(2) tells about.
pub const EPOLL_EVENTS: usize = 256;
/// Reads and other events of sockets known to be ready before epoll is asked for more: what a busy one may take in a row.
pub const EPOLL_TURN: usize = 16;
/// Largest read before a connection is routed.
pub const OPENING_READ_BYTES: usize = 16_384;
/// Descriptors that are asked for at most: some systems report a hard limit of a thousand million, and the kernel's tables
/// grow with what is used of it.
pub const DESCRIPTORS: u64 = 1_048_576;
/// Submission entries of a front's ring: how many waits can be queued before a system call hands them over. The completion
/// queue has twice as many and overflows into kernel memory, so nothing is lost beyond it.
pub const FRONT_RING_ENTRIES: u32 = 1024;
/// Connections that may wait in a listener's queue; the kernel cuts it to `net.core.somaxconn`.
pub const LISTEN_BACKLOG: i32 = 4096;
/// First pause of a listener that cannot accept (out of descriptors or memory); doubled up to the longest.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// Longest such pause: how long after descriptors are free again the first connection may have to wait.
pub const ACCEPT_PAUSE_LONGEST: Duration = Duration::from_secs(1);
/// Connections accepted in a row before those that are open get their turn.
pub const ACCEPT_TURN: u32 = 64;
/// How long connections may finish on their own once the proxy was told to stop.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Pieces (reads, beginnings, ends) of sampled connections that may wait for the decoder, in each of a shard's two
/// queues.
pub const TAP_QUEUE_PIECES: usize = 8192;
/// Bytes of sampled connections that may wait for the decoder, of all shards together, unless configured.
pub const TAP_QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// Time that the decoder may spend on one piece once the proxy has stopped: more than the backend gets to tell a schema.
pub const TAP_FINISH_DEADLINE: Duration = Duration::from_secs(3);
/// Log lines that may wait for the writer; more are dropped and counted, never waited for.
pub const LOG_QUEUE_LINES: usize = 65_536;
/// Pause of the log's writer between two writes. A line that comes alone is written at once, one behind it so much later.
pub const LOG_PAUSE: Duration = Duration::from_millis(5);
/// Time for the last log lines once the proxy has stopped.
pub const LOG_FINISH_DEADLINE: Duration = Duration::from_secs(2);
/// Bytes of explained samples that may wait for the log's writer; more are dropped and counted.
pub const LOG_SAMPLE_BYTES: usize = 16 * 1024 * 1024;
/// Bytes kept of a text from a peer (path, authority) for the log.
pub const LOG_TEXT_BYTES: usize = 1024;
/// Vectors of a PROXY header kept for the log; senders put in a handful.
pub const LOG_TLVS: usize = 16;
/// Bytes kept of each: a host name has at most 255, a unique id 128.
pub const LOG_TLV_BYTES: usize = 256;

const _: () = assert!(HTTP1_HEAD_BYTES <= HEADER_LIST_BYTES && CLIENT_HELLO_BYTES <= HEADER_LIST_BYTES);
const _: () = assert!(PROXY_DEADLINE.as_secs() >= 3);
const _: () = assert!(
    SETTINGS_FRAMES
        + 1 // the ACK of our own SETTINGS
        + PING_FRAMES
        + WINDOW_UPDATE_FRAMES
        + PRIORITY_FRAMES
        + UNKNOWN_FRAMES
        <= OPENING_FRAMES
);
const _: () = assert!(HALF_CLOSED_TIMEOUT.as_secs() <= IDLE_TIMEOUT.as_secs());
