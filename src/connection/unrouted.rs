//! Unrouted: how many connections of a shard are not routed yet, in total and by source, and how many may be.
//!
//! A connection that has said nothing costs its sender nothing, so whoever can open many of them could use up the
//! descriptors. A place is taken when a connection is accepted and given back when it is routed or ends. The source is
//! whom the connection is from: the peer, unless the peer is believed to say on whose behalf it connects; then the
//! source counts from the end of the PROXY header, since one load balancer is not one client.
//!
//! Never an allocation for each connection, and never a table that grows without bound: it has no more entries than
//! there are places taken. Each shard counts for itself, since a count of all would be memory that all of them write.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

use crate::limits::{Limit, Limits};

/// The places of a shard.
#[derive(Debug)]
pub(super) struct Unrouted {
    places: usize,
    places_per_source: usize,
    taken: Cell<usize>,
    by_source: RefCell<HashMap<Source, usize>>,
}

impl Unrouted {
    pub(super) fn new(limits: &Limits) -> Rc<Unrouted> {
        Rc::new(Unrouted {
            places: limits.count(Limit::UnroutedConnections),
            places_per_source: limits.count(Limit::UnroutedConnectionsPerSource),
            taken: Cell::new(0),
            by_source: RefCell::default(),
        })
    }

    /// Takes a place for a connection whose source is not known yet.
    pub(super) fn enter(self: &Rc<Self>) -> Result<Place, Limit> {
        if self.taken.get() >= self.places {
            return Err(Limit::UnroutedConnections);
        }
        self.taken.set(self.taken.get() + 1);
        Ok(Place { unrouted: Rc::clone(self), source: None })
    }
}

/// The place of a connection; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    unrouted: Rc<Unrouted>,
    source: Option<Source>,
}

impl Place {
    /// Counts the place to a source, unless it is counted to one already.
    pub(super) fn count_to(&mut self, address: IpAddr) -> Result<(), Limit> {
        if self.source.is_some() {
            return Ok(());
        }
        let source = Source::of(address);
        let mut by_source = self.unrouted.by_source.borrow_mut();
        let taken = by_source.entry(source).or_default();
        // An entry that was made just now is below the limit, which is at least 1: none is left behind at zero.
        if *taken >= self.unrouted.places_per_source {
            return Err(Limit::UnroutedConnectionsPerSource);
        }
        *taken += 1;
        self.source = Some(source);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.unrouted.taken.set(self.unrouted.taken.get().saturating_sub(1));
        let Some(source) = self.source else { return };
        let mut by_source = self.unrouted.by_source.borrow_mut();
        if let Some(taken) = by_source.get_mut(&source) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                by_source.remove(&source);
            }
        }
    }
}

/// What counts as one source: an IPv4 address, or the network of 64 bits that an IPv6 host can choose its address from
/// (RFC 4291 section 2.5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Source(u128);

impl Source {
    fn of(address: IpAddr) -> Source {
        match address.to_canonical() {
            IpAddr::V4(address) => Source(u128::from(address.to_ipv6_mapped())),
            IpAddr::V6(address) => Source(u128::from(Ipv6Addr::from_bits(address.to_bits() & NETWORK_BITS))),
        }
    }
}

const NETWORK_BITS: u128 = !(u64::MAX as u128);

#[cfg(test)]
mod tests {
    use super::*;

    fn unrouted(places: u64, places_per_source: u64) -> Rc<Unrouted> {
        let mut limits = Limits::DEFAULT;
        limits.set(Limit::UnroutedConnections, places);
        limits.set(Limit::UnroutedConnectionsPerSource, places_per_source);
        Unrouted::new(&limits)
    }

    fn enter(unrouted: &Rc<Unrouted>, address: &str) -> Result<Place, Limit> {
        let mut place = unrouted.enter()?;
        place.count_to(address.parse().unwrap())?;
        Ok(place)
    }

    #[test]
    fn places_are_given_back() {
        let unrouted = unrouted(2, 2);
        let first = enter(&unrouted, "192.0.2.1").unwrap();
        let second = unrouted.enter().unwrap();
        assert_eq!(unrouted.enter().unwrap_err(), Limit::UnroutedConnections);
        drop(first);
        let third = enter(&unrouted, "192.0.2.2").unwrap();
        assert_eq!(unrouted.enter().unwrap_err(), Limit::UnroutedConnections);
        drop((second, third));
        assert_eq!(unrouted.taken.get(), 0);
    }

    #[test]
    fn a_source_has_places_of_its_own() {
        let unrouted = unrouted(10, 2);
        let held = [enter(&unrouted, "192.0.2.1"), enter(&unrouted, "192.0.2.1")].map(Result::unwrap);
        assert_eq!(enter(&unrouted, "192.0.2.1").unwrap_err(), Limit::UnroutedConnectionsPerSource);
        assert_eq!(enter(&unrouted, "::ffff:192.0.2.1").unwrap_err(), Limit::UnroutedConnectionsPerSource);
        drop(enter(&unrouted, "192.0.2.2").unwrap());
        assert_eq!(unrouted.taken.get(), 2, "who is refused holds no place");
        drop(held);
        drop(enter(&unrouted, "192.0.2.1").unwrap());
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_source() {
        let unrouted = unrouted(10, 1);
        let held = enter(&unrouted, "2001:db8:0:1::1").unwrap();
        assert_eq!(
            enter(&unrouted, "2001:db8:0:1:ffff:ffff:ffff:ffff").unwrap_err(),
            Limit::UnroutedConnectionsPerSource
        );
        drop(enter(&unrouted, "2001:db8:0:2::1").unwrap());
        drop(held);
        drop(enter(&unrouted, "2001:db8:0:1::2").unwrap());
    }

    #[test]
    fn the_table_has_no_more_entries_than_places_are_taken() {
        let unrouted = unrouted(100, 100);
        let held: Vec<Place> = (0..100).map(|last| enter(&unrouted, &format!("192.0.2.{last}")).unwrap()).collect();
        assert_eq!(unrouted.by_source.borrow().len(), 100);
        assert_eq!(enter(&unrouted, "192.0.2.200").unwrap_err(), Limit::UnroutedConnections);
        assert_eq!(unrouted.by_source.borrow().len(), 100);
        drop(held);
        assert!(unrouted.by_source.borrow().is_empty());
    }

    #[test]
    fn a_source_is_counted_once() {
        let unrouted = unrouted(10, 1);
        let mut place = enter(&unrouted, "192.0.2.1").unwrap();
        assert_eq!(place.count_to("192.0.2.2".parse().unwrap()), Ok(()));
        drop(enter(&unrouted, "192.0.2.2").unwrap());
        drop(place);
        drop(enter(&unrouted, "192.0.2.1").unwrap());
    }
}
