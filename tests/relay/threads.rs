//! The kernel's workers: every operation must be done where it is submitted.

use super::RAW;
use super::plan::Random;
use crate::support::measure::threads;
use crate::support::pair::Pair;
use crate::support::process::start_configured;
use crate::support::{Backend, config};

/// A request that io_uring cannot do at once without waiting it gives to a worker thread, `iou-wrk-PID`: a hundred
/// microseconds for each, and in the worst case a thread for each connection.
#[test]
fn no_work_is_left_to_worker_threads() {
    let backend = Backend::listen();
    let (process, address) = start_configured(&config(RAW, &[&backend]), ":");
    let mut pairs: Vec<Pair> = (0..200).map(|_| Pair::connect(address, &backend)).collect();
    let mut random = Random::new(11);
    for _ in 0..10 {
        for pair in &mut pairs {
            match random.below(10) {
                0 => pair.exchange(600_000, 600_000),
                1 => pair.exchange(2_000_000, 0),
                _ => pair.ping_pong(),
            }
            // Looked at often: an idle worker ends after some seconds.
            let workers: Vec<String> =
                threads(process.id()).into_iter().filter(|name| name.starts_with("iou-wrk")).collect();
            assert!(workers.is_empty(), "{workers:?}");
        }
    }
    pairs.into_iter().for_each(Pair::finish);
}
