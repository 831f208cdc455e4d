//! A connection to the backend; to one that expects a PROXY header, introduced as the proxy's own.
//!
//! The header says that nobody is being relayed (PROXY protocol section 2.2: LOCAL, and in version 1 UNKNOWN), so the
//! backend takes the endpoints that it sees. It is one write before the first byte of HTTP/2, because a receiver may
//! refuse a header that comes in pieces (section 2). Without a header tonic connects as it does by itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint, Error};

/// Connects to `address`, `host:port` or `unix:/path`.
pub(super) async fn connect(address: &str, header: Option<&'static [u8]>) -> Result<Channel, Error> {
    let uri = if address.starts_with(UNIX) { address.to_owned() } else { format!("http://{address}") };
    let endpoint = Endpoint::from_shared(uri)?;
    match header {
        None => endpoint.connect().await,
        Some(header) => endpoint.connect_with_connector(Introducing { address: address.to_owned(), header }).await,
    }
}

/// Makes connections that begin with a header. tonic may make a second one if the first breaks.
struct Introducing {
    address: String,
    header: &'static [u8],
}

impl tower_service::Service<Uri> for Introducing {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _origin: Uri) -> Self::Future {
        Box::pin(introduced(self.address.clone(), self.header))
    }
}

async fn introduced(address: String, header: &'static [u8]) -> io::Result<TokioIo<Box<dyn Stream>>> {
    let mut stream: Box<dyn Stream> = if let Some(path) = address.strip_prefix(UNIX) {
        Box::new(UnixStream::connect(path).await?)
    } else {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Box::new(stream)
    };
    stream.write_all(header).await?;
    Ok(TokioIo::new(stream))
}

/// TCP or Unix.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

const UNIX: &str = "unix:";
