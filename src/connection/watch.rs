//! Watch: what is known of a connection goes with it, so that its later requests can be judged as the first one was.

use std::sync::Arc;
use std::time::Duration;

use super::close::Record;
use super::context::Context;
use crate::bridge::{Judge, Sequel, Watch};
use crate::config::OnMismatch;
use crate::limits;
use crate::log::ConnectionId;
use crate::relay::Watching;
use crate::route::PoolId;
use crate::tap::sampler;
use crate::wire::head::RequestHead;

/// How the connection is watched, if its listener wants it to be. `introduction`: bytes that the backend gets before the
/// replay.
pub(super) fn watching(
    first: RequestHead,
    sequel: Sequel,
    introduction: usize,
    pool: PoolId,
    record: &Record,
    context: &Context,
) -> Option<Watching> {
    let listener = context.listener(record.listener());
    let wanted = listener.watch?;
    let name: Arc<str> = listener.name.as_str().into();
    let tlvs = record.header().map(|header| header.tlvs().map(|tlv| (tlv.kind, tlv.value.into())).collect());
    let judge = Judge {
        routes: Arc::clone(&context.config.routes),
        listener: Arc::clone(&name),
        source: record.client(),
        destination: record.destination(),
        tlvs: tlvs.unwrap_or_default(),
        default_pool: listener.default_pool,
        pool,
        route: record.route().unwrap_or_default().to_owned(),
    };
    let behind = introduction + sequel.behind;
    Some(Watching {
        watch: Watch::new(judge, sequel, wanted.on_mismatch == OnMismatch::Close),
        first,
        behind,
        id: record.id(),
        listener: name,
        on_mismatch: wanted.on_mismatch,
        max_age: wanted.max_connection_age.map(|age| jittered(age, record.id())),
    })
}

/// A little more or less than `age`, the same for the same connection: those that came together do not leave together.
fn jittered(age: Duration, id: ConnectionId) -> Duration {
    age.mul_f64(1.0 - limits::AGE_JITTER + 2.0 * limits::AGE_JITTER * sampler::fraction(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_differ_by_a_tenth_to_either_side() {
        let ages: Vec<Duration> =
            (1..=1_000).map(|number| jittered(Duration::from_secs(600), ConnectionId { shard: 0, number })).collect();
        let (first, last) = (ages.iter().min().unwrap(), ages.iter().max().unwrap());
        assert!((540..550).contains(&first.as_secs()), "{first:?}");
        assert!((650..=660).contains(&last.as_secs()), "{last:?}");
        assert_eq!(ages[0], jittered(Duration::from_secs(600), ConnectionId { shard: 0, number: 1 }));
    }
}
