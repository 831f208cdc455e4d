//! Noticing that a connection is idle without looking at a clock for every message.

use std::cell::Cell;
use std::time::Duration;

/// Counts whatever moves.
#[derive(Debug, Default)]
pub(super) struct Activity {
    moves: Cell<u64>,
}

impl Activity {
    /// Something moved.
    pub(super) fn note(&self) {
        self.moves.set(self.moves.get().wrapping_add(1));
    }

    /// Waits until nothing has moved for `timeout`, or up to a quarter longer.
    pub(super) async fn idle(&self, timeout: Duration) {
        let mut quiet_quarters = 0;
        while quiet_quarters < QUARTERS {
            let before = self.moves.get();
            tokio::time::sleep(timeout / QUARTERS).await;
            quiet_quarters = if self.moves.get() == before { quiet_quarters + 1 } else { 0 };
        }
    }
}

const QUARTERS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_move_starts_the_wait_anew() {
        let activity = Activity::default();
        let start = tokio::time::Instant::now();
        let mover = async {
            tokio::time::sleep(Duration::from_secs(90)).await;
            activity.note();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = activity.idle(Duration::from_secs(100)) => {}
            () = mover => {}
        }
        let waited = start.elapsed().as_secs();
        assert!((190..=225).contains(&waited), "waited {waited} s");
    }
}
