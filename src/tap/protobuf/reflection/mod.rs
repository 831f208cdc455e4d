//! Schemas from the backend itself, by gRPC server reflection.
//!
//! A thread with a runtime and connections of its own asks, so that neither the traffic nor its connections know of
//! it. The backend is not trusted: each lookup has a deadline, all schemas together a size, and what fails is not
//! asked again for a while. The names of services come from clients; they are bounded in number too.

mod cache;
mod connect;
mod fetch;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use self::cache::{Cache, Entry};
use super::schema::{Method, Schemas};
use crate::route::SendProxy;

/// Asks a backend for the schemas of its services. The thread ends when this is dropped.
#[derive(Debug)]
pub struct Reflector {
    shared: Arc<Shared>,
    questions: Sender<String>,
}

impl Reflector {
    /// Starts the thread; nothing is asked before the first lookup. `address` is `host:port` or `unix:/path`.
    /// `send_proxy` is what the backend expects before everything else.
    pub fn start(address: String, send_proxy: Option<SendProxy>) -> Reflector {
        Reflector::with_patience(address, send_proxy, DEADLINE, RETRY_AFTER)
    }

    fn with_patience(
        address: String,
        send_proxy: Option<SendProxy>,
        deadline: Duration,
        retry_after: Duration,
    ) -> Reflector {
        let header = send_proxy.map(SendProxy::of_nobody);
        let cache = Mutex::new(Cache::new(retry_after));
        let shared = Arc::new(Shared { address, header, deadline, cache, changed: Condvar::new() });
        let (questions, asked) = channel(QUESTIONS);
        let thread = Arc::clone(&shared);
        // Without the thread nobody holds the other end of the channel, which the lookups notice.
        drop(thread::Builder::new().name("reflection".to_owned()).spawn(move || answer(&thread, asked)));
        Reflector { shared, questions }
    }

    /// The method of a call by its `:path`; never waits.
    pub fn method(&self, path: &str) -> Lookup {
        self.method_within(path, Duration::ZERO)
    }

    /// The method of a call by its `:path`; waits at most `patience` for the backend's answer.
    pub fn method_within(&self, path: &str, patience: Duration) -> Lookup {
        let Some(service) = service(path) else {
            return Lookup::Unknown(format!("{} is not the path of a gRPC method", path.escape_debug()));
        };
        let give_up = Instant::now() + patience.min(PATIENCE_MAX);
        let mut cache = self.shared.cache();
        if let Err(reason) = self.ask(&mut cache, service, path) {
            return Lookup::Unknown(reason);
        }
        loop {
            let lookup = match cache.get(service) {
                Some(Entry::Known { schemas, .. }) => known(schemas, path),
                Some(Entry::Failed { reason, .. }) => Lookup::Unknown(reason.clone()),
                Some(Entry::Pending) | None => Lookup::Pending,
            };
            let left = give_up.saturating_duration_since(Instant::now());
            if !matches!(lookup, Lookup::Pending) || left.is_zero() {
                return lookup;
            }
            cache = self.shared.changed.wait_timeout(cache, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Sends the question if there is no answer yet, or an old one that is no help.
    fn ask(&self, cache: &mut Cache, service: &str, path: &str) -> Result<(), String> {
        if !cache.is_to_be_asked(service, |schemas| schemas.method(path).is_some()) {
            return Ok(());
        }
        cache.make_room(service)?;
        let sent = self.questions.try_send(service.to_owned());
        sent.map_err(|_| "server reflection is too busy with other services to ask for this one".to_owned())?;
        cache.asked(service);
        Ok(())
    }
}

/// What is known of a method.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// Its schema.
    Found(Method),
    /// The answer is on its way.
    Pending,
    /// Why there is none, to be shown to a reader.
    Unknown(String),
}

/// What the thread and those who ask it share.
#[derive(Debug)]
struct Shared {
    address: String,
    /// The PROXY header before the first byte.
    header: Option<&'static [u8]>,
    deadline: Duration,
    cache: Mutex<Cache>,
    changed: Condvar,
}

impl Shared {
    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread: one question after the other.
fn answer(shared: &Shared, mut questions: Receiver<String>) {
    // Without a runtime the channel is closed, which the lookups notice.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    while let Some(service) = questions.blocking_recv() {
        let bytes_max = shared.cache().bytes_left();
        let fetched = runtime.block_on(async {
            let fetching = fetch::files(&shared.address, shared.header, &service, bytes_max);
            tokio::time::timeout(shared.deadline, fetching)
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {:?}", shared.deadline)))
        });
        let linked = fetched.and_then(|files| {
            let bytes = files.bytes();
            let mut schemas = Schemas::built_in();
            schemas.link(files, ELEMENT_BYTES_MAX).map(|()| Entry::Known { schemas, bytes, since: Instant::now() })
        });
        let entry = linked.unwrap_or_else(|reason| Entry::Failed {
            reason: format!("server reflection of {} for {service}: {}", shared.address, harmless(&reason)),
            since: Instant::now(),
        });
        shared.cache().answered(&service, entry);
        shared.changed.notify_all();
    }
}

fn known(schemas: &Schemas, path: &str) -> Lookup {
    match schemas.method(path) {
        Some(method) => Lookup::Found(method),
        None => Lookup::Unknown(format!("the backend's schema has no {path}")),
    }
}

/// The service in `/service/method`, if it can be one.
fn service(path: &str) -> Option<&str> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let named = |name: &str, dot: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || dot.as_bytes().contains(&byte))
    };
    (path.len() <= PATH_BYTES && named(service, ".") && named(method, "")).then_some(service)
}

/// What a backend says, fit for a line in a terminal: nothing is left of an escape sequence but its letters.
fn harmless(reason: &str) -> String {
    reason.chars().take(REASON_CHARACTERS).flat_map(char::escape_debug).filter(|character| *character != '\\').collect()
}

/// How long a lookup may take, from the connection to the last file.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long a failure is believed, and a schema that lacks the method.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// Nobody waits longer than this, and no time is so late that it cannot be told.
const PATIENCE_MAX: Duration = Duration::from_secs(60);
/// Decoded descriptors of a service at most: enough for some hundreds of files.
const ELEMENT_BYTES_MAX: usize = 64 << 20;
/// Services that wait to be asked for: with a silent backend the last one waits for minutes.
const QUESTIONS: usize = 64;
/// Twice what descriptors allow for the full name of a method.
const PATH_BYTES: usize = 1_024;
/// Of a reason that may be the backend's own words.
const REASON_CHARACTERS: usize = 300;
