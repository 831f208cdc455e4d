//! Answering the first request in place of a backend, in the protocol that the client speaks.

use super::answer::{self, Refusal};
use super::http1_answer;

/// Answers the first request of a connection.
#[derive(Clone, Copy, Debug)]
pub enum Answerer {
    /// On its stream.
    Http2(answer::Answerer),
    /// As the first response.
    Http1(http1_answer::Answerer),
}

impl Answerer {
    /// The bytes of the answer. Behind them the proxy's side of the connection ends.
    pub fn answer(&self, refusal: &Refusal) -> Vec<u8> {
        match self {
            Answerer::Http2(answerer) => answerer.answer(refusal),
            Answerer::Http1(answerer) => answerer.answer(refusal),
        }
    }

    /// What stands before anything else that is said.
    pub fn greeting(&self) -> Vec<u8> {
        match self {
            Answerer::Http2(answerer) => answerer.greeting(),
            Answerer::Http1(_) => Vec::new(),
        }
    }
}
