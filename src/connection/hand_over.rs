//! Hand-over: a connection that is set up, and all that is known of it, becomes the relay's.

use std::time::Duration;

use super::close::{Close, Record};
use super::context::Context;
use super::inspect::Inspected;
use super::ledger::Ledger;
use super::watch;
use crate::bridge::{Answerer, Opened};
use crate::limits;
use crate::log::{Bytes, Cause, CloseReason, Side};
use crate::relay::{End, Flow, Handshake, NotTaken, Owner};
use crate::route::PoolId;
use crate::sys::socket::Socket;

/// A connection that only needs to be relayed.
pub(super) struct Ready {
    pub(super) backend: Socket,
    /// The PROXY header that the backend gets; empty: none.
    pub(super) introduction: Vec<u8>,
    pub(super) inspected: Inspected,
    pub(super) pool: PoolId,
    pub(super) idle_timeout: Duration,
}

/// Gives the connection to the shard's relay, and with it everything that is known of it.
pub(super) async fn hand_over(client: Socket, ready: Ready, record: Record, context: &Context) {
    let Ready { backend, mut introduction, inspected, pool, idle_timeout } = ready;
    let (client, backend) = match (client.into_descriptor(), backend.into_descriptor()) {
        (Ok(client), Ok(backend)) => (client, backend),
        // Neither peer has done anything: it takes a descriptor more, and there was none.
        (Err(error), _) | (_, Err(error)) => return record.end(Close::failed(Side::Proxy, &error)),
    };
    let (replay, handshake, watching) = match inspected {
        Inspected::Http2(opened) => {
            let Opened { request, replay, bridge, answerer, sequel } = *opened;
            let watching = watch::watching(request, sequel, introduction.len(), pool, &record, context);
            (replay, Some(Handshake { bridge: Some(bridge), answerer: Answerer::Http2(answerer) }), watching)
        }
        Inspected::Http1(asked) => {
            let answerer = Answerer::Http1(asked.answerer);
            (asked.replay, Some(Handshake { bridge: None, answerer }), None)
        }
        Inspected::Tls(tls) => (tls.replay, None, None),
        Inspected::Other { bytes, .. } => (bytes, None, None),
    };
    // In front of everything else, and in the same write.
    introduction.extend(replay);
    let replay = introduction;
    let (owner, sample) = record.hand_over();
    give(Flow { client, backend, replay, handshake, watching, idle_timeout, sample, owner }, context).await;
    // Only now: a front without connections closes the queue.
    context.closed();
}

/// Waits for room in the relay's queue, unless the shard stops first.
async fn give(mut flow: Flow<Ledger>, context: &Context) {
    loop {
        match context.relay.hand_over(flow) {
            Ok(()) => return,
            Err(NotTaken::Closed(given_back)) => return end(*given_back, context),
            Err(NotTaken::Full(given_back)) => flow = *given_back,
        }
        tokio::select! {
            () = tokio::time::sleep(limits::HAND_OVER_PAUSE) => {}
            () = context.stop.notified() => return end(flow, context),
        }
    }
}

/// Ends a connection that the relay does not take any more.
fn end(flow: Flow<Ledger>, context: &Context) {
    let Flow { client, backend, sample, owner, .. } = flow;
    drop((client, backend));
    owner.ended(End {
        reason: CloseReason::proxy(Cause::Shutdown),
        detail: None,
        to_backend: Bytes::default(),
        to_client: Bytes::default(),
        requests: None,
        sample: sample.zip(context.tap.as_ref()).map(|(sample, tap)| tap.resume(sample)),
    });
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::rc::Rc;
    use std::sync::Arc;
    use std::sync::mpsc::Receiver;

    use super::*;
    use crate::config::Config;
    use crate::log::{Counters, Line, Log};
    use crate::relay;
    use crate::route::Protocol;
    use crate::sys::runtime::{Engine, Runtime};

    const CONFIG: &str = "[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\ndefault_pool = \"main\"\n\
                          [[pool]]\nname = \"main\"\nbackends = [\"127.0.0.1:1\"]\n";

    /// A shard whose relay has room for one connection and takes none, and how its connections end.
    fn shard() -> (Rc<Context>, Receiver<Line>, impl Sized) {
        let config = Config::from_text("test.toml", CONFIG, &|_| None).unwrap();
        let (log, lines) = Log::queue();
        let (relay, standstill) = relay::at_a_standstill(1).unwrap();
        let context = Context::new(Arc::new(config), 0, log, Arc::<Counters>::default(), None, relay);
        (Rc::new(context), lines, standstill)
    }

    fn socket() -> (Socket, UnixStream) {
        let (ours, peer) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Socket::accepted(ours.into()), peer)
    }

    /// Hands a new connection over; its client and its backend.
    async fn hand_one_over(context: &Rc<Context>) -> [UnixStream; 2] {
        let record = Record::new(context, 0, None);
        let (client, of_client) = socket();
        let (backend, of_backend) = socket();
        let inspected = Inspected::Other { protocol: Protocol::Opaque, bytes: Vec::new() };
        let idle_timeout = limits::IDLE_TIMEOUT;
        let ready = Ready { backend, introduction: Vec::new(), inspected, pool: PoolId(0), idle_timeout };
        tokio::time::timeout(DEADLINE, hand_over(client, ready, record, context)).await.expect("it waits for ever");
        [of_client, of_backend]
    }

    #[track_caller]
    fn assert_shut_down(context: &Context, lines: &Receiver<Line>, peers: [UnixStream; 2]) {
        assert_eq!(context.open(), 0);
        let Ok(Line::Summary(summary)) = lines.try_recv() else { panic!("no summary") };
        assert_eq!(summary.reason, CloseReason::proxy(Cause::Shutdown));
        for mut peer in peers {
            assert_eq!(peer.read(&mut [0]).unwrap(), 0);
        }
    }

    #[test]
    fn a_relay_that_takes_nothing_any_more_ends_the_connection() {
        let (context, lines, _standstill) = shard();
        context.relay.close();
        let peers = Runtime::new(Engine::Epoll).unwrap().block_on(hand_one_over(&context));
        assert_shut_down(&context, &lines, peers);
    }

    #[test]
    fn who_waits_for_room_hears_the_order_to_stop() {
        let (context, lines, _standstill) = shard();
        let peers = Runtime::new(Engine::Epoll).unwrap().block_on(async {
            let taken = hand_one_over(&context).await;
            assert!(context.relay.is_full());
            let stopping = async {
                while context.open() > 0 {
                    context.stop.notify_waiters();
                    tokio::task::yield_now().await;
                }
            };
            let (peers, ()) = tokio::join!(hand_one_over(&context), stopping);
            drop(taken);
            peers
        });
        assert_shut_down(&context, &lines, peers);
    }

    const DEADLINE: Duration = Duration::from_secs(20);
}
