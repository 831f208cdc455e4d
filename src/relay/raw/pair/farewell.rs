//! Last words: the connection is over, and the client is told why before it is closed.

use super::super::super::io::Io;
use super::super::super::{Handshake, Owner};
use super::super::direction::{Direction, Intake};
use super::super::gear::Gear;
use super::super::outcome::{Finish, How, Outcome, unusable_backend};
use super::super::socket;
use super::aside::{Aside, Farewell};
use super::{BACKEND, CLIENT, Pair};
use crate::tap::event::Direction as Way;
use std::time::Duration;

impl<O: Owner> Pair<O> {
    /// Begins to tell the client why it is over; `false` if there is nothing to tell, or it is told. What the client has
    /// not taken yet goes first.
    pub(in super::super) fn begin_farewell(&mut self, gear: &mut Gear<impl Io>, finish: &Finish) -> bool {
        let Some(aside) = self.aside.as_deref_mut().filter(|_| finish.how == How::Answer) else { return false };
        let Some(words) = aside.last_words(finish) else { return false };
        aside.copy(Way::ToClient, &words);
        aside.farewell = Some(Farewell { finish: finish.clone(), discarded: 0, is_swept: false });
        if self.directions[CLIENT].holds_bytes() {
            // The backend must not take what it got for all there was.
            socket::reset_on_close(gear.io.descriptor(self.sockets[BACKEND]));
        }
        // What the client still sends is received, and no longer spliced to a socket that is gone.
        self.directions[CLIENT].calm_down(gear, self.ends(CLIENT));
        gear.io.remove(self.sockets[BACKEND]);
        self.quiet = Duration::ZERO;
        self.reset_by = None;
        let mut answer = self.directions[BACKEND].backlog.take();
        answer.extend(words);
        let answering = Direction::new(answer);
        let answered = std::mem::replace(&mut self.directions[BACKEND], answering);
        self.directions[BACKEND].bytes = answered.bytes;
        // The answer is all there is, and the end follows it.
        self.directions[BACKEND].source_ended = true;
        self.flush(gear, BACKEND);
        self.go_on(gear).is_none()
    }

    pub(super) fn go_on_with_farewell(&mut self, gear: &mut Gear<impl Io>) -> Option<Finish> {
        let ends = self.ends(BACKEND);
        let progress = self.directions[BACKEND].arrange(gear, ends);
        self.progressed(gear, BACKEND, progress);
        let client = &mut self.directions[CLIENT];
        if client.intake == Intake::Shut && !client.source_ended {
            client.intake = Intake::Open;
            gear.io.receive(self.sockets[CLIENT]);
        }
        let is_over = match self.directions[BACKEND].outcome {
            None => false,
            // Delivered, end and all; a client that had ended before has nothing more to be read.
            Some(Outcome::Ended) => self.directions[CLIENT].source_ended,
            Some(_) => true,
        };
        self.farewell().filter(|_| is_over).map(|farewell| farewell.finish.clone())
    }

    pub(super) fn farewell(&mut self) -> Option<&mut Farewell> {
        self.aside.as_deref_mut()?.farewell.as_mut()
    }
}

impl Aside {
    /// What the client is told at the end: the refusal of a request, which rule it broke, or an answer in the backend's
    /// place.
    fn last_words(&mut self, finish: &Finish) -> Option<Vec<u8>> {
        // Nothing of the backend matters any more, so nobody may ask whether we could answer for it.
        let handshake = self.handshake.take();
        let refusal = self.watched.as_mut().and_then(|watched| watched.last_words.take());
        refusal.or_else(|| self.goaway.take()).or_else(|| {
            let handshake = handshake.filter(Handshake::is_answerable)?;
            let last = self.watched.as_ref().and_then(|watched| watched.watch.last_passed());
            Some(handshake.answer(&unusable_backend(finish.reason.cause), last))
        })
    }
}
