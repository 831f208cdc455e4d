//! What only a ring has: buffers that grow, late cancellations, threads that it must not start.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test says what it expects, and everything else fails it")]

use std::io::Write;
use std::sync::Arc;

use super::*;
use crate::limits;
use crate::relay::io::tests::{DEADLINE, connection, engine, event, flood, pattern};

#[test]
fn the_probe_agrees() {
    Ring::probe().unwrap();
}

#[test]
fn buffers_are_added_up_to_the_limit() {
    let mut ring: Ring = engine();
    let mut counts = vec![ring.buffers.count()];
    for _ in 0..5 {
        ring.buffers.grow();
        counts.push(ring.buffers.count());
    }
    assert_eq!(counts, [32, 64, 128, 256, 512, 512]);
}

#[test]
fn a_flood_that_finds_no_buffer_gets_more_and_loses_nothing() {
    let mut ring: Ring = engine();
    let sent = Arc::new(pattern(1 << 20));
    let peers: Vec<_> = (0..4)
        .map(|number| {
            let (ours, peer) = connection();
            let token = ring.add(ours, Tag(number)).unwrap();
            ring.receive(token);
            flood(peer, Arc::clone(&sent))
        })
        .collect();
    let mut received = vec![Vec::new(); 4];
    let mut ended = 0;
    // What the kernel has no buffer for it says so of, and begins anew.
    while ended < 4 {
        // Kept for a while, as nobody may: so they run out for certain.
        let mut kept = Vec::new();
        ring.wait(Some(DEADLINE)).unwrap();
        while let Some(event) = ring.next() {
            match event {
                Event::Received(tag, chunk) => kept.push((tag, chunk)),
                Event::Ended(_) => ended += 1,
                event => panic!("{event:?}"),
            }
        }
        if ring.buffers.count() == limits::RING_BUFFERS_FIRST {
            ring.wait(Some(Duration::ZERO)).unwrap();
        }
        for (tag, chunk) in kept {
            received[tag.0 as usize].extend_from_slice(ring.bytes(&chunk));
            ring.release(chunk);
        }
    }
    for peer in peers {
        peer.join().unwrap();
    }
    assert!(received.iter().all(|received| *received == *sent));
    assert!(ring.buffers.count() > limits::RING_BUFFERS_FIRST);
}

#[test]
fn a_receive_between_two_buffers_stops_at_once() {
    let mut ring: Ring = engine();
    let (ours, _peer) = connection();
    let token = ring.add(ours, Tag(1)).unwrap();
    ring.receive(token);
    ring.wait(Some(Duration::ZERO)).unwrap();
    // As if no buffer had been there.
    ring.sockets.find_mut(token).unwrap().pending.end(Kind::Receive);
    ring.interrupted.push(token);
    ring.stop_receiving(token);
    assert!(matches!(ring.next(), Some(Event::Stopped(Tag(1)))));
    ring.resume();
    assert!(ring.sockets.find(token).unwrap().pending.is_empty(), "it is not begun anew");
}

#[test]
fn a_cancellation_that_comes_too_late_meets_nobody() {
    let mut ring: Ring = engine();
    let (ours, peer) = connection();
    let token = ring.add(ours, Tag(1)).unwrap();
    ring.receive(token);
    ring.wait(Some(Duration::ZERO)).unwrap();
    drop(peer);
    while !ring.has_events() {
        ring.wait(Some(DEADLINE)).unwrap();
    }
    // The receive has ended in the kernel, but we do not know yet.
    ring.remove(token);
    assert_eq!(ring.open(), 1);
    assert!(ring.next().is_none());
    assert_eq!(ring.open(), 0);
    let (ours, mut peer) = connection();
    let other = ring.add(ours, Tag(2)).unwrap();
    assert_eq!(other.slot, token.slot);
    ring.receive(other);
    assert_eq!(ring.stale(), 0);
    peer.write_all(b"mine").unwrap();
    let Event::Received(Tag(2), chunk) = event(&mut ring) else { panic!() };
    assert_eq!(ring.bytes(&chunk), b"mine");
    ring.release(chunk);
    assert_eq!(ring.stale(), 1);
}

#[test]
fn more_orders_than_the_queue_has_places_are_all_carried_out() {
    let mut ring: Ring = engine();
    let (ours, _peer) = connection();
    let count = limits::RING_SUBMISSIONS * 3;
    for number in 0..count {
        let token = ring.add(ours.try_clone().unwrap(), Tag(number)).unwrap();
        ring.await_writable(token);
    }
    let mut tags: Vec<_> = (0..count).map(|_| event(&mut ring)).collect();
    let number = |event: &Event| if let Event::Writable(tag) = event { tag.0 } else { panic!("{event:?}") };
    tags.sort_by_key(number);
    assert!(tags.iter().map(number).eq(0..count));
}

#[test]
fn more_completions_than_the_queue_has_places_are_all_told() {
    let mut ring: Ring = engine();
    let (ours, peer) = connection();
    let count = limits::RING_COMPLETIONS + 200;
    for number in 0..count {
        let token = ring.add(ours.try_clone().unwrap(), Tag(number)).unwrap();
        ring.await_readable(token);
    }
    ring.wait(Some(Duration::ZERO)).unwrap();
    drop(peer);
    for _ in 0..count {
        assert!(matches!(event(&mut ring), Event::Readable(_)));
    }
    assert_eq!(ring.wait(Some(Duration::ZERO)).unwrap(), Waited::TimedOut);
}

/// Operations that can block go to workers of the kernel, which are threads of this process.
#[test]
fn no_worker_of_the_kernel_is_started() {
    a_flood_that_finds_no_buffer_gets_more_and_loses_nothing();
    a_cancellation_that_comes_too_late_meets_nobody();
    let names = std::fs::read_dir("/proc/self/task").unwrap().filter_map(|task| {
        // A thread may have ended meanwhile.
        std::fs::read_to_string(task.unwrap().path().join("comm")).ok()
    });
    let workers: Vec<_> = names.filter(|name| name.contains("iou-wrk")).collect();
    assert!(workers.is_empty(), "{workers:?}");
}
