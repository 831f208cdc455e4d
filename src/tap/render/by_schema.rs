//! Messages by the schema of their call.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::super::event::Direction;
use super::super::protobuf::{self, Lookup, MessageType, Options, Sources};
use super::messages::{MessageText, Rendered, View};

/// Renders by the schemas of files, of the program itself and of the backend; a message without one by its wire types.
#[derive(Clone, Copy, Debug)]
pub struct BySchema<'a> {
    /// Where schemas come from.
    pub sources: &'a Sources,
    /// How long to wait for the backend's answer, with each message of a service that it has not told of yet.
    pub patience: Duration,
    /// Gets the services that have no schema, each with the reason; for whoever wants to say so.
    pub unknown: &'a RefCell<Unknown>,
}

/// Services without a schema.
#[derive(Clone, Debug, Default)]
pub struct Unknown {
    services: BTreeMap<String, Reason>,
}

/// Why a service has no schema.
#[derive(Clone, Debug)]
struct Reason {
    /// `None` if it was told already.
    news: Option<String>,
    /// Nobody knows yet; the true one will be news again.
    is_pending: bool,
}

impl Unknown {
    /// The services and reasons since the last call, each service once; twice if the reason was not known at first.
    pub fn take_news(&mut self) -> Vec<(String, String)> {
        let news = |(service, reason): (&String, &mut Reason)| Some((service.clone(), reason.news.take()?));
        self.services.iter_mut().filter_map(news).collect()
    }

    /// The paths are the client's, so only so many are remembered.
    fn add(&mut self, path: &str, reason: String) {
        self.put(path, Reason { news: Some(reason), is_pending: false });
    }

    fn add_pending(&mut self, path: &str) {
        let reason = "the backend has not answered server reflection yet".to_owned();
        self.put(path, Reason { news: Some(reason), is_pending: true });
    }

    fn put(&mut self, path: &str, reason: Reason) {
        let service = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let is_news = match self.services.get(service) {
            Some(known) => known.is_pending && !reason.is_pending,
            None => self.services.len() < SERVICES_MAX,
        };
        if is_news {
            self.services.insert(service.to_owned(), reason);
        }
    }
}

impl BySchema<'_> {
    fn text(&self, message_type: Option<&MessageType>, bytes: &[u8], view: View) -> Rendered {
        let View { show_secrets, columns } = view;
        let options = Options { show_secrets, columns, schemas: Some(&self.sources.schemas) };
        let rendering = protobuf::text(message_type, bytes, &options);
        Rendered {
            type_name: message_type.map(|message_type| message_type.full_name().to_owned()),
            lines: rendering.lines.into_iter().map(|line| (line.indent, line.text)).collect(),
            masked: rendering.masked,
        }
    }

    /// What the call to `path` carries in a direction; an error if that is not known yet.
    fn message_type(&self, path: &str, direction: Direction) -> Result<Option<MessageType>, Pending> {
        match self.sources.method(path, self.patience) {
            Lookup::Found(method) => Ok(Some(match direction {
                Direction::ToBackend => method.request,
                Direction::ToClient => method.response,
            })),
            Lookup::Unknown(reason) => {
                self.unknown.borrow_mut().add(path, reason);
                Ok(None)
            }
            Lookup::Pending => {
                self.unknown.borrow_mut().add_pending(path);
                Err(Pending)
            }
        }
    }
}

impl MessageText for BySchema<'_> {
    fn message(&self, path: Option<&str>, direction: Direction, bytes: &[u8], view: View) -> Rendered {
        let message_type = path.and_then(|path| self.message_type(path, direction).ok().flatten());
        self.text(message_type.as_ref(), bytes, view)
    }

    fn status(&self, bytes: &[u8], view: View) -> Rendered {
        self.text(self.sources.schemas.message("google.rpc.Status").as_ref(), bytes, view)
    }

    fn may_hold_secrets(&self, path: Option<&str>, direction: Direction) -> bool {
        // An `Any` may hold a message of any schema.
        if self.sources.schemas.may_hold_secrets() {
            return true;
        }
        // Of what the backend was not asked yet, nobody knows.
        path.map_or(self.sources.reflector.is_some(), |path| match self.message_type(path, direction) {
            Ok(message_type) => message_type.is_some_and(|message_type| message_type.may_hold_secrets()),
            Err(Pending) => true,
        })
    }
}

/// The backend has not answered in time.
struct Pending;

/// Services without a schema that are remembered.
const SERVICES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tap::protobuf::SchemaArgs;

    #[test]
    fn a_service_is_news_once_and_strangers_cannot_fill_the_memory() {
        let mut unknown = Unknown::default();
        unknown.add("/a.B/C", "no schema".to_owned());
        unknown.add("/a.B/D", "no schema".to_owned());
        assert_eq!(unknown.take_news(), [("a.B".to_owned(), "no schema".to_owned())]);
        unknown.add("/a.B/C", "still none".to_owned());
        assert_eq!(unknown.take_news(), []);
        (0..1000).for_each(|number| unknown.add(&format!("/s{number}/M"), String::new()));
        assert_eq!(unknown.take_news().len(), 63);
    }

    #[test]
    fn a_backend_that_does_not_answer_reflection_is_news() {
        // It is connected to by the kernel, and accepted by nobody.
        let backend = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let args = SchemaArgs { reflect: true, ..SchemaArgs::default() };
        let sources = Sources::open(&args, &backend.local_addr().unwrap().to_string()).unwrap();
        let unknown = RefCell::default();
        let messages = BySchema { sources: &sources, patience: Duration::ZERO, unknown: &unknown };
        let view = View { show_secrets: false, columns: 80 };
        assert_eq!(messages.message(Some("/a.B/C"), Direction::ToBackend, b"\x08\x05", view).type_name, None);
        let reason = "the backend has not answered server reflection yet".to_owned();
        assert_eq!(unknown.borrow_mut().take_news(), [("a.B".to_owned(), reason)]);
        // Why it never did is news once more.
        drop(backend);
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while matches!(sources.method("/a.B/C", Duration::from_secs(1)), Lookup::Pending) {
            assert!(std::time::Instant::now() < deadline, "a connection that is reset");
        }
        messages.message(Some("/a.B/C"), Direction::ToBackend, b"\x08\x05", view);
        let news = unknown.borrow_mut().take_news();
        assert!(matches!(&news[..], [(service, reason)] if service == "a.B" && !reason.contains("yet")), "{news:?}");
        messages.message(Some("/a.B/C"), Direction::ToBackend, b"\x08\x05", view);
        assert_eq!(unknown.borrow_mut().take_news(), []);
    }
}
