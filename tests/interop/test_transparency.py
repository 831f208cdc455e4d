"""What the proxy changes of a connection, frame by frame: recorded before and behind it, every difference listed.

A client that sends HEADERS at once is passed on untouched. One that waits for the server's SETTINGS sees one SETTINGS
of the proxy's own, so its acknowledgement is kept from the backend, and the backend's first SETTINGS becomes a second:
without NO_RFC7540_PRIORITIES, and with MAX_CONCURRENT_STREAMS said even if it is the default. Nothing else may differ.
"""

import difflib

import pytest
from frames import (
    ACK,
    GOAWAY,
    MAX_CONCURRENT_STREAMS,
    NO_RFC7540_PRIORITIES,
    SETTINGS,
    SETTINGS_ACK,
    parameters,
    parse,
    settings,
)
from program import output_of
from tee import Tee

LIBRARIES = ["grpc-go", "grpcio", "grpc-js"]

UNLIMITED_STREAMS = 0x7FFFFFFF


@pytest.mark.parametrize("server", LIBRARIES)
@pytest.mark.parametrize("caller", LIBRARIES)
def test_a_waiting_client_costs_one_settings_and_its_acknowledgement(spliceway, grpc_port, client, caller, server):
    with Tee(grpc_port(server)) as behind:
        proxy = spliceway(behind.port)
        with Tee(port_of(proxy)) as before:
            client(caller, "users", f"127.0.0.1:{before.port}")
            (front,), (back,) = before.finished(), behind.finished()
    proxy.stop()

    asked = parse(front.from_client, from_client=True)
    removed, added = differences(asked, parse(back.from_client, from_client=True))
    assert (removed, added) == ([SETTINGS_ACK], [])

    said, seen = parse(back.from_server, from_client=False), parse(front.from_server, from_client=False)
    own, rewritten = seen[0], rewrite(said[0])
    assert own.type == SETTINGS and not own.flags & ACK
    assert NO_RFC7540_PRIORITIES not in dict(parameters(own))
    removed, added = differences(said, seen)
    if rewritten == said[0]:
        assert (removed, added) == ([], [own])
    else:
        assert (removed, added) == ([said[0]], [own, rewritten])

    # Node's server answers a client's GOAWAY with INTERNAL_ERROR, without a proxy too.
    complaints = [frame for frame in asked if frame.type == GOAWAY and frame.payload[4:8] != bytes(4)]
    assert complaints == []
    if all(frame.type != GOAWAY for frame in asked):
        assert [frame for frame in said if frame.type == GOAWAY and frame.payload[4:8] != bytes(4)] == []


def test_an_eager_client_is_passed_on_untouched(spliceway, h2c_port):
    with Tee(h2c_port) as behind:
        proxy = spliceway(behind.port)
        with Tee(port_of(proxy)) as before:
            url = f"http://127.0.0.1:{before.port}/eager"
            assert output_of("curl", "--silent", "--http2-prior-knowledge", url) == "GET /eager\n"
            (front,), (back,) = before.finished(), behind.finished()
    proxy.stop()

    assert front.from_client == back.from_client
    assert front.from_server == back.from_server
    # The recordings are whole connections, not two empty ones.
    parse(front.from_client, from_client=True)
    assert NO_RFC7540_PRIORITIES in dict(parameters(parse(front.from_server, from_client=False)[0]))


def differences(before, after):
    """The frames that were removed and those that were added, each in order; a moved frame is both."""
    removed, added = [], []
    for kind, from_before, to_before, from_after, to_after in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            removed += before[from_before:to_before]
            added += after[from_after:to_after]
    # An acknowledgement that the proxy gave early in the backend's place is moved, not lost.
    for frame in [frame for frame in removed if frame == SETTINGS_ACK and frame in added]:
        removed.remove(frame)
        added.remove(frame)
    return removed, added


def rewrite(first):
    """What is to become of a backend's first SETTINGS behind the proxy's own."""
    kept = [(name, value) for name, value in parameters(first) if name != NO_RFC7540_PRIORITIES]
    if MAX_CONCURRENT_STREAMS not in dict(kept):
        kept.append((MAX_CONCURRENT_STREAMS, UNLIMITED_STREAMS))
    return settings(kept)


def port_of(proxy):
    return int(proxy.address.rpartition(":")[2])
