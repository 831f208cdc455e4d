//! Notices the server's first frame, which must be SETTINGS (RFC 9113 section 3.4).
//!
//! tonic sends its first request without waiting for the server; grpc-go, grpc-core and grpc-java do not, and it is
//! them that a proxy has to please. This wrapper around the connection lets the demo's client wait as they do. It
//! looks at nine bytes, changes none and knows nothing of the frames after the first.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

/// A connection that tells, once, whether the server's first frame is SETTINGS.
pub(super) struct SettingsWatch<S> {
    connection: S,
    head: FrameHead,
    /// Empty once it has been told.
    verdict: Option<oneshot::Sender<Result<(), NoSettings>>>,
}

/// Why there are no SETTINGS from the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoSettings {
    /// End of stream before a whole frame head.
    #[error("the connection was closed before the server's SETTINGS frame")]
    Closed,
    /// Reading failed before a whole frame head.
    #[error("the connection broke before the server's SETTINGS frame: {0}")]
    Broken(io::ErrorKind),
    /// Nine bytes that do not begin a SETTINGS frame: another frame, or not HTTP/2 at all.
    #[error("the server began with \"{}\", which is no SETTINGS frame (RFC 9113 section 3.4)", .0.escape_ascii())]
    OtherBytes([u8; FRAME_HEAD_BYTES]),
}

impl<S> SettingsWatch<S> {
    /// Wraps `connection`; the receiver gets the verdict as soon as nine bytes have been read.
    pub(super) fn new(connection: S) -> (SettingsWatch<S>, oneshot::Receiver<Result<(), NoSettings>>) {
        let (sender, receiver) = oneshot::channel();
        (SettingsWatch { connection, head: FrameHead::default(), verdict: Some(sender) }, receiver)
    }

    fn notice(&mut self, read: &[u8]) {
        if self.verdict.is_none() {
            return;
        }
        if read.is_empty() {
            self.tell(Err(NoSettings::Closed));
        } else if let Some(head) = self.head.push(read) {
            self.tell(if is_settings(&head) { Ok(()) } else { Err(NoSettings::OtherBytes(head)) });
        }
    }

    fn tell(&mut self, verdict: Result<(), NoSettings>) {
        if let Some(sender) = self.verdict.take() {
            // A client that no longer waits has given up for a reason of its own.
            drop(sender.send(verdict));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for SettingsWatch<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled_before = buffer.filled().len();
        // A read into no room brings nothing and is not the end of the stream.
        let had_room = buffer.remaining() > 0;
        if let Err(error) = ready!(Pin::new(&mut self.connection).poll_read(context, buffer)) {
            self.tell(Err(NoSettings::Broken(error.kind())));
            return Poll::Ready(Err(error));
        }
        if had_room {
            self.notice(buffer.filled().get(filled_before..).unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SettingsWatch<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

/// The first bytes of the stream, however they are cut.
#[derive(Default)]
struct FrameHead {
    bytes: [u8; FRAME_HEAD_BYTES],
    /// 0 <= length <= FRAME_HEAD_BYTES.
    length: usize,
}

impl FrameHead {
    /// Takes what is still missing from `read`; answers with the head once it is whole.
    fn push(&mut self, read: &[u8]) -> Option<[u8; FRAME_HEAD_BYTES]> {
        for (place, byte) in self.bytes.iter_mut().skip(self.length).zip(read) {
            *place = *byte;
            self.length += 1;
        }
        (self.length == FRAME_HEAD_BYTES).then_some(self.bytes)
    }
}

/// Whether a frame head is that of SETTINGS, and not of its acknowledgement (RFC 9113 section 6.5).
fn is_settings(head: &[u8; FRAME_HEAD_BYTES]) -> bool {
    let [_, _, _, frame_type, flags, stream @ ..] = *head;
    // The highest bit of the stream identifier is reserved and ignored (RFC 9113 section 4.1).
    frame_type == SETTINGS && flags & ACK == 0 && u32::from_be_bytes(stream) & 0x7fff_ffff == 0
}

/// Length, type, flags and stream identifier (RFC 9113 section 4.1).
const FRAME_HEAD_BYTES: usize = 9;
/// RFC 9113 section 6.5.
const SETTINGS: u8 = 0x04;
/// RFC 9113 section 6.5.
const ACK: u8 = 0x01;

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    /// SETTINGS with MAX_CONCURRENT_STREAMS = 100.
    const SETTINGS_FRAME: &[u8] = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64";

    /// The verdict on a server that sends `bytes` and closes.
    async fn verdict_on(bytes: &[u8]) -> Result<(), NoSettings> {
        let (mut watch, verdict) = SettingsWatch::new(bytes);
        let mut read = Vec::new();
        watch.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, bytes, "every byte is passed on");
        verdict.await.unwrap()
    }

    #[tokio::test]
    async fn settings_are_noticed_at_the_ninth_byte_however_the_reads_cut_them() {
        for cut in 0..=9 {
            let (first, second) = SETTINGS_FRAME.split_at(cut);
            let (mut watch, mut verdict) = SettingsWatch::new(first.chain(second));
            let mut read = vec![0; cut];
            watch.read_exact(&mut read).await.unwrap();
            let expected = if cut == 9 { Ok(Ok(())) } else { Err(TryRecvError::Empty) };
            assert_eq!(verdict.try_recv(), expected, "after {cut} bytes");
            if cut < 9 {
                watch.read_to_end(&mut read).await.unwrap();
                assert_eq!(verdict.try_recv(), Ok(Ok(())), "cut at {cut}");
                assert_eq!(read, SETTINGS_FRAME);
            }
        }
    }

    #[tokio::test]
    async fn settings_are_noticed_byte_by_byte() {
        let (mut watch, mut verdict) = SettingsWatch::new(SETTINGS_FRAME);
        for _ in 0..8 {
            watch.read_u8().await.unwrap();
            assert_eq!(verdict.try_recv(), Err(TryRecvError::Empty));
        }
        watch.read_u8().await.unwrap();
        assert_eq!(verdict.try_recv(), Ok(Ok(())));
    }

    #[tokio::test]
    async fn the_reserved_bit_of_the_stream_is_ignored() {
        assert_eq!(verdict_on(b"\x00\x00\x00\x04\x00\x80\x00\x00\x00").await, Ok(()));
    }

    #[tokio::test]
    async fn an_end_before_the_ninth_byte_is_no_settings() {
        for length in 0..9 {
            assert_eq!(verdict_on(&SETTINGS_FRAME[..length]).await, Err(NoSettings::Closed), "after {length} bytes");
        }
    }

    #[tokio::test]
    async fn any_other_first_frame_is_no_settings() {
        for head in [
            *b"\x00\x00\x00\x04\x01\x00\x00\x00\x00", // an acknowledgement
            *b"\x00\x00\x00\x04\x00\x00\x00\x00\x01", // on a stream
            *b"\x00\x00\x08\x07\x00\x00\x00\x00\x00", // GOAWAY
            *b"HTTP/1.1 ",
        ] {
            assert_eq!(verdict_on(&head).await, Err(NoSettings::OtherBytes(head)));
        }
    }

    #[tokio::test]
    async fn a_later_frame_is_not_looked_at() {
        let mut bytes = b"\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678".to_vec();
        bytes.extend_from_slice(SETTINGS_FRAME);
        assert_eq!(verdict_on(&bytes).await, Err(NoSettings::OtherBytes(*b"\x00\x00\x08\x06\x00\x00\x00\x00\x00")));
    }

    #[tokio::test]
    async fn a_broken_connection_is_no_settings() {
        struct Reset;
        impl AsyncRead for Reset {
            fn poll_read(
                self: Pin<&mut Self>,
                _context: &mut Context<'_>,
                _buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
        }
        let (mut watch, verdict) = SettingsWatch::new(Reset);
        watch.read_u8().await.unwrap_err();
        assert_eq!(verdict.await, Ok(Err(NoSettings::Broken(io::ErrorKind::ConnectionReset))));
    }

    #[test]
    fn the_message_shows_what_came_instead() {
        assert_eq!(
            NoSettings::OtherBytes(*b"HTTP/1.1\r").to_string(),
            r#"the server began with "HTTP/1.1\r", which is no SETTINGS frame (RFC 9113 section 3.4)"#
        );
    }
}
