//! Answering the first request in place of a backend, in the protocol that the client speaks.

use super::answer::{self, Answer, Refusal};
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
    /// The answer.
    pub fn answer(&self, refusal: &Refusal) -> Answer {
        match self {
            Answerer::Http2(answerer) => answerer.answer(refusal),
            Answerer::Http1(answerer) => answerer.answer(refusal).into(),
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
