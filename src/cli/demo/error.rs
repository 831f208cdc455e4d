//! What can go wrong in the demo, in words for the person at the terminal.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::settings::NoSettings;

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    /// The name of the user's choice is over the limit.
    #[error(
        "--first-name is {bytes} bytes long; at most {at_most} bytes are allowed (an emoji has 4 or more): \
         choose a shorter one"
    )]
    NameTooLong { bytes: usize, at_most: usize },
    /// The story could not be written.
    #[error("cannot write the story to standard output: {0}")]
    Write(#[from] io::Error),
    /// The runtime, the backend or Spliceway itself did not come up.
    #[error("cannot start {what}: {source}")]
    Start { what: &'static str, source: io::Error },
    /// Spliceway did not start.
    #[error("cannot start Spliceway: {why}")]
    Front { why: String },
    /// No TCP connection to Spliceway, or it broke before HTTP/2 began.
    #[error("the client cannot connect to Spliceway on {address}: {reason}")]
    Connect { address: SocketAddr, reason: String },
    /// The server's first frame was not SETTINGS.
    #[error("the client waited for SETTINGS in vain: {0}")]
    NoSettings(#[from] NoSettings),
    /// A step took too long.
    #[error("{step}: nothing came within {} s", .deadline.as_secs_f64())]
    Deadline { step: &'static str, deadline: Duration },
    /// A call was answered with an error.
    #[error("{method} failed with gRPC status {code:?} ({}): {message}", *.code as i32)]
    Call { method: &'static str, code: tonic::Code, message: String },
    /// The calls succeeded, but what came back is not what was sent.
    #[error("GetUsers returned {returned}, but what was added is {added}: bytes were changed on the way")]
    UsersDiffer { added: String, returned: String },
    /// Spliceway never reported the connection.
    #[error("Spliceway gave no summary within {} s of the end of the connection", .deadline.as_secs_f64())]
    NoSummary { deadline: Duration },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_happened_and_what_is_allowed() {
        let cases = [
            (
                DemoError::NameTooLong { bytes: 1_001, at_most: 1_000 },
                "--first-name is 1001 bytes long; at most 1000 bytes are allowed (an emoji has 4 or more): choose a \
                 shorter one",
            ),
            (
                DemoError::Deadline { step: "waiting for the server's SETTINGS", deadline: Duration::from_secs(5) },
                "waiting for the server's SETTINGS: nothing came within 5 s",
            ),
            (
                DemoError::Call { method: "AddUser", code: tonic::Code::Unavailable, message: "no backend".to_owned() },
                "AddUser failed with gRPC status Unavailable (14): no backend",
            ),
            (
                DemoError::NoSettings(NoSettings::Closed),
                "the client waited for SETTINGS in vain: the connection was closed before the server's SETTINGS frame",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }
}
