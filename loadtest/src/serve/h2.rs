//! An HTTP/2 backend with prior knowledge: one thread, and 100 bytes for every request, whose body is read to its end.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use super::{ANY_PORT, announce};

/// Serves until the process is ended.
///
/// # Errors
///
/// The listener fails.
pub fn run() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(ANY_PORT).await?;
        announce(&listener, listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                let connection = http2::Builder::new(TokioExecutor::new());
                // How a connection ends is seen by the client, which counts what it missed.
                connection.serve_connection(TokioIo::new(stream), service_fn(answer)).await.ok();
            });
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut body = request.into_body();
    let mut complete = true;
    while let Some(frame) = body.frame().await {
        complete &= frame.is_ok();
    }
    let mut response = Response::new(Full::new(Bytes::from_static(&[b'r'; 100])));
    if !complete {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}
