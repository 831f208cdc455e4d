//! The story of the demo as it is printed: one method a step, nothing but text.
//!
//! Fits 80 columns (the client's own name aside). Each step is flushed at once, so that a step that hangs is the one
//! below the last line.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use super::palette::Palette;
use super::proto::User;
use super::summary::{Summary, milliseconds, print_summary};

/// Tells what happens, step by step.
pub(super) struct Story<'a> {
    out: &'a mut dyn Write,
    palette: Palette,
    /// The number of the last step told.
    step: u32,
}

impl<'a> Story<'a> {
    /// A story on `out`.
    pub(super) fn new(out: &'a mut dyn Write, palette: Palette) -> Story<'a> {
        Story { out, palette, step: 0 }
    }

    pub(super) fn opening(&mut self) -> io::Result<()> {
        let Palette { strong, faint, end, .. } = self.palette;
        writeln!(self.out, "{strong}A gRPC client, Spliceway and a gRPC backend, all in this process{end}\n")?;
        writeln!(self.out, "     {faint}client  --->  Spliceway  --->  backend{end}\n")
    }

    pub(super) fn backend_listens(&mut self, address: SocketAddr) -> io::Result<()> {
        self.step(&format!("The backend listens on {address}"))?;
        self.detail("users.v1.Users and server reflection; it does not speak the PROXY protocol")
    }

    pub(super) fn front_listens(&mut self, address: SocketAddr) -> io::Result<()> {
        self.step(&format!("Spliceway listens in front of it on {address}"))?;
        self.detail("proxy_protocol = \"required\"")
    }

    pub(super) fn client_connected(&mut self, proxy_line: &str) -> io::Result<()> {
        self.step("The client connects and, like a load balancer, sends a PROXY line first")?;
        self.sent(proxy_line)
    }

    pub(super) fn settings_awaited(&mut self) -> io::Result<()> {
        self.step("It begins HTTP/2 and waits for SETTINGS, as most gRPC clients do")
    }

    pub(super) fn settings_came(&mut self, waited: Duration) -> io::Result<()> {
        self.received(&format!("SETTINGS after {}", milliseconds(waited)))
    }

    pub(super) fn users_are_added(&mut self) -> io::Result<()> {
        self.step("It adds two users; the first request decides the route")
    }

    pub(super) fn user_added(&mut self, user: &User) -> io::Result<()> {
        self.sent(&format!("AddUser  {}", full_name(user)))?;
        self.received(&format!("id {}", user.id))
    }

    pub(super) fn users_streamed(&mut self, users: &[User]) -> io::Result<()> {
        self.step("It asks for all users; the backend streams them")?;
        self.sent("GetUsers")?;
        users.iter().try_for_each(|user| self.received(&format!("{}  {}", user.id, full_name(user))))
    }

    pub(super) fn client_closed(&mut self) -> io::Result<()> {
        self.step("It has what it sent and closes the connection")
    }

    pub(super) fn frames(&mut self, text: &str) -> io::Result<()> {
        let Palette { strong, end, .. } = self.palette;
        writeln!(self.out, "\n{strong}Every frame of the connection{end}\n\n{}", text.trim_end())
    }

    pub(super) fn seen(&mut self, summary: &Summary) -> io::Result<()> {
        let Palette { strong, end, .. } = self.palette;
        writeln!(self.out, "\n{strong}What Spliceway saw{end}\n")?;
        print_summary(self.out, summary, self.palette)
    }

    pub(super) fn closing(&mut self) -> io::Result<()> {
        let Palette { strong, accent, end, .. } = self.palette;
        writeln!(self.out, "\n{strong}Next, with a backend of your own{end}\n")?;
        writeln!(self.out, "     {accent}spliceway run --listen :8080 --backend HOST:PORT{end}")?;
        self.out.flush()
    }

    fn step(&mut self, text: &str) -> io::Result<()> {
        let Palette { strong, end, .. } = self.palette;
        self.step += 1;
        writeln!(self.out, "{strong}{:>3}{end}  {text}", self.step)?;
        self.out.flush()
    }

    fn detail(&mut self, text: &str) -> io::Result<()> {
        let Palette { faint, end, .. } = self.palette;
        self.line(&format!("{faint}{text}{end}"))
    }

    fn sent(&mut self, text: &str) -> io::Result<()> {
        let Palette { accent, end, .. } = self.palette;
        self.line(&format!("{accent}>{end} {text}"))
    }

    fn received(&mut self, text: &str) -> io::Result<()> {
        let Palette { accent, end, .. } = self.palette;
        self.line(&format!("{accent}<{end} {text}"))
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "     {text}")?;
        self.out.flush()
    }
}

fn full_name(user: &User) -> String {
    format!("{} {}", displayed(&user.first_name), displayed(&user.last_name))
}

/// A name fit for a terminal: control characters are escaped, and a long name is cut.
fn displayed(name: &str) -> String {
    let mut text = String::new();
    for (count, character) in name.chars().enumerate() {
        if count == DISPLAYED_CHARACTERS {
            text.push_str(&format!("... ({} bytes)", name.len()));
            break;
        }
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

/// Leaves room for a last name on an 80-column line.
const DISPLAYED_CHARACTERS: usize = 40;

#[cfg(test)]
mod tests {
    use super::super::summary::tests::example;
    use super::*;

    fn user(id: u64, first_name: &str, last_name: &str) -> User {
        User { id, first_name: first_name.to_owned(), last_name: last_name.to_owned() }
    }

    fn told(palette: Palette) -> String {
        let mut out = Vec::new();
        let mut story = Story::new(&mut out, palette);
        let users = [user(1, "Zoë 🦀", "Lovelace"), user(2, "Grace", "Hopper")];
        story.opening().unwrap();
        story.backend_listens("127.0.0.1:41001".parse().unwrap()).unwrap();
        story.front_listens("127.0.0.1:41002".parse().unwrap()).unwrap();
        story.client_connected("PROXY TCP4 203.0.113.7 192.0.2.10 40312 50051").unwrap();
        story.settings_awaited().unwrap();
        story.settings_came(Duration::from_micros(2_340)).unwrap();
        story.users_are_added().unwrap();
        story.user_added(&users[0]).unwrap();
        story.user_added(&users[1]).unwrap();
        story.users_streamed(&users).unwrap();
        story.client_closed().unwrap();
        story.seen(&example()).unwrap();
        story.closing().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_whole_story_in_plain_text() {
        let expected = r#"A gRPC client, Spliceway and a gRPC backend, all in this process

     client  --->  Spliceway  --->  backend

  1  The backend listens on 127.0.0.1:41001
     users.v1.Users and server reflection; it does not speak the PROXY protocol
  2  Spliceway listens in front of it on 127.0.0.1:41002
     proxy_protocol = "required"
  3  The client connects and, like a load balancer, sends a PROXY line first
     > PROXY TCP4 203.0.113.7 192.0.2.10 40312 50051
  4  It begins HTTP/2 and waits for SETTINGS, as most gRPC clients do
     < SETTINGS after 2.3 ms
  5  It adds two users; the first request decides the route
     > AddUser  Zoë 🦀 Lovelace
     < id 1
     > AddUser  Grace Hopper
     < id 2
  6  It asks for all users; the backend streams them
     > GetUsers
     < 1  Zoë 🦀 Lovelace
     < 2  Grace Hopper
  7  It has what it sent and closes the connection

What Spliceway saw

     client     203.0.113.7:40312  as the PROXY line says
     peer       127.0.0.1:50512  as TCP says
     protocol   h2c
     authority  users.example
     path       /users.v1.Users/AddUser  of the first request
     route      default
     backend    127.0.0.1:41001
     to backend 1,234 bytes
     to client  567 bytes
     duration   9.9 ms
     close      client closed

Next, with a backend of your own

     spliceway run --listen :8080 --backend HOST:PORT
"#;
        assert_eq!(told(Palette::PLAIN), expected);
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let coloured = told(Palette::COLOUR);
        assert!(coloured.starts_with("\x1b[1mA gRPC client, "), "{coloured:?}");
        assert!(coloured.contains("     \x1b[36m<\x1b[0m SETTINGS after 2.3 ms\n"), "{coloured:?}");
        let mut stripped = coloured;
        for code in ["\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[0m"] {
            stripped = stripped.replace(code, "");
        }
        assert_eq!(stripped, told(Palette::PLAIN));
    }

    #[test]
    fn the_story_fits_80_columns() {
        for line in told(Palette::PLAIN).lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn names_cannot_disturb_the_terminal() {
        assert_eq!(displayed("a\x1b[2Jb\n"), r"a\u{1b}[2Jb\n");
        assert_eq!(displayed(&"é".repeat(40)), "é".repeat(40));
        assert_eq!(displayed(&"é".repeat(41)), format!("{}... (82 bytes)", "é".repeat(40)));
    }

    #[test]
    fn a_reader_that_goes_away_is_an_error() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = Story::new(&mut Closed, Palette::PLAIN).opening().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
