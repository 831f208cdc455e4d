//! The way of a connection, one file a step.
//!
//! ```text
//!         accept        peek          inspect        route     connect        relay          close
//! client ───●────────────●───────────────●─────────────◇──────────●─────────────●──────────────●
//!           │ SO_REUSE-  │ MSG_PEEK:     │ bridge: 1st │ backend  │ socket to   │ handed over  │ counted once,
//!           │ PORT, one  │ PROXY header? │ HEADERS; or │ chosen   │ backend up  │ by value;    │ one summary
//!           │ a shard    │               │ HTTP/1 head,│          │ (next one   │ ends by      │ line
//!           │            │               │ ClientHello │          │ if refused) │ itself       │
//!           └────────────┴───────────────┴─────────────┴──────────┴─────────────┴──────────────┘
//!    ● waits for the kernel     ◇ a decision, a plain function
//! ```
//!
//! `serve` reads top to bottom and runs once a connection, so clarity wins over speed in it. Every wait has a deadline
//! and every buffer a limit (`crate::limits`). Any step may end the connection: with a reason that is counted, and, where
//! the client speaks a protocol that has one, with an answer.
//!
//! Beside the steps: `unrouted` counts who is in the middle of them, `introduce` writes the PROXY header that goes ahead of
//! the replay, `watch` gathers what later requests are judged by, `ledger` ends a connection from the relay's thread.

mod accept;
mod close;
mod connect;
mod context;
mod hand_over;
mod inspect;
mod introduce;
mod ledger;
mod peek;
mod route;
mod unrouted;
mod watch;

pub use accept::Accepted;
pub use context::Context;
pub use ledger::Ledger;

use std::rc::Rc;

use crate::log::{Cause, CloseReason};
use crate::sys::runtime;
use crate::sys::socket::Socket;
use close::{Close, Record};
use hand_over::{Ready, hand_over};

/// Takes a connection up. It is counted before this returns, so that a shard that drains waits for it.
pub fn start(accepted: Accepted, context: &Rc<Context>) {
    let (client, record, entered) = accepted.begin(context);
    match entered {
        Ok(()) => {
            runtime::spawn(serve(client, record, Rc::clone(context)));
        }
        Err(close) => {
            // At once and without a word: nobody in a crowd is worth a task.
            drop(client);
            record.end(close);
        }
    }
}

/// Serves a connection from its acceptance until it is closed or handed to the relay.
async fn serve(client: Socket, mut record: Record, context: Rc<Context>) {
    let set_up = tokio::select! {
        biased;
        set_up = set_up(&client, &mut record, &context) => set_up,
        () = context.stop.notified() => Err(Close::silent(CloseReason::proxy(Cause::Shutdown))),
    };
    match set_up {
        Ok(ready) => hand_over(client, ready, record, &context).await,
        Err(close) => close.carry_out(client, record).await,
    }
}

async fn set_up(client: &Socket, record: &mut Record, context: &Context) -> Result<Ready, Close> {
    let listener = context.listener(record.listener());
    let limits = &context.config.limits;

    let prefix = peek::proxy_prefix(client, listener, limits, record).await?;
    record.prefix(prefix);
    record.count_to(record.client())?;

    let inspected = inspect::inspect(client, listener, limits, record).await?;
    let pool = route::choose(&inspected, listener, record, context)?;
    record.routed();

    let backend = connect::connect(client, pool, &inspected, record, context).await?;
    let idle_timeout = context.pool(pool).idle_timeout;
    let introduction = context.pool(pool).send_proxy.map(|how| record.introduce(how, listener)).unwrap_or_default();
    Ok(Ready { backend, introduction, inspected, pool, idle_timeout })
}
