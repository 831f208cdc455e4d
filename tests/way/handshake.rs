//! The HTTP/2 handshake between a client that waits and backends with habits of their own.

use crate::support::h2::{self, frame, greeting, settings};
use crate::support::{Backend, Front, Peer};

/// A client that has waited for SETTINGS and made its call, and the backend that has it.
fn called(front: &Front, backend: &Backend) -> (Peer, Peer) {
    let mut client = front.connect();
    client.sends(greeting());
    client.receives(h2::OWN_SETTINGS);
    client.sends([&h2::SETTINGS_ACK[..], &h2::call(1, &[])].concat());
    let mut served = backend.accept();
    served.receives([greeting(), h2::call(1, &[])].concat());
    (client, served)
}

#[test]
fn the_first_settings_of_the_backend_are_completed() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    for (said, heard) in [
        // The setting 0x9 may not change behind ours (RFC 9218 section 2.1).
        (settings(&[(9, 1), (3, 250)]), settings(&[(3, 250)])),
        // Without MAX_CONCURRENT_STREAMS, ours would stay in force.
        (settings(&[(4, 1_000_000)]), settings(&[(4, 1_000_000), (3, 0x7fff_ffff)])),
        (settings(&[]), settings(&[(3, 0x7fff_ffff)])),
    ] {
        let (mut client, mut served) = called(&front, &backend);
        served.sends(&said);
        client.receives(&heard);
        // Later ones are the backend's own business.
        served.sends([settings(&[(9, 1)]), h2::SETTINGS_ACK.to_vec()].concat());
        client.receives([settings(&[(9, 1)]), h2::SETTINGS_ACK.to_vec()].concat());
    }
}

#[test]
fn settings_may_come_byte_by_byte() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let (mut client, mut served) = called(&front, &backend);
    let said = [settings(&[(9, 1), (5, 16_384)]), h2::SETTINGS_ACK.to_vec(), frame(h2::DATA, 0, 1, b"abc")].concat();
    served.sends_apart(said.chunks(1));
    let heard = [settings(&[(5, 16_384), (3, 0x7fff_ffff)]), h2::SETTINGS_ACK.to_vec(), frame(h2::DATA, 0, 1, b"abc")];
    client.receives(heard.concat());
}

#[test]
fn a_client_that_acknowledges_late_is_understood() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut client = front.connect();
    client.sends(greeting());
    client.receives(h2::OWN_SETTINGS);
    // Its request was on its way already; the ACK comes between DATA.
    client.sends(h2::call(1, &[]));
    let mut served = backend.accept();
    served.receives([greeting(), h2::call(1, &[])].concat());
    let data = frame(h2::DATA, 0, 1, &[7; 5000]);
    client.sends(&data);
    served.receives(&data);
    client.sends_apart([&h2::SETTINGS_ACK[..4], &h2::SETTINGS_ACK[4..]]);
    client.sends(&data);
    served.receives(&data);
    // That one was ours; the next one is the backend's.
    served.sends(settings(&[(3, 9)]));
    client.receives(settings(&[(3, 9)]));
    client.sends(h2::SETTINGS_ACK);
    served.receives(h2::SETTINGS_ACK);
}

#[test]
fn a_backend_that_acknowledges_late_is_understood() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut client = front.connect();
    client.sends(greeting());
    client.receives(h2::OWN_SETTINGS);
    client.sends(h2::SETTINGS_ACK);
    // It waits for the ACK of its own SETTINGS, too, and gets it in the backend's place.
    client.receives(h2::SETTINGS_ACK);
    client.sends(h2::call(1, &[]));
    let mut served = backend.accept();
    served.receives([greeting(), h2::call(1, &[])].concat());
    served.sends([settings(&[(3, 9)]), frame(h2::DATA, 0, 1, b"early")].concat());
    client.receives([settings(&[(3, 9)]), frame(h2::DATA, 0, 1, b"early")].concat());
    // More SETTINGS of the client are held back until the ACK that is to be swallowed has come.
    client.sends([settings(&[(4, 1)]), frame(h2::PING, 0, 0, &[1; 8])].concat());
    served.receives(frame(h2::PING, 0, 0, &[1; 8]));
    served.sends([h2::SETTINGS_ACK.to_vec(), frame(h2::DATA, 0, 1, b"late")].concat());
    client.receives(frame(h2::DATA, 0, 1, b"late"));
    served.receives(settings(&[(4, 1)]));
    served.sends(h2::SETTINGS_ACK);
    client.receives(h2::SETTINGS_ACK);
}
