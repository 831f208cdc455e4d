//! What each scenario does, and the fields it adds to its outcome.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{sync::mpsc, time::sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Status, Streaming,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    metadata::{MetadataMap, MetadataValue},
};
use tonic_prost::ProstCodec;

use super::{Connection, KEEPALIVE_INTERVAL, within};
use messages::{Response, matrix_client::MatrixClient};

/// What `build.rs` makes of the service for clients.
mod messages {
    include!(concat!(env!("OUT_DIR"), "/client/matrix.v1.rs"));
}

pub(crate) const SCENARIOS: [&str; 12] = [
    "unary",
    "server_stream",
    "client_stream",
    "bidi",
    "megabyte",
    "hundred_streams",
    "trailers_only",
    "cancel",
    "deadline",
    "keepalive",
    "idle",
    "metadata_bin",
];

const PING_PONGS: u8 = 10;
const OPEN_STREAMS: u32 = 100;
const DEADLINE: Duration = Duration::from_millis(300);
const IDLE: Duration = Duration::from_secs(3);
const TRACE: &[u8] = b"\x00\xff\x80\x2c\x0a";

type Client = MatrixClient<Connection>;

/// The fields that the scenario adds to its outcome.
///
/// # Errors
///
/// The status of a call that failed where the scenario wants it to succeed.
pub(super) async fn run(scenario: &str, connection: Connection) -> Result<Value, Status> {
    let client = MatrixClient::new(connection.clone());
    match scenario {
        "unary" => unary(client).await,
        "server_stream" => server_stream(client).await,
        "client_stream" => client_stream(client).await,
        "bidi" => bidi(client).await,
        "megabyte" => megabyte(client).await,
        "hundred_streams" => hundred_streams(client).await,
        "trailers_only" => trailers_only(client).await,
        "cancel" => cancel(client).await,
        "deadline" => deadline(client).await,
        "keepalive" => keepalive(client).await,
        "idle" => idle(client).await,
        "metadata_bin" => metadata_bin(connection).await,
        _ => Err(Status::unimplemented(scenario)),
    }
}

async fn unary(mut client: Client) -> Result<Value, Status> {
    let answer = client.unary(request("hello")).await?.into_inner();
    Ok(json!({"payload": text(&answer)}))
}

async fn server_stream(mut client: Client) -> Result<Value, Status> {
    let mut answers = client.server_stream(messages::Request { count: 10, ..request("s") }).await?.into_inner();
    let (mut numbers, mut payloads) = (Vec::new(), 0);
    while let Some(answer) = answers.message().await? {
        payloads += u32::from(answer.payload == b"s");
        numbers.push(answer.number);
    }
    Ok(json!({"numbers": numbers, "payloads": payloads}))
}

async fn client_stream(mut client: Client) -> Result<Value, Status> {
    let requests = tokio_stream::iter(["a", "b", "c"].map(request));
    let answer = client.client_stream(requests).await?.into_inner();
    Ok(json!({"payload": text(&answer), "number": answer.number}))
}

async fn bidi(client: Client) -> Result<Value, Status> {
    let (mut call, first) = Call::open(client, request([0])).await?;
    let mut numbers = vec![first.number];
    for payload in 1..PING_PONGS {
        let answer = call.ask(request([payload])).await?;
        numbers.push(answer.number);
    }
    call.finish().await?;
    Ok(json!({"numbers": numbers}))
}

async fn megabyte(mut client: Client) -> Result<Value, Status> {
    let payload: Vec<u8> = (0_u32..1 << 20).map(|index| (index * 7 % 251) as u8).collect();
    let answer = client.unary(request(payload)).await?.into_inner();
    Ok(json!({"length": answer.payload.len(), "sha256": hexadecimal(&Sha256::digest(&answer.payload))}))
}

async fn hundred_streams(client: Client) -> Result<Value, Status> {
    let calls = (0..OPEN_STREAMS).map(|number| Call::open(client.clone(), request(number.to_string())));
    let open = try_join_all(calls).await?;
    let finished = try_join_all(open.into_iter().map(|(call, _)| call.finish())).await?;
    Ok(json!({"finished": finished.len()}))
}

async fn trailers_only(mut client: Client) -> Result<Value, Status> {
    let asked = messages::Request { status: 5, message: "no such thing".to_owned(), ..request("") };
    client.unary(asked).await?;
    Ok(json!({}))
}

/// A call of tonic's is cancelled by letting go of it; CANCELLED is what the specification calls that.
async fn cancel(mut client: Client) -> Result<Value, Status> {
    let asked = messages::Request { count: 1000, wait_milliseconds: 50, ..request("c") };
    let mut answers = client.server_stream(asked).await?.into_inner();
    let received = u32::from(answers.message().await?.is_some());
    drop(answers);
    Ok(json!({"code": Code::Cancelled as i32, "received": received}))
}

async fn deadline(mut client: Client) -> Result<Value, Status> {
    let mut asked = Request::new(messages::Request { wait_milliseconds: 5000, ..request("late") });
    asked.set_timeout(DEADLINE);
    match within(DEADLINE, client.unary(asked)).await {
        Ok(_) => Ok(json!({})),
        // The message is each library's own.
        Err(status) if status.code() == Code::DeadlineExceeded => Ok(json!({"code": Code::DeadlineExceeded as i32})),
        Err(status) => Err(status),
    }
}

async fn keepalive(client: Client) -> Result<Value, Status> {
    let (mut call, _) = Call::open(client, request("before")).await?;
    sleep(KEEPALIVE_INTERVAL * 5 / 2).await;
    let answer = call.ask(request("after")).await?;
    call.finish().await?;
    Ok(json!({"alive": text(&answer) == "after"}))
}

async fn idle(client: Client) -> Result<Value, Status> {
    sleep(IDLE).await;
    unary(client).await
}

/// Called as a stream, since tonic hands out a unary call's trailing metadata mixed into the initial.
async fn metadata_bin(connection: Connection) -> Result<Value, Status> {
    let mut asked = Request::new(request("traced"));
    asked.metadata_mut().insert_bin("trace-bin", MetadataValue::from_bytes(TRACE));
    let mut client = Grpc::new(connection);
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = PathAndQuery::from_static("/matrix.v1.Matrix/Unary");
    let codec = ProstCodec::<messages::Request, Response>::default();
    let (initial, mut answers, _) = client.server_streaming(asked, path, codec).await?.into_parts();
    while answers.message().await?.is_some() {}
    let trailing = answers.trailers().await?.unwrap_or_default();
    Ok(json!({"initial": trace_of(&initial), "trailing": trace_of(&trailing)}))
}

/// A `BidiStream` that stays open until it is finished.
struct Call {
    requests: mpsc::Sender<messages::Request>,
    answers: Streaming<Response>,
}

impl Call {
    /// With the first message, before whose answer many servers send no headers, which tonic waits for.
    async fn open(mut client: Client, first: messages::Request) -> Result<(Self, Response), Status> {
        let payload = first.payload.clone();
        let (requests, queue) = mpsc::channel(1);
        requests.try_send(first).map_err(|_| Status::internal("the new queue is full"))?;
        let answers = client.bidi_stream(ReceiverStream::new(queue)).await?.into_inner();
        let mut call = Self { requests, answers };
        let answer = call.answer_with(&payload).await?;
        Ok((call, answer))
    }

    /// # Errors
    ///
    /// The call's status, also where it is OK: the call ended too early.
    async fn ask(&mut self, request: messages::Request) -> Result<Response, Status> {
        let payload = request.payload.clone();
        // A call that has ended takes no more requests, and tells why when asked for an answer.
        let _ended = self.requests.send(request).await.is_err();
        self.answer_with(&payload).await
    }

    async fn answer_with(&mut self, payload: &[u8]) -> Result<Response, Status> {
        match self.answers.message().await? {
            Some(answer) if answer.payload == payload => Ok(answer),
            Some(answer) => Err(Status::data_loss(format!("{:?} came back for {payload:?}", answer.payload))),
            None => Err(Status::data_loss("the call ended before its answer")),
        }
    }

    /// Half-closes, and waits for the status.
    async fn finish(mut self) -> Result<(), Status> {
        drop(self.requests);
        match self.answers.message().await? {
            None => Ok(()),
            Some(answer) => Err(Status::data_loss(format!("one answer too many: {:?}", answer.payload))),
        }
    }
}

fn request(payload: impl Into<Vec<u8>>) -> messages::Request {
    messages::Request { payload: payload.into(), ..messages::Request::default() }
}

fn text(answer: &Response) -> String {
    String::from_utf8_lossy(&answer.payload).into_owned()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn trace_of(metadata: &MetadataMap) -> String {
    let value = metadata.get_bin("trace-bin").and_then(|value| value.to_bytes().ok());
    hexadecimal(&value.unwrap_or_default())
}
