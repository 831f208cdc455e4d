//! How a direction ended, and what that means for the connection.

use std::io;

use crate::bridge::Refusal;
use crate::log::{Cause, CloseReason, Side};

/// How a direction ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Its source ended it, and its sink was told.
    Ended,
    /// Receiving failed: the source is gone.
    Broken(Broken),
    /// Sending failed: the sink takes nothing more, but may still have sent something.
    Unwelcome(Broken),
    /// The backend cannot answer, and the client has heard nothing of it.
    Unusable(CloseReason),
    /// The client broke a rule of HTTP/2.
    Malformed(Option<String>),
}

/// A side that failed.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    pub(super) reason: CloseReason,
    pub(super) detail: Option<String>,
}

impl Broken {
    pub(super) fn of(side: Side, error: &io::Error) -> Broken {
        let reason = CloseReason::of_error(side, error);
        let detail = (reason.cause != Cause::Reset).then(|| error.to_string());
        Broken { reason, detail }
    }
}

/// The end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Finish {
    pub(super) reason: CloseReason,
    pub(super) detail: Option<String>,
    pub(super) how: How,
}

/// What the two sides get to see of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Both sides have ended, or an end is all they need.
    Close,
    /// One side was reset, so the other is.
    Reset,
    /// The client is told why: it gets an answer if it has heard nothing of a backend of no use, GOAWAY if it broke a rule.
    /// Where there is no place for that, both sides get an end.
    Answer,
}

impl Finish {
    /// What the ends of the directions, from the client and from the backend, make of the connection; `None`: it goes on.
    pub(super) fn of(up: Option<&Outcome>, down: Option<&Outcome>, first_to_end: Side) -> Option<Finish> {
        if let Some(finish) = [up, down].into_iter().flatten().find_map(Outcome::at_once) {
            return Some(finish);
        }
        match (up?, down?) {
            // A side has ended and takes no more: it closed both at once.
            (Outcome::Ended, Outcome::Unwelcome(_)) => Some(Finish::closed_by(Side::Client)),
            (Outcome::Unwelcome(_), Outcome::Ended) => Some(Finish::closed_by(Side::Backend)),
            (Outcome::Unwelcome(broken), _) => Some(Finish::reset(broken)),
            _ => Some(Finish::close(CloseReason { side: first_to_end, cause: Cause::Finished })),
        }
    }

    /// Both sides get an end.
    pub(super) fn close(reason: CloseReason) -> Finish {
        Finish { reason, detail: None, how: How::Close }
    }

    /// The kernel has no room to watch one of the sockets, so nobody would say when to go on.
    pub(super) fn unwatched() -> Finish {
        let detail = Some("the kernel refuses to watch the connection: fs.epoll.max_user_watches".to_owned());
        Finish { reason: CloseReason::proxy(Cause::Failed), detail, how: How::Reset }
    }

    /// What was still on its way to `side` is lost, and the other side is to know.
    fn closed_by(side: Side) -> Finish {
        Finish { reason: CloseReason { side, cause: Cause::Finished }, detail: None, how: How::Reset }
    }

    fn reset(broken: &Broken) -> Finish {
        Finish { reason: broken.reason, detail: broken.detail.clone(), how: How::Reset }
    }
}

impl Outcome {
    /// What ends the other direction, too, at once.
    fn at_once(&self) -> Option<Finish> {
        match self {
            Outcome::Ended | Outcome::Unwelcome(_) => None,
            Outcome::Broken(broken) => Some(Finish::reset(broken)),
            Outcome::Unusable(reason) => Some(Finish { reason: *reason, detail: None, how: How::Answer }),
            Outcome::Malformed(detail) => {
                let reason = CloseReason::client(Cause::Malformed);
                Some(Finish { reason, detail: detail.clone(), how: How::Answer })
            }
        }
    }
}

/// The answer for a backend that was connected but gave none.
pub(super) fn unusable_backend(cause: Cause) -> Refusal {
    let (http_status, proxy_error, message) = if cause == Cause::NotHttp2 {
        (502, "http_protocol_error", "the backend does not speak HTTP/2 without TLS")
    } else if cause == Cause::NotHttp1 {
        (502, "http_protocol_error", "the backend does not speak HTTP/1 without TLS")
    } else if cause == Cause::Idle {
        (504, "connection_read_timeout", "the backend has said nothing until the idle time-out")
    } else {
        (502, "connection_terminated", "the backend closed the connection without an answer")
    };
    Refusal { grpc_status: 14, http_status, proxy_error, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwelcome(side: Side) -> Outcome {
        Outcome::Unwelcome(Broken { reason: CloseReason { side, cause: Cause::Reset }, detail: None })
    }

    #[track_caller]
    fn assert_finish(up: Option<Outcome>, down: Option<Outcome>, expected: Option<(Side, Cause, How)>) {
        let finish = Finish::of(up.as_ref(), down.as_ref(), Side::Backend);
        assert_eq!(finish.map(|finish| (finish.reason.side, finish.reason.cause, finish.how)), expected);
    }

    #[test]
    fn two_ends_are_one() {
        assert_finish(None, None, None);
        assert_finish(Some(Outcome::Ended), None, None);
        assert_finish(None, Some(unwelcome(Side::Client)), None);
        let finished = |side, how| Some((side, Cause::Finished, how));
        assert_finish(Some(Outcome::Ended), Some(Outcome::Ended), finished(Side::Backend, How::Close));
        assert_finish(Some(Outcome::Ended), Some(unwelcome(Side::Client)), finished(Side::Client, How::Reset));
        assert_finish(Some(unwelcome(Side::Backend)), Some(Outcome::Ended), finished(Side::Backend, How::Reset));
        let reset = Some((Side::Backend, Cause::Reset, How::Reset));
        assert_finish(Some(unwelcome(Side::Backend)), Some(unwelcome(Side::Client)), reset);
    }

    #[test]
    fn some_ends_need_no_second() {
        let broken = Outcome::Broken(Broken { reason: CloseReason::client(Cause::Reset), detail: None });
        assert_finish(Some(broken), None, Some((Side::Client, Cause::Reset, How::Reset)));
        let unusable = Outcome::Unusable(CloseReason::backend(Cause::NotHttp2));
        assert_finish(Some(Outcome::Ended), Some(unusable), Some((Side::Backend, Cause::NotHttp2, How::Answer)));
        let malformed = Outcome::Malformed(None);
        assert_finish(Some(malformed), None, Some((Side::Client, Cause::Malformed, How::Answer)));
    }
}
