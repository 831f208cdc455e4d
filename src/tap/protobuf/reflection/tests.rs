//! Backends of all kinds, asked for their schemas.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::runtime::Runtime;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::transport::Server;
use tonic::transport::server::{Router, TcpIncoming};
use tonic::{Request, Response, Status, Streaming};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::server_reflection_server::{ServerReflection, ServerReflectionServer};
use tonic_reflection::pb::v1::{FileDescriptorResponse, ServerReflectionRequest, ServerReflectionResponse};
use tonic_reflection::server::Builder;

use super::super::scratch::Scratch;
use super::*;

const USERS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/users.binpb"));
const ADD_USER: &str = "/users.v1.Users/AddUser";
/// Longer than anything here should take.
const LONG: Duration = Duration::from_secs(20);

/// A backend that serves until it is dropped.
struct Backend {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Backend {
    fn start(services: impl FnOnce(Server) -> Router) -> Backend {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(services(Server::builder()).serve_with_incoming(TcpIncoming::from(listener)));
            address
        });
        Backend { address, _runtime: runtime }
    }

    fn hostile(hostile: Hostile) -> Backend {
        Backend::start(|mut server| server.add_service(ServerReflectionServer::new(hostile)))
    }

    fn reflector(&self) -> Reflector {
        Reflector::start(self.address.to_string(), None)
    }
}

fn builder() -> Builder<'static> {
    Builder::configure().register_encoded_file_descriptor_set(USERS)
}

fn reason(lookup: Lookup) -> String {
    match lookup {
        Lookup::Unknown(reason) => reason,
        other @ (Lookup::Found(_) | Lookup::Pending) => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_found(lookup: Lookup) {
    match lookup {
        Lookup::Found(method) => assert_eq!(method.request.full_name(), "users.v1.AddUserRequest"),
        other @ (Lookup::Pending | Lookup::Unknown(_)) => panic!("{other:?}"),
    }
}

#[test]
fn a_service_is_found_by_v1() {
    let backend = Backend::start(|mut server| server.add_service(builder().build_v1().unwrap()));
    let reflector = backend.reflector();
    assert!(matches!(reflector.method(ADD_USER), Lookup::Pending));
    assert_found(reflector.method_within(ADD_USER, LONG));
    // Known now, without waiting and without the backend.
    drop(backend);
    assert_found(reflector.method(ADD_USER));
    assert_eq!(reason(reflector.method("/users.v1.Users/Gone")), "the backend's schema has no /users.v1.Users/Gone");
}

#[test]
fn a_service_is_found_by_v1alpha_where_there_is_no_v1() {
    let backend = Backend::start(|mut server| server.add_service(builder().build_v1alpha().unwrap()));
    assert_found(backend.reflector().method_within(ADD_USER, LONG));
}

#[test]
fn a_backend_behind_a_unix_socket() {
    let scratch = Scratch::new();
    let path = scratch.path().join("backend.sock");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let incoming = UnixListenerStream::new(tokio::net::UnixListener::bind(&path).unwrap());
        tokio::spawn(Server::builder().add_service(builder().build_v1().unwrap()).serve_with_incoming(incoming));
    });
    let reflector = Reflector::start(format!("unix:{}", path.display()), None);
    assert_found(reflector.method_within(ADD_USER, LONG));
}

/// Takes a connection that begins with this header, and drops every other one.
async fn introduced<S: AsyncRead + Unpin>(accepted: io::Result<S>, header: &[u8]) -> io::Result<S> {
    let mut connection = accepted?;
    let mut received = vec![0; header.len()];
    connection.read_exact(&mut received).await?;
    if received == header { Ok(connection) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[test]
fn a_backend_that_expects_a_proxy_header_gets_it_first() {
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    for (send_proxy, header) in
        [(SendProxy::V1, &b"PROXY UNKNOWN\r\n"[..]), (SendProxy::V2, local), (SendProxy::Relay, local)]
    {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let incoming = TcpIncoming::from(listener).then(|accepted| introduced(accepted, header));
            let service = builder().build_v1().unwrap();
            tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
            address
        });
        assert_found(Reflector::start(address.clone(), Some(send_proxy)).method_within(ADD_USER, LONG));
        let reason = reason(Reflector::start(address, None).method_within(ADD_USER, LONG));
        assert!(reason.contains(" for users.v1.Users: "), "{reason}");
    }
}

#[test]
fn a_backend_behind_a_unix_socket_gets_the_proxy_header_too() {
    let scratch = Scratch::new();
    let path = scratch.path().join("backend.sock");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let accepting = UnixListenerStream::new(tokio::net::UnixListener::bind(&path).unwrap());
        let incoming = accepting.then(|accepted| introduced(accepted, b"PROXY UNKNOWN\r\n"));
        tokio::spawn(Server::builder().add_service(builder().build_v1().unwrap()).serve_with_incoming(incoming));
    });
    let reflector = Reflector::start(format!("unix:{}", path.display()), Some(SendProxy::V1));
    assert_found(reflector.method_within(ADD_USER, LONG));
}

#[test]
fn a_backend_without_reflection_says_so() {
    let backend = Backend::hostile(Hostile::Unimplemented);
    let reflector = backend.reflector();
    assert_eq!(
        reason(reflector.method_within(ADD_USER, LONG)),
        format!(
            "server reflection of {} for users.v1.Users: the backend offers neither v1 nor v1alpha of it",
            backend.address
        )
    );
}

#[test]
fn a_service_that_the_backend_does_not_have() {
    let backend = Backend::start(|mut server| server.add_service(builder().build_v1().unwrap()));
    let reason = reason(backend.reflector().method_within("/users.v2.Users/AddUser", LONG));
    assert!(reason.contains("for users.v2.Users: "), "{reason}");
}

#[test]
fn a_backend_that_is_not_there_is_not_asked_again_for_a_while() {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    // Accepts and closes at once; ends with the test's process.
    thread::spawn(move || {
        for connection in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(connection);
        }
    });
    let reflector = Reflector::start(address.to_string(), None);
    let first = reason(reflector.method_within(ADD_USER, LONG));
    assert!(first.starts_with(&format!("server reflection of {address} for users.v1.Users: ")), "{first}");
    let seen = connections.load(Ordering::SeqCst);
    for _ in 0..100 {
        assert_eq!(reason(reflector.method_within(ADD_USER, LONG)), first);
    }
    assert_eq!(connections.load(Ordering::SeqCst), seen);
}

#[test]
fn a_failure_is_forgotten_after_a_while() {
    let backend = Backend::hostile(Hostile::GarbageOnce(Arc::default()));
    let reflector = Reflector::with_patience(backend.address.to_string(), None, LONG, Duration::ZERO);
    let first = reflector.method_within(ADD_USER, LONG);
    assert!(matches!(first, Lookup::Unknown(_)), "{first:?}");
    assert_found(reflector.method_within(ADD_USER, LONG));
}

#[test]
fn a_silent_backend_has_a_deadline() {
    let backend = Backend::hostile(Hostile::Silent);
    let deadline = Duration::from_millis(100);
    let reflector = Reflector::with_patience(backend.address.to_string(), None, deadline, LONG);
    assert!(reason(reflector.method_within(ADD_USER, LONG)).ends_with("for users.v1.Users: no answer within 100ms"));
}

#[test]
fn a_caller_waits_no_longer_than_it_wants() {
    let backend = Backend::hostile(Hostile::Silent);
    let reflector = backend.reflector();
    assert!(matches!(reflector.method_within(ADD_USER, Duration::from_millis(20)), Lookup::Pending));
    // Nor does dropping wait for the answer.
}

#[test]
fn garbage_is_refused_with_a_reason() {
    let backend = Backend::hostile(Hostile::Garbage);
    let reason = reason(backend.reflector().method_within(ADD_USER, LONG));
    assert!(
        reason.ends_with("for users.v1.Users: malformed at byte 0: field 31 has wire type 7, which does not exist"),
        "{reason}"
    );
}

#[test]
fn endless_imports_end() {
    let backend = Backend::hostile(Hostile::Endless);
    let reflector = Reflector::with_patience(backend.address.to_string(), None, LONG, LONG);
    let reason = reason(reflector.method_within(ADD_USER, LONG));
    assert!(reason.ends_with("for users.v1.Users: more than 4096 files"), "{reason}");
}

#[test]
fn a_flood_is_bounded() {
    let backend = Backend::hostile(Hostile::Flood);
    let reflector = Reflector::with_patience(backend.address.to_string(), None, LONG, LONG);
    let reason = reason(reflector.method_within(ADD_USER, LONG));
    assert!(reason.ends_with("more than the 16777216 bytes that are left for schemas"), "{reason}");
}

#[test]
fn files_that_import_each_other_are_refused_or_linked_but_end() {
    let backend = Backend::hostile(Hostile::Circle);
    let lookup = backend.reflector().method_within(ADD_USER, LONG);
    assert_eq!(reason(lookup), "the backend's schema has no /users.v1.Users/AddUser");
}

#[test]
fn paths_that_are_none_are_not_asked_for() {
    let reflector = Reflector::start("127.0.0.1:1".to_owned(), None);
    for path in ["", "/", "/a", "a/b", "//b", "/a/", "/a/b/c", "/a b/c", "/a\u{1b}/c"] {
        assert!(reason(reflector.method(path)).ends_with("is not the path of a gRPC method"), "{path}");
    }
    let long = format!("/{}/b", "a".repeat(1_100));
    assert!(matches!(reflector.method(&long), Lookup::Unknown(_)));
}

#[test]
fn many_services_at_once_are_refused_before_they_pile_up() {
    let backend = Backend::hostile(Hostile::Silent);
    let reflector = backend.reflector();
    let lookups: Vec<_> = (0..100).map(|index| reflector.method(&format!("/s{index}/m"))).collect();
    assert!(matches!(lookups[0], Lookup::Pending));
    assert!(matches!(&lookups[99], Lookup::Unknown(reason) if reason.contains("too busy")));
}

/// Backends that do not do what they should.
#[derive(Clone)]
enum Hostile {
    /// Takes every question and answers none.
    Silent,
    /// No file descriptor.
    Garbage,
    /// What it should, from the second question on.
    GarbageOnce(Arc<AtomicUsize>),
    /// Every file imports another one.
    Endless,
    /// As `Endless`, with a megabyte in each file.
    Flood,
    /// Two files import each other, and themselves.
    Circle,
    /// Refuses, as a backend without reflection does.
    Unimplemented,
}

impl Hostile {
    fn file(&self, index: usize, question: &ServerReflectionRequest) -> Vec<u8> {
        let asked = match &question.message_request {
            Some(MessageRequest::FileByFilename(name)) => name.clone(),
            _ => "first.proto".to_owned(),
        };
        let mut file = match self {
            Hostile::GarbageOnce(count) if count.fetch_add(1, Ordering::SeqCst) > 0 => {
                let set = <prost_types::FileDescriptorSet as prost::Message>::decode(USERS).unwrap();
                return prost::Message::encode_to_vec(&set.file[0]);
            }
            Hostile::Garbage | Hostile::GarbageOnce(_) => return vec![0xff, 0x01],
            Hostile::Circle => {
                let other = if asked == "b.proto" { "a.proto" } else { "b.proto" };
                named(if asked == "b.proto" { "b.proto" } else { "a.proto" }, &[&asked, other, "a.proto"])
            }
            Hostile::Silent | Hostile::Endless | Hostile::Flood | Hostile::Unimplemented => {
                named(&asked, &[&format!("{index}.proto")])
            }
        };
        if matches!(self, Hostile::Flood) {
            // A field that descriptors do not have.
            file.extend([0xfa, 0x3e, 0x80, 0x80, 0x40]);
            file.resize(file.len() + (1 << 20), 0);
        }
        file
    }
}

/// An encoded `FileDescriptorProto`.
fn named(name: &str, imports: &[&str]) -> Vec<u8> {
    let dependency = imports.iter().map(|import| (*import).to_owned()).collect();
    let file = prost_types::FileDescriptorProto { name: Some(name.to_owned()), dependency, ..Default::default() };
    prost::Message::encode_to_vec(&file)
}

#[tonic::async_trait]
impl ServerReflection for Hostile {
    type ServerReflectionInfoStream = ReceiverStream<Result<ServerReflectionResponse, Status>>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        if matches!(self, Hostile::Unimplemented) {
            return Err(Status::unimplemented("no"));
        }
        let mut questions = request.into_inner();
        let (answers, receiver) = channel(1);
        let hostile = self.clone();
        tokio::spawn(async move {
            let mut index = 0;
            while let Some(Ok(question)) = questions.next().await {
                index += 1;
                if matches!(hostile, Hostile::Silent) {
                    continue;
                }
                let file_descriptor_proto = vec![hostile.file(index, &question)];
                let response =
                    MessageResponse::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto });
                let answer = ServerReflectionResponse { message_response: Some(response), ..Default::default() };
                if answers.send(Ok(answer)).await.is_err() {
                    break;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
