//! A running `spliceway describe`, and what it prints.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::Signal;

use crate::support::process::{spliceway, wait};
use crate::support::{Backend, DEADLINE, Peer, wait_until};

/// `spliceway describe` in front of a backend. It is killed when the test fails.
pub(crate) struct Session {
    child: Child,
    address: SocketAddr,
    backend: String,
    notes: Receiver<String>,
    out: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Session {
    /// In front of `backend`, on a port of the kernel's choice.
    pub(crate) fn start(backend: &Backend, arguments: &[&str]) -> Session {
        let mut session = Session::silent(backend, "127.0.0.1:0", arguments);
        let mut output = session.child.stdout.take().unwrap();
        let out = Arc::clone(&session.out);
        session.reader = Some(std::thread::spawn(move || {
            let mut piece = [0; 65_536];
            while let Ok(read @ 1..) = output.read(&mut piece) {
                out.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..read]));
            }
        }));
        session
    }

    /// One whose standard output nobody reads.
    pub(crate) fn silent(backend: &Backend, listen: &str, arguments: &[&str]) -> Session {
        let mut command: Command = spliceway();
        command.args(["describe", "--listen", listen, "--backend", &backend.address()]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let (sender, notes) = channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let listening = next(&notes, "listening on ");
        let (_, address) = listening.split_once("listening on ").unwrap();
        let address = address.split([',', ' ']).next().unwrap().parse().expect("an address");
        Session { child, address, backend: backend.address(), notes, out: Arc::default(), reader: None }
    }

    /// Nobody will ever read standard output.
    pub(crate) fn closes_output(&mut self) {
        drop(self.child.stdout.take());
    }

    pub(crate) fn connect(&self) -> Peer {
        Peer::connect(self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next line on standard error that contains this.
    #[track_caller]
    pub(crate) fn note(&self, part: &str) -> String {
        next(&self.notes, part)
    }

    /// Waits until this was printed.
    #[track_caller]
    pub(crate) fn prints(&self, part: &str) {
        wait_until(part, || self.out.lock().unwrap().contains(part));
    }

    /// Ends it in an orderly way; everything that it printed, with names in the place of ports.
    #[track_caller]
    pub(crate) fn ends(mut self, client: &Peer) -> String {
        self.terminates();
        self.reader.take().unwrap().join().unwrap();
        let out = self.out.lock().unwrap().clone();
        let port = format!("port {}\n", self.address.port());
        out.replace(&client.address().to_string(), "CLIENT")
            .replace(&self.backend, "BACKEND")
            .replace(&port, "port N\n")
    }

    /// Ends it in an orderly way.
    #[track_caller]
    pub(crate) fn terminates(&mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, Signal::TERM).unwrap();
        assert_eq!(wait(&mut self.child).code(), Some(0));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It has ended already in a test that went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[track_caller]
fn next(notes: &Receiver<String>, part: &str) -> String {
    loop {
        match notes.recv_timeout(DEADLINE) {
            Ok(line) if line.contains(part) => return line,
            Ok(_) => {}
            Err(error) => panic!("no {part:?} on standard error: {error}"),
        }
    }
}
