//! What bad input gets, while a good client beside it notices nothing: one file for each kind of attack.
//!
//! Every test sends the attack over a socket and checks four things: what the attacker is told, the reason and the limit
//! that are counted, that calls of others are served meanwhile, and, where it matters, what it costs.

mod blocks;
mod crowd;
mod frames;
mod memory;
mod prefixes;
mod readings;
mod slow;

use spliceway::limits::Limit;
use spliceway::log::{Cause, Side, Summary};

use crate::support::h2::{self, eager_call, greeting};
use crate::support::{Backend, Front, Peer, config};

/// A proxy under attack, and the clients that it serves all the same.
#[derive(Debug)]
struct Siege {
    front: Front,
    backend: Backend,
    /// They stay, so that the next connection to end is the attacker's.
    served: Vec<(Peer, Peer)>,
}

impl Siege {
    /// A proxy with these keys in `[limits]`.
    #[track_caller]
    fn begin(limits: &str) -> Siege {
        Siege::at("", limits)
    }

    /// The same, with these keys of its listener.
    #[track_caller]
    fn at(listener: &str, limits: &str) -> Siege {
        let backend = Backend::listen();
        let front = Front::start(&format!("{}[limits]\n{limits}\n", config(listener, &[&backend])));
        Siege { front, backend, served: Vec::new() }
    }

    fn connect(&self) -> Peer {
        self.front.connect()
    }

    /// A client beside the attackers makes its call and gets its answer.
    #[track_caller]
    fn serves(&mut self) {
        self.serves_behind(b"", self.connect());
    }

    /// The same of this client, whose connection begins with a PROXY header.
    #[track_caller]
    fn serves_behind(&mut self, prefix: &[u8], mut client: Peer) {
        client.sends([prefix, &eager_call(&[])].concat());
        let mut served = self.backend.accept();
        served.receives(eager_call(&[]));
        let answer = [h2::settings(&[(3, 100)]), h2::SETTINGS_ACK.to_vec()].concat();
        served.sends(&answer);
        client.receives(&answer);
        self.served.push((client, served));
    }

    /// The attacker's connection ends for this reason, at this limit, and both are counted.
    #[track_caller]
    fn ends(&self, side: Side, cause: Cause, limit: Option<Limit>) -> Summary {
        let summary = self.front.closed(side, cause);
        assert_eq!(summary.limit, limit, "{summary:?}");
        let totals = self.front.proxy().totals();
        assert!(totals.count(summary.reason) > 0, "{totals}");
        if let Some(limit) = limit {
            assert!(totals.limited(limit) > 0, "{totals}");
            let value = format!("limits.{limit}");
            let told = summary.detail.as_deref().is_some_and(|detail| detail.contains(&value));
            assert!(told || !limit.is_configurable(), "the log names the key: {summary:?}");
        }
        summary
    }

    /// Behind preface and SETTINGS, `frames` are answered with GOAWAY of this stream and code, and counted at this limit.
    #[track_caller]
    fn calms(&mut self, frames: &[u8], stream: u32, limit: Limit) {
        self.sends_away(&[&greeting(), frames].concat(), (stream, h2::ENHANCE_YOUR_CALM), Cause::Limit, Some(limit));
    }

    /// A client that opens with these bytes is told GOAWAY; nothing of it reaches the backend, and others are served.
    #[track_caller]
    fn sends_away(&mut self, opening: &[u8], goaway: (u32, u32), cause: Cause, limit: Option<Limit>) {
        let mut attacker = self.connect();
        attacker.sends(opening);
        self.serves();
        assert_eq!(attacker.receives_goaway(), goaway);
        drop(attacker);
        let summary = self.ends(Side::Client, cause, limit);
        assert_eq!(summary.to_backend.total(), 0);
        self.serves();
        assert!(self.backend.is_left_alone());
    }
}

impl Drop for Siege {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // Whoever was let in before is still there: both ways, and with nothing in between that is not theirs.
        for (client, served) in &mut self.served {
            client.sends(h2::SETTINGS_ACK);
            served.receives(h2::SETTINGS_ACK);
            served.sends("still there");
            client.receives("still there");
        }
    }
}
