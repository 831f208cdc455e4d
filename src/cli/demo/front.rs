//! What stands between client and backend: Spliceway itself, with one listener on a port of the kernel's choice.

use std::io;
use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::{Arc, Mutex, mpsc};

use super::super::describe::Format;
use super::error::DemoError;
use super::summary::Summary;
use crate::config::{Config, Flags, ProxyProtocol};
use crate::log::{self, ConnectionId, Line, Log};
use crate::proxy::Proxy;
use crate::shard::BoundAddress;
use crate::tap::explainer::{Explainer, Sink};
use crate::tap::protobuf::{SchemaArgs, Sources};

/// A proxy in front of one backend, for one connection.
pub(super) struct Front {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Gets the summary of the connection once it is closed.
    pub(super) summary: mpsc::Receiver<Summary>,
    proxy: Option<Proxy>,
    frames: Frames,
}

/// What the connection carried, explained; written by the decoder's thread.
#[derive(Clone, Default)]
struct Frames(Arc<Mutex<String>>);

impl Sink for Frames {
    fn block(&mut self, _connection: ConnectionId, text: &str) -> io::Result<()> {
        self.0.lock().map_err(|_poisoned| io::ErrorKind::BrokenPipe)?.push_str(text);
        Ok(())
    }
}

/// Starts a proxy with `proxy_protocol = "required"` in front of `backend`, on a loopback port, in threads of its own.
pub(super) fn start_front(backend: SocketAddr) -> Result<Front, DemoError> {
    let refused = |why: String| DemoError::Front { why };
    let flags = Flags {
        listen: vec!["127.0.0.1:0".to_owned()],
        backend: vec![backend.to_string()],
        proxy_protocol: Some(ProxyProtocol::Required),
        trusted: vec!["127.0.0.0/8".to_owned()],
        shards: Some(NonZeroUsize::MIN),
        pin: None,
        engine: None,
        sample: Some(NonZeroU64::MIN),
        log: None,
    };
    let config = Config::from_flags(flags).map_err(|error| refused(error.to_string()))?;
    let (log, lines) = Log::queue();
    let frames = Frames::default();
    // The types of the messages come from the backend itself, as with `spliceway describe --reflect`.
    let schemas = SchemaArgs { reflect: true, ..SchemaArgs::default() };
    let sources = Sources::open(&schemas, &backend.to_string()).map_err(|error| refused(error.to_string()))?;
    let explainer = Explainer::new(frames.clone(), Format::Pretty.form(false), sources, backend.to_string()).single();
    let proxy = Proxy::start(config, log, Some(Box::new(explainer))).map_err(|error| refused(error.to_string()))?;
    let Some(BoundAddress::Inet(address)) = proxy.addresses().first().cloned() else {
        return Err(refused("it listens nowhere".to_owned()));
    };
    let (sender, summary) = mpsc::channel();
    let forward = move || {
        for line in lines {
            if let Line::Summary(line) = line {
                // Nobody waits for the summary of an aborted demo.
                drop(sender.send(told(*line, address, backend)));
            }
        }
    };
    std::thread::Builder::new()
        .name("demo-front".to_owned())
        .spawn(forward)
        .map_err(|source| DemoError::Start { what: "a thread", source })?;
    Ok(Front { address, summary, proxy: Some(proxy), frames })
}

impl Front {
    /// Every frame of the connection. Ends the proxy, and with it the decoder, which may still be at work.
    pub(super) fn frames(&mut self) -> String {
        self.stop();
        self.frames.0.lock().map(|text| text.clone()).unwrap_or_default()
    }

    fn stop(&mut self) {
        if let Some(proxy) = self.proxy.take() {
            proxy.stop();
            proxy.join();
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop();
    }
}

fn told(summary: log::Summary, address: SocketAddr, backend: SocketAddr) -> Summary {
    let text = |fact: Option<String>| fact.unwrap_or_else(|| "-".to_owned());
    Summary {
        client: summary.client.unwrap_or(address),
        peer: summary.peer.unwrap_or(address),
        protocol: summary.protocol.map_or_else(|| "-".to_owned(), |protocol| protocol.to_string()),
        authority: text(summary.authority),
        path: text(summary.path),
        route: text(summary.route),
        backend: summary.backend.and_then(|address| address.parse().ok()).unwrap_or(backend),
        bytes_to_backend: summary.to_backend.total(),
        bytes_to_client: summary.to_client.total(),
        duration: summary.duration,
        close: format!("{} {}", summary.reason.side.label(), summary.reason.cause.label()),
    }
}
