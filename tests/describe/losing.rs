//! An observer that is stuck costs samples, and nothing else.

use std::sync::{Arc, Condvar, Mutex};
use std::time::SystemTime;

use spliceway::log::Summary;
use spliceway::tap::event::Direction;
use spliceway::tap::queue::Label;
use spliceway::tap::reader::Observer;

use crate::support::{Backend, DEADLINE, Front, noise, wait_until};

/// Blocks in the first sample until it is let go.
#[derive(Clone, Default)]
struct Stuck(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    is_free: bool,
    told_lost: usize,
    ended: usize,
}

impl Stuck {
    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.0.lock().unwrap())
    }

    fn let_go(&self) {
        self.state(|state| state.is_free = true);
        self.0.1.notify_all();
    }
}

impl Observer for Stuck {
    fn begin(&mut self, _label: &Label) {
        let guard = self.0.0.lock().unwrap();
        drop(self.0.1.wait_timeout_while(guard, DEADLINE, |state| !state.is_free).unwrap());
    }

    fn bytes(&mut self, _label: &Label, _direction: Direction, _at: SystemTime, _bytes: &[u8]) {}

    fn lost(&mut self, _label: &Label) {
        self.state(|state| state.told_lost += 1);
    }

    fn end(&mut self, _label: &Label, _summary: Option<&Summary>) {
        self.state(|state| state.ended += 1);
    }

    fn is_open(&self) -> bool {
        true
    }
}

#[test]
fn traffic_does_not_wait_for_an_observer_that_is_stuck() {
    let backend = Backend::listen();
    let stuck = Stuck::default();
    let config = crate::support::config("sample = \"1/1\"\ndetect = \"none\"", &[&backend]);
    let config = format!("{config}[tap]\nqueue_bytes = 65536\n");
    let front = Front::observed(&config, Some(Box::new(stuck.clone())));
    let bytes = noise(5, CONNECTION_BYTES);
    for _ in 0..CONNECTIONS {
        let mut client = front.connect();
        let mut served = backend.accept();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                client.sends(&bytes);
                client.finishes();
            });
            assert!(served.receive_all() == bytes);
        });
        served.finishes();
    }
    assert!(!stuck.state(|state| state.is_free), "it was stuck all the time");
    let counts = front.proxy().tap_counts();
    assert_eq!((counts.sampled, counts.lost), (CONNECTIONS, CONNECTIONS));

    stuck.let_go();
    let lost = usize::try_from(CONNECTIONS).unwrap();
    wait_until("every loss is told", || stuck.state(|state| (state.told_lost, state.ended)) == (lost, lost));
    for _ in 0..CONNECTIONS {
        assert_eq!(front.summary().to_backend.total(), CONNECTION_BYTES as u64);
    }
}

const CONNECTIONS: u64 = 4;
const CONNECTION_BYTES: usize = 16_000_000;
