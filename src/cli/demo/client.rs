//! The demo's gRPC client: behaves like a grpc-go client behind a load balancer that speaks the PROXY protocol.
//!
//! One TCP connection: a PROXY line, then HTTP/2, then the calls. Like grpc-go, grpc-core and grpc-java, and unlike
//! tonic by itself, it sends no request before the server's SETTINGS has arrived. It never reconnects, so that one
//! run is one connection and one summary.

use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};

use super::error::DemoError;
use super::proto::users_client::UsersClient;
use super::proto::{AddUserRequest, GetUsersRequest, User};
use super::settings::{NoSettings, SettingsWatch};

/// A client with one connection.
pub(super) struct Client {
    users: UsersClient<Channel>,
    settings: oneshot::Receiver<Result<(), NoSettings>>,
    /// When HTTP/2 began: the preface was on its way from then on.
    preface_at: Instant,
}

impl Client {
    /// Connects to `address`, sends the PROXY line and then the HTTP/2 preface. Waits for no answer.
    pub(super) async fn connect(address: SocketAddr) -> Result<Client, DemoError> {
        let failed = |reason: String| DemoError::Connect { address, reason };
        let connecting = async {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            stream.write_all(format!("{PROXY_LINE}\r\n").as_bytes()).await?;
            io::Result::Ok(stream)
        };
        let stream = within(DEADLINE, "connecting to Spliceway", connecting)
            .await?
            .map_err(|error| failed(error.to_string()))?;

        let preface_at = Instant::now();
        let (watch, settings) = SettingsWatch::new(stream);
        let connector = OneConnection(Some(TokioIo::new(watch)));
        let endpoint = Endpoint::from_static(ORIGIN);
        let channel = within(DEADLINE, "sending the HTTP/2 preface", endpoint.connect_with_connector(connector))
            .await?
            .map_err(|error| failed(chain(&error)))?;
        Ok(Client { users: UsersClient::new(channel), settings, preface_at })
    }

    /// Waits for the server's SETTINGS; answers with how long they took from the preface on.
    pub(super) async fn wait_for_settings(&mut self, deadline: Duration) -> Result<Duration, DemoError> {
        // The sender lives in the connection: when it is gone without a word, so is the connection.
        within(deadline, "waiting for the server's SETTINGS", &mut self.settings)
            .await?
            .unwrap_or(Err(NoSettings::Closed))?;
        Ok(self.preface_at.elapsed())
    }

    /// Adds a user; answers with the user as the backend must now know them.
    pub(super) async fn add_user(&mut self, first_name: &str, last_name: &str) -> Result<User, DemoError> {
        let (first_name, last_name) = (first_name.to_owned(), last_name.to_owned());
        let request = AddUserRequest { first_name: first_name.clone(), last_name: last_name.clone() };
        let response = within(DEADLINE, "waiting for the answer to AddUser", self.users.add_user(request))
            .await?
            .map_err(|status| refused("AddUser", &status))?;
        Ok(User { id: response.into_inner().id, first_name, last_name })
    }

    /// All users, as streamed; `at_most` and one more, so that a stream without end ends here.
    pub(super) async fn all_users(&mut self, at_most: usize) -> Result<Vec<User>, DemoError> {
        let streaming = async {
            let mut stream = self.users.get_users(GetUsersRequest {}).await?.into_inner();
            let mut users = Vec::new();
            while users.len() <= at_most
                && let Some(user) = stream.message().await?
            {
                users.push(user);
            }
            Ok(users)
        };
        within(DEADLINE, "waiting for the answer to GetUsers", streaming)
            .await?
            .map_err(|status| refused("GetUsers", &status))
    }
}

/// A connector for a connection that is already there; there is no second one.
struct OneConnection(Option<TokioIo<SettingsWatch<TcpStream>>>);

impl tower_service::Service<Uri> for OneConnection {
    type Response = TokioIo<SettingsWatch<TcpStream>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _origin: Uri) -> Self::Future {
        ready(self.0.take().ok_or_else(|| io::Error::other("the connection has ended and the demo makes only one")))
    }
}

async fn within<T>(deadline: Duration, step: &'static str, work: impl Future<Output = T>) -> Result<T, DemoError> {
    tokio::time::timeout(deadline, work).await.map_err(|_| DemoError::Deadline { step, deadline })
}

fn refused(method: &'static str, status: &Status) -> DemoError {
    DemoError::Call { method, code: status.code(), message: status.message().to_owned() }
}

/// An error with its causes: tonic's own is only "transport error".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// What the client claims to be: addresses and ports from the blocks for documentation (RFC 5737).
pub(super) const PROXY_LINE: &str = "PROXY TCP4 203.0.113.7 192.0.2.10 40312 50051";
/// Whom the calls are for; becomes `:scheme` and `:authority` and is never resolved.
const ORIGIN: &str = "http://users.example";
/// Time for each step. All of them take milliseconds on one machine; this is for a machine in trouble.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// A listener whose one connection is answered with `answer`, and then read until it ends.
    async fn server(answer: &'static [u8]) -> (SocketAddr, tokio::task::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(answer).await.unwrap();
            let mut received = Vec::new();
            stream.read_to_end(&mut received).await.unwrap();
            received
        });
        (address, received)
    }

    #[tokio::test]
    async fn the_proxy_line_comes_first_and_no_request_before_settings() {
        let (address, received) = server(b"").await;
        let mut client = Client::connect(address).await.unwrap();
        let error = client.wait_for_settings(Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(error.to_string(), "waiting for the server's SETTINGS: nothing came within 0.05 s");
        drop(client);

        let received = received.await.unwrap();
        let opening = b"PROXY TCP4 203.0.113.7 192.0.2.10 40312 50051\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let mut rest = received.strip_prefix(opening).expect("the PROXY line, then the preface");
        while let [high, middle, low, frame_type, ..] = *rest {
            // RFC 9113 section 6: SETTINGS is 4, GOAWAY 7, WINDOW_UPDATE 8; HEADERS would be 1.
            assert!([4, 7, 8].contains(&frame_type), "a frame of type {frame_type} before SETTINGS");
            rest = &rest[9 + usize::from(high) * 65_536 + usize::from(middle) * 256 + usize::from(low)..];
        }
    }

    #[tokio::test]
    async fn a_server_that_speaks_http_1_is_an_error_that_shows_its_words() {
        let (address, _received) = server(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let mut client = Client::connect(address).await.unwrap();
        let error = client.wait_for_settings(DEADLINE).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the client waited for SETTINGS in vain: the server began with \"HTTP/1.1 \", which is no SETTINGS frame \
             (RFC 9113 section 3.4)"
        );
    }

    #[tokio::test]
    async fn a_refused_connection_says_where() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = Client::connect(address).await.err().unwrap();
        assert_eq!(
            error.to_string(),
            format!("the client cannot connect to Spliceway on {address}: Connection refused (os error 111)")
        );
    }
}
