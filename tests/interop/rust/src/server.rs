//! The server. It keeps nothing: equal calls get equal answers.
//!
//! It never takes offence at PINGs (tonic does not count them), and SIGTERM ends it as it ends any program.

use std::{error::Error, future, io, pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt as _, stream};
use tokio::{net::TcpListener, time::sleep};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Extensions, Request, Response, Status, Streaming, metadata::MetadataMap, transport::Server};

use messages::matrix_server::{Matrix, MatrixServer};

/// What `build.rs` makes of the service for servers.
mod messages {
    include!(concat!(env!("OUT_DIR"), "/server/matrix.v1.rs"));
}

/// Listens on a free loopback port and says so on standard output.
pub(crate) async fn serve() -> Result<(), Box<dyn Error + Send + Sync>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", serde_json::json!({"listening": listener.local_addr()?.port()}));
    // With a listener of one's own, tonic leaves Nagle's algorithm on.
    let connections = TcpListenerStream::new(listener).map(|accepted| {
        let connection = accepted?;
        connection.set_nodelay(true)?;
        Ok::<_, io::Error>(connection)
    });
    Server::builder().add_service(MatrixServer::new(Service)).serve_with_incoming(connections).await?;
    Ok(())
}

struct Service;

type Answers = Pin<Box<dyn Stream<Item = Result<messages::Response, Status>> + Send>>;

#[tonic::async_trait]
impl Matrix for Service {
    type UnaryStream = Answers;
    type ServerStreamStream = Answers;
    type BidiStreamStream = Answers;

    async fn unary(&self, request: Request<messages::Request>) -> Result<Response<Answers>, Status> {
        let trace = trace_of(request.metadata());
        let request = request.into_inner();
        if request.status != 0 {
            let code = i32::try_from(request.status).map_or(Code::Unknown, Code::from_i32);
            return Err(Status::new(code, request.message));
        }
        let answer = stream::once(async move {
            sleep(Duration::from_millis(request.wait_milliseconds.into())).await;
            Ok(messages::Response { payload: request.payload, number: 0 })
        });
        // A stream's trailing metadata is that of its status, which an "error" tells, be it OK.
        let end = stream::once(future::ready(Err(Status::with_metadata(Code::Ok, "", trace.clone()))));
        Ok(Response::from_parts(trace, Box::pin(answer.chain(end)), Extensions::default()))
    }

    async fn server_stream(&self, request: Request<messages::Request>) -> Result<Response<Answers>, Status> {
        let request = request.into_inner();
        let pause = Duration::from_millis(request.wait_milliseconds.into());
        let answers = stream::iter(0..request.count).then(move |number| {
            let payload = request.payload.clone();
            async move {
                if number > 0 {
                    sleep(pause).await;
                }
                Ok(messages::Response { payload, number })
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn client_stream(
        &self,
        request: Request<Streaming<messages::Request>>,
    ) -> Result<Response<messages::Response>, Status> {
        let mut requests = request.into_inner();
        let mut joined = messages::Response::default();
        while let Some(request) = requests.message().await? {
            joined.payload.extend(request.payload);
            joined.number += 1;
        }
        Ok(Response::new(joined))
    }

    async fn bidi_stream(&self, request: Request<Streaming<messages::Request>>) -> Result<Response<Answers>, Status> {
        let answers = request
            .into_inner()
            .zip(stream::iter(0..))
            .map(|(request, number)| Ok(messages::Response { payload: request?.payload, number }));
        Ok(Response::new(Box::pin(answers)))
    }
}

fn trace_of(metadata: &MetadataMap) -> MetadataMap {
    let mut trace = MetadataMap::new();
    if let Some(value) = metadata.get_bin("trace-bin") {
        trace.insert_bin("trace-bin", value.clone());
    }
    trace
}
