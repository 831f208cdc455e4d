//! Crowds: connections that are opened, and not used.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use spliceway::limits::Limit;
use spliceway::log::{Cause, Side};

use super::Siege;
use crate::support::h2::{self, eager_call, greeting};
use crate::support::peer::BlackHole;
use crate::support::{Backend, DEADLINE, Front, Peer, config, wait_until};

/// A client whose address is this one of loopback's.
#[track_caller]
fn connect_from(source: [u8; 4], siege: &Siege) -> Peer {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::from(source), 0)).into()).unwrap();
    socket.connect_timeout(&siege.front.address().into(), DEADLINE).expect("the proxy accepts");
    socket.set_tcp_nodelay(true).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    Peer { stream: socket.into() }
}

/// It is closed at once, without a word.
#[track_caller]
fn is_turned_away(mut client: Peer, siege: &Siege, side: Side, limit: Limit) {
    client.receives_end();
    drop(client);
    let summary = siege.ends(side, Cause::Limit, Some(limit));
    assert_eq!((summary.to_backend.total(), summary.to_client.total()), (0, 0));
}

fn accepted(siege: &Siege, count: u64) {
    wait_until("they are accepted", || siege.front.proxy().totals().accepted == count);
}

#[test]
fn a_source_has_so_many_places_before_it_asks_for_something() {
    let mut siege = Siege::begin("unrouted_connections_per_source = 3");
    let from = [127, 0, 0, 7];
    let mut crowd: Vec<Peer> = (0..3).map(|_| connect_from(from, &siege)).collect();
    accepted(&siege, 3);
    for _ in 0..5 {
        is_turned_away(connect_from(from, &siege), &siege, Side::Client, Limit::UnroutedConnectionsPerSource);
    }
    assert_eq!(siege.front.proxy().totals().limited(Limit::UnroutedConnectionsPerSource), 5);
    // Others are none of its business.
    siege.serves();
    // Who asks for something gives its place back, and so does who leaves.
    siege.serves_behind(b"", crowd.remove(0));
    siege.serves_behind(b"", connect_from(from, &siege));
    drop(crowd.remove(0));
    siege.front.probed(1);
    siege.serves_behind(b"", connect_from(from, &siege));
}

#[test]
fn idle_channels_take_places_too() {
    let mut siege = Siege::begin("unrouted_connections_per_source = 2");
    let mut idle: Vec<Peer> = (0..2).map(|_| siege.connect()).collect();
    for client in &mut idle {
        client.sends(greeting());
        client.receives(h2::OWN_SETTINGS);
    }
    is_turned_away(siege.connect(), &siege, Side::Client, Limit::UnroutedConnectionsPerSource);
    siege.serves_behind(b"", connect_from([127, 0, 0, 8], &siege));
}

#[test]
fn all_sources_together_have_so_many_places() {
    let mut siege = Siege::begin("unrouted_connections = 4");
    let mut crowd: Vec<Peer> = (1..=4).map(|last| connect_from([127, 0, 1, last], &siege)).collect();
    accepted(&siege, 4);
    // Whoever it is that comes fifth: it is not its doing.
    is_turned_away(connect_from([127, 0, 1, 5], &siege), &siege, Side::Proxy, Limit::UnroutedConnections);
    siege.serves_behind(b"", crowd.remove(0));
    siege.serves();
}

#[test]
fn behind_a_load_balancer_the_source_is_the_client_that_it_names() {
    let listener = "proxy_protocol = \"required\"\ntrusted = [\"127.0.0.0/8\"]";
    let mut siege = Siege::at(listener, "unrouted_connections_per_source = 2");
    let header = |client: &str| format!("PROXY TCP4 {client} 192.0.2.1 40312 443\r\n");
    let mut crowd = Vec::new();
    for _ in 0..2 {
        let mut client = siege.connect();
        client.sends([header("203.0.113.7").as_bytes(), &greeting()].concat());
        client.receives(h2::OWN_SETTINGS);
        crowd.push(client);
    }
    let mut third = siege.connect();
    third.sends(header("203.0.113.7"));
    is_turned_away(third, &siege, Side::Client, Limit::UnroutedConnectionsPerSource);
    for client in ["203.0.113.8", "203.0.113.9", "203.0.113.10"] {
        siege.serves_behind(header(client).as_bytes(), siege.connect());
    }
    // The balancer itself has no more than one place for each of its connections, whatever it names.
    let prefix = "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n";
    siege.serves_behind(prefix.as_bytes(), siege.connect());
}

#[test]
fn who_is_not_trusted_is_counted_by_its_own_address() {
    let listener = "proxy_protocol = \"optional\"\ntrusted = [\"127.0.9.0/24\"]";
    let mut siege = Siege::at(listener, "unrouted_connections_per_source = 2");
    let crowd: Vec<Peer> = (0..2).map(|_| siege.connect()).collect();
    accepted(&siege, 2);
    is_turned_away(siege.connect(), &siege, Side::Client, Limit::UnroutedConnectionsPerSource);
    siege.serves_behind(b"", connect_from([127, 0, 9, 1], &siege));
    drop(crowd);
}

#[test]
fn who_waits_for_a_backend_has_a_route_and_takes_no_place() {
    let (backend, hole) = (Backend::listen(), BlackHole::new());
    let configured = config("", &[&backend]).replace(&backend.address(), &hole.address());
    let front = Front::start(&format!("{configured}[limits]\nunrouted_connections_per_source = 1\n"));
    let mut waiting = front.connect();
    waiting.sends(eager_call(&[]));
    wait_until("its place is free", || {
        let mut next = front.connect();
        let mut heard = [0; h2::OWN_SETTINGS.len()];
        next.stream.write_all(&greeting()).and_then(|()| next.stream.read_exact(&mut heard)).is_ok()
    });
    assert!(!waiting.hears_something_within(Duration::from_millis(1)), "it waits all the while");
}
