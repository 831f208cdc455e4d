//! The demo's gRPC backend: users in memory, on a loopback port of the kernel's choice.
//!
//! It is an ordinary tonic server that knows nothing of the PROXY protocol: were the prefix passed on to it, no call
//! would succeed. It offers server reflection, so grpcurl and its kin can talk to it without the `.proto` file.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::Iter;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::error::DemoError;
use super::proto::users_server::{Users, UsersServer};
use super::proto::{AddUserRequest, AddUserResponse, GetUsersRequest, User};

/// A backend that serves until it is dropped.
pub(super) struct Backend {
    /// Where it listens.
    pub(super) address: SocketAddr,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Backend {
    /// Binds a loopback port and serves on it, in a task of the current runtime.
    pub(super) async fn start() -> Result<Backend, DemoError> {
        let refused = |source: io::Error| DemoError::Start { what: "the backend", source };
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTOR_SET)
            .build_v1()
            .map_err(|error| refused(io::Error::other(error)))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let server = Server::builder().add_service(UsersServer::new(UserStore::default())).add_service(reflection);
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        Ok(Backend { address, serving: tokio::spawn(server.serve_with_incoming(incoming)) })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The users, in the order in which they were added; a user's id is their place, counted from 1.
#[derive(Default)]
struct UserStore {
    users: Arc<Mutex<Vec<User>>>,
}

impl UserStore {
    fn add(&self, request: AddUserRequest) -> Result<u64, Status> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= USERS {
            return Err(Status::resource_exhausted(format!("the demo keeps at most {USERS} users")));
        }
        let id = users.len() as u64 + 1;
        users.push(User { id, first_name: request.first_name, last_name: request.last_name });
        Ok(id)
    }

    /// A copy, so that a slow reader of the stream holds no lock.
    fn all(&self) -> Vec<User> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[tonic::async_trait]
impl Users for UserStore {
    type GetUsersStream = Iter<std::vec::IntoIter<Result<User, Status>>>;

    async fn add_user(&self, request: Request<AddUserRequest>) -> Result<Response<AddUserResponse>, Status> {
        let id = self.add(request.into_inner())?;
        Ok(Response::new(AddUserResponse { id }))
    }

    async fn get_users(&self, _request: Request<GetUsersRequest>) -> Result<Response<Self::GetUsersStream>, Status> {
        let users: Vec<_> = self.all().into_iter().map(Ok).collect();
        Ok(Response::new(tokio_stream::iter(users)))
    }
}

/// What `users.proto` says, for server reflection.
const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/users.binpb"));
/// Users kept at most: other processes of this machine can reach the port while the demo runs.
const USERS: usize = 1_000;

#[cfg(test)]
mod tests {
    use tonic::transport::Endpoint;
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    use super::*;

    fn named(first_name: &str, last_name: &str) -> AddUserRequest {
        AddUserRequest { first_name: first_name.to_owned(), last_name: last_name.to_owned() }
    }

    #[test]
    fn users_come_back_in_order_with_their_ids() {
        let store = UserStore::default();
        assert_eq!(store.add(named("Ada", "Lovelace")).unwrap(), 1);
        assert_eq!(store.add(named("Grace", "Hopper")).unwrap(), 2);
        let users = store.all();
        assert_eq!(users.len(), 2);
        assert_eq!(users[0], User { id: 1, first_name: "Ada".to_owned(), last_name: "Lovelace".to_owned() });
        assert_eq!(users[1], User { id: 2, first_name: "Grace".to_owned(), last_name: "Hopper".to_owned() });
    }

    #[test]
    fn the_store_is_bounded() {
        let store = UserStore::default();
        for _ in 0..1_000 {
            store.add(named("", "")).unwrap();
        }
        let refusal = store.add(named("", "")).unwrap_err();
        assert_eq!(refusal.code(), tonic::Code::ResourceExhausted);
        assert_eq!(refusal.message(), "the demo keeps at most 1000 users");
        assert_eq!(store.all().len(), 1_000);
    }

    #[tokio::test]
    async fn reflection_names_the_service() {
        let backend = Backend::start().await.unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", backend.address)).unwrap();
        let mut client = ServerReflectionClient::new(endpoint.connect().await.unwrap());
        let question = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut answers = client.server_reflection_info(tokio_stream::iter([question])).await.unwrap().into_inner();
        let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
        let MessageResponse::ListServicesResponse(services) = answer else { panic!("unexpected answer: {answer:?}") };
        let mut names: Vec<_> = services.service.iter().map(|service| service.name.as_str()).collect();
        // The server keeps them in no order.
        names.sort_unstable();
        assert_eq!(names, ["grpc.reflection.v1.ServerReflection", "users.v1.Users"]);
    }
}
