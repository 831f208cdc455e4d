//! Why a connection ended: whose doing it was, and what happened.
//!
//! Every end of a connection is one [`CloseReason`]: counted once, logged at most once.

use std::io;

/// Whose doing the end of a connection was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client's.
    Client,
    /// The backend's.
    Backend,
    /// Ours: a limit, a rule, a decision.
    Proxy,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The side ended the connection as it may; both directions were delivered.
    Finished,
    /// The side reset the connection.
    Reset,
    /// The network or the kernel failed: any other socket error.
    Failed,
    /// No byte in either direction for the idle time-out.
    Idle,
    /// The client connected and closed without a byte: a load balancer's probe.
    Probe,
    /// The end came before the first request was complete.
    Truncated,
    /// No PROXY header where one is required.
    ProxyMissing,
    /// A malformed PROXY header.
    ProxyMalformed,
    /// The PROXY header did not come in time.
    ProxyTimeout,
    /// A PROXY header from an address that is not trusted.
    ProxyUntrusted,
    /// A malformed preface, frame, header block or HTTP/1 head.
    Malformed,
    /// More frames, bytes or fields before the first request than allowed.
    Limit,
    /// The first request did not come in time.
    OpeningTimeout,
    /// The first request asks for an upgrade to h2c, which the listener denies.
    UpgradeDenied,
    /// No route, and no default pool.
    NoRoute,
    /// The header that routes is missing.
    HeaderMissing,
    /// The header that routes is there more than once, or cannot be trusted to mean one thing.
    HeaderRejected,
    /// Every backend of the pool refused.
    Refused,
    /// No backend of the pool answered in time.
    ConnectTimeout,
    /// The backend does not speak HTTP/2 without TLS.
    NotHttp2,
    /// The backend does not speak HTTP/1 without TLS.
    NotHttp1,
    /// A later request belonged to another pool or could not be read, and the listener ends such connections.
    Misrouted,
    /// The proxy was told to stop and the connection outlasted the drain time.
    Shutdown,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseReason {
    /// Whose doing it was.
    pub side: Side,
    /// What happened.
    pub cause: Cause,
}

impl Side {
    /// The name in logs and counts.
    pub fn label(self) -> &'static str {
        match self {
            Side::Client => "client",
            Side::Backend => "backend",
            Side::Proxy => "proxy",
        }
    }

    /// All sides.
    pub(super) const ALL: [Side; 3] = [Side::Client, Side::Backend, Side::Proxy];
}

impl Cause {
    /// The name in logs and counts.
    pub fn label(self) -> &'static str {
        match self {
            Cause::Finished => "finished",
            Cause::Reset => "reset",
            Cause::Failed => "failed",
            Cause::Idle => "idle",
            Cause::Probe => "probe",
            Cause::Truncated => "truncated",
            Cause::ProxyMissing => "proxy_missing",
            Cause::ProxyMalformed => "proxy_malformed",
            Cause::ProxyTimeout => "proxy_timeout",
            Cause::ProxyUntrusted => "proxy_untrusted",
            Cause::Malformed => "malformed",
            Cause::Limit => "limit",
            Cause::OpeningTimeout => "opening_timeout",
            Cause::UpgradeDenied => "upgrade_denied",
            Cause::NoRoute => "no_route",
            Cause::HeaderMissing => "header_missing",
            Cause::HeaderRejected => "header_rejected",
            Cause::Refused => "refused",
            Cause::ConnectTimeout => "connect_timeout",
            Cause::NotHttp2 => "not_http2",
            Cause::NotHttp1 => "not_http1",
            Cause::Misrouted => "misrouted",
            Cause::Shutdown => "shutdown",
        }
    }

    /// All causes, in order.
    pub(super) const ALL: [Cause; 23] = [
        Cause::Finished,
        Cause::Reset,
        Cause::Failed,
        Cause::Idle,
        Cause::Probe,
        Cause::Truncated,
        Cause::ProxyMissing,
        Cause::ProxyMalformed,
        Cause::ProxyTimeout,
        Cause::ProxyUntrusted,
        Cause::Malformed,
        Cause::Limit,
        Cause::OpeningTimeout,
        Cause::UpgradeDenied,
        Cause::NoRoute,
        Cause::HeaderMissing,
        Cause::HeaderRejected,
        Cause::Refused,
        Cause::ConnectTimeout,
        Cause::NotHttp2,
        Cause::NotHttp1,
        Cause::Misrouted,
        Cause::Shutdown,
    ];
}

impl CloseReason {
    /// The client's doing.
    pub fn client(cause: Cause) -> CloseReason {
        CloseReason { side: Side::Client, cause }
    }

    /// The backend's doing.
    pub fn backend(cause: Cause) -> CloseReason {
        CloseReason { side: Side::Backend, cause }
    }

    /// Our doing.
    pub fn proxy(cause: Cause) -> CloseReason {
        CloseReason { side: Side::Proxy, cause }
    }

    /// What a socket error of `side` means.
    pub fn of_error(side: Side, error: &io::Error) -> CloseReason {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
        // What shutdown(2) says behind a reset that nobody has told of yet is that it is not connected.
        let is_reset = matches!(error.kind(), ConnectionReset | BrokenPipe | NotConnected);
        let cause = if is_reset { Cause::Reset } else { Cause::Failed };
        CloseReason { side, cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_tells_of_a_reset_is_a_reset() {
        let cause = |errno| CloseReason::of_error(Side::Backend, &io::Error::from_raw_os_error(errno)).cause;
        for errno in [libc::ECONNRESET, libc::EPIPE, libc::ENOTCONN] {
            assert_eq!(cause(errno), Cause::Reset, "{errno}");
        }
        for errno in [libc::ETIMEDOUT, libc::EHOSTUNREACH, libc::EMFILE] {
            assert_eq!(cause(errno), Cause::Failed, "{errno}");
        }
    }
}
