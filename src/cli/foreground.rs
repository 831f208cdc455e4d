//! A proxy in the foreground: started, served until a signal, drained, stopped.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Config;
use crate::limits;
use crate::log::{Log, Notice, Totals};
use crate::proxy::Proxy;
use crate::tap::reader::Observer;

/// Runs a proxy until it is told to stop. `started` is called when it accepts connections, `stopping` when the first
/// signal has come.
///
/// Catches signals before anything listens: who sees the notice that it listens may stop the proxy at once.
pub(super) fn serve(
    config: Config,
    log: &Log,
    observer: Option<Box<dyn Observer>>,
    started: impl FnOnce(&Proxy),
    stopping: impl FnOnce(),
) -> Result<(), String> {
    let no_signals = |error| format!("error: cannot wait for signals: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_signals)?;
    let mut signals = runtime.block_on(async { Signals::new() }).map_err(no_signals)?;
    let proxy = Proxy::start(config, log.clone(), observer).map_err(|error| format!("error: {error}"))?;
    started(&proxy);
    runtime.block_on(serving(&proxy, &mut signals, log));
    stopping();
    log.notice(Notice::Draining { open: usize::try_from(proxy.totals().open()).unwrap_or(usize::MAX) });
    proxy.drain();
    runtime.block_on(drained(&proxy, signals, log));
    proxy.stop();
    let totals = proxy.join();
    tell_requests(&totals, log);
    log.notice(Notice::Stopped { totals });
    Ok(())
}

fn tell_requests(totals: &Totals, log: &Log) {
    if !totals.requests.is_empty() {
        log.notice(Notice::Requests { totals: totals.requests.clone() });
    }
}

/// Says on standard error why a command failed: 0 after an orderly end, 1 if it could not start.
pub(super) fn exit_code(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // With standard error gone there is nowhere left to complain.
            drop(writeln!(io::stderr(), "{message}"));
            ExitCode::FAILURE
        }
    }
}

/// Tells the counts whenever they are asked for, until a signal to stop.
async fn serving(proxy: &Proxy, signals: &mut Signals, log: &Log) {
    while signals.next().await == Order::Tell {
        let totals = proxy.totals();
        tell_requests(&totals, log);
        log.notice(Notice::Counts { totals });
    }
}

/// Waits for the connections to end, a second signal or the deadline.
async fn drained(proxy: &Proxy, mut signals: Signals, log: &Log) {
    let drained = async {
        while !proxy.is_finished() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::select! {
        () = drained => {}
        () = serving(proxy, &mut signals, log) => {}
        () = tokio::time::sleep(limits::DRAIN_TIMEOUT) => {}
    }
}

/// SIGTERM is what service managers and Kubernetes send, SIGINT what a terminal sends, SIGQUIT what nginx users send.
/// SIGUSR1 asks for the counts.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    user: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.terminate.recv() => Order::Stop,
            _ = self.interrupt.recv() => Order::Stop,
            _ = self.quit.recv() => Order::Stop,
            _ = self.user.recv() => Order::Tell,
        }
    }
}

/// What a signal says.
#[derive(PartialEq, Eq)]
enum Order {
    Stop,
    Tell,
}

const LOOK_AGAIN: Duration = Duration::from_millis(20);
