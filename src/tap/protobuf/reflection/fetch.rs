//! The files of a service, asked for one by one.
//!
//! v1 and v1alpha of the protocol are the same messages under two names, so one set of types serves both.

use std::collections::{BTreeSet, VecDeque};

use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use super::super::built_in;
use super::super::file_set::{FileSet, imports};
use super::connect::connect;

/// The file that declares a symbol and all that it imports, of at most so many bytes together.
pub(super) async fn files(
    address: &str,
    header: Option<&'static [u8]>,
    symbol: &str,
    bytes_max: usize,
) -> Result<FileSet, String> {
    let connection = connect(address, header).await.map_err(|error| told(&error))?;
    for path in PATHS {
        match Dialogue::open(connection.clone(), path, symbol, bytes_max).await {
            Ok((mut dialogue, answer)) => return dialogue.files(symbol, answer, bytes_max).await,
            Err(status) if status.code() == Code::Unimplemented => {}
            Err(status) => return Err(refusal(&status)),
        }
    }
    Err("the backend offers neither v1 nor v1alpha of it".to_owned())
}

/// A stream of questions and answers.
struct Dialogue {
    questions: Sender<ServerReflectionRequest>,
    answers: Streaming<ServerReflectionResponse>,
}

impl Dialogue {
    /// Asks for the symbol. Whether the backend has this version is known only by the first answer, and many a backend
    /// does not even send its headers before the first question.
    async fn open(
        connection: Channel,
        path: &'static str,
        symbol: &str,
        bytes_max: usize,
    ) -> Result<(Dialogue, ServerReflectionResponse), Status> {
        let mut client = Grpc::new(connection).max_decoding_message_size(bytes_max.saturating_add(ENVELOPE_BYTES));
        client.ready().await.map_err(|error| Status::unavailable(told(&error)))?;
        let (questions, asked) = channel(1);
        send(&questions, MessageRequest::FileContainingSymbol(symbol.to_owned())).await?;
        let codec = ProstCodec::<ServerReflectionRequest, ServerReflectionResponse>::default();
        let path = PathAndQuery::from_static(path);
        let answers = client.streaming(Request::new(ReceiverStream::new(asked)), path, codec).await?.into_inner();
        let mut dialogue = Dialogue { questions, answers };
        let answer = dialogue.answer().await?;
        Ok((dialogue, answer))
    }

    async fn answer(&mut self) -> Result<ServerReflectionResponse, Status> {
        self.answers.message().await?.ok_or_else(|| Status::unavailable("the backend ended the stream"))
    }

    /// Follows the imports until none is left that is not there.
    async fn files(
        &mut self,
        symbol: &str,
        first: ServerReflectionResponse,
        bytes_max: usize,
    ) -> Result<FileSet, String> {
        let mut files = FileSet::default();
        let mut wanted = VecDeque::new();
        let mut asked = BTreeSet::new();
        let mut answer = first;
        loop {
            match answer.message_response {
                Some(MessageResponse::FileDescriptorResponse(found)) => {
                    for file in &found.file_descriptor_proto {
                        files.add_file(file)?;
                        wanted.extend(imports(file));
                    }
                }
                // An import that the backend does not have may be one that nothing depends on; linking will tell.
                Some(MessageResponse::ErrorResponse(_)) if !asked.is_empty() => {}
                Some(MessageResponse::ErrorResponse(error)) => {
                    return Err(format!("the backend knows no {symbol}: {}", error.error_message));
                }
                _ => return Err("the backend answers what it was not asked".to_owned()),
            }
            if files.bytes() > bytes_max {
                return Err(format!("more than the {bytes_max} bytes that are left for schemas"));
            }
            let next = loop {
                let Some(name) = wanted.pop_front() else { return Ok(files) };
                // The well-known types are here; and who names a file twice, or itself, gets one question for it.
                let has = files.file(&name).or_else(|| built_in::files().file(&name)).is_some();
                if !has && asked.insert(name.clone()) {
                    break name;
                }
            };
            if asked.len() > FILES {
                return Err(format!("more than {FILES} files"));
            }
            answer = self.ask(MessageRequest::FileByFilename(next)).await.map_err(|status| refusal(&status))?;
        }
    }

    async fn ask(&mut self, question: MessageRequest) -> Result<ServerReflectionResponse, Status> {
        send(&self.questions, question).await?;
        self.answer().await
    }
}

async fn send(questions: &Sender<ServerReflectionRequest>, question: MessageRequest) -> Result<(), Status> {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    questions.send(request).await.map_err(|_| Status::unavailable("the backend ended the stream"))
}

fn refusal(status: &Status) -> String {
    format!("{}: {}", status.code(), status.message())
}

/// An error with its causes, which the transport's errors keep to themselves.
fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        told = format!("{told}: {error}");
        source = error.source();
    }
    told
}

/// In the order in which they are tried.
const PATHS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/// Files of a service at most.
const FILES: usize = 4_096;
/// What an answer holds beside the files, the question's echo for example.
const ENVELOPE_BYTES: usize = 64 << 10;
