//! What the decoder of one connection may keep and put out.

/// The limits of one connection's decoder.
///
/// A traffic that stays within them is explained whole. Beyond them bytes are still each explained once, with less
/// said of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest frame payload, chunk or delimited HTTP/1 body that is kept to be explained as one. Longer ones come in
    /// pieces of [`Limits::piece_bytes`].
    pub whole_bytes: usize,
    /// The pieces that longer ones are cut into.
    pub piece_bytes: usize,
    /// Longest HTTP/1 head or trailer section.
    pub head_bytes: usize,
    /// Compressed size of a header block, all its fragments together.
    pub block_bytes: usize,
    /// Fields of one header list, of HTTP/2 and HTTP/1.
    pub fields: usize,
    /// Decoded size of one header list, 32 bytes a field included.
    pub list_bytes: usize,
    /// Largest dynamic table followed; a peer may announce 4 GiB. A block that makes the table larger counts as
    /// undecodable.
    pub table_bytes: usize,
    /// Bytes kept of one gRPC message, on the wire and decompressed.
    pub message_bytes: usize,
    /// Bytes kept of all unfinished gRPC messages of the connection together.
    pub kept_bytes: usize,
    /// Bytes decompressed within one call of `feed`.
    pub decompressed_bytes: usize,
    /// Streams known at a time; beyond them the oldest is forgotten.
    pub streams: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            whole_bytes: 1 << 18,
            piece_bytes: 1 << 16,
            head_bytes: 1 << 16,
            block_bytes: 1 << 18,
            fields: 1024,
            list_bytes: 1 << 18,
            table_bytes: 1 << 20,
            message_bytes: 4 << 20,
            kept_bytes: 16 << 20,
            decompressed_bytes: 16 << 20,
            streams: 1024,
        }
    }
}
