"""Watched connections with clients that send requests of two namespaces over one channel: nobody's call fails."""

import collections
import concurrent.futures
import json
import socket

import pytest
from spliceway import NAMESPACES, Spliceway

LIBRARIES = ["grpc-go", "grpcio", "grpc-js"]
# Each namespace in turn, so many calls at a time (SWITCHED_CALLS of the clients).
CALLS, SWITCHED = 200, 20
SWITCHES = CALLS // SWITCHED - 1

LISTENER = """
[[listener]]
name = "grpc"
bind = "127.0.0.1:{port}"
watch = true
on_mismatch = "{on_mismatch}"
"""


@pytest.fixture(scope="module")
def stores(grpc_port, client):
    """Two stores that both know the key."""
    ports = {"alpha": grpc_port("grpc-go", "alpha"), "beta": grpc_port("grpcio", "beta")}
    for port in ports.values():
        client("grpcio", "store", f"127.0.0.1:{port}")
    return ports


@pytest.fixture
def watching(stores, tmp_path):
    """watching(on_mismatch, port=0): a proxy that watches."""

    def start(on_mismatch, port=0):
        configuration = tmp_path / f"{on_mismatch}.toml"
        configuration.write_text((LISTENER + NAMESPACES).format(on_mismatch=on_mismatch, port=port, **stores))
        return Spliceway("--config", configuration)

    return start


def notices(proxy, event):
    lines = [json.loads(line) for line in proxy.stderr if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


@pytest.mark.parametrize("library", LIBRARIES)
def test_goaway_moves_a_client_without_a_failed_call(watching, client, library):
    with watching("goaway") as proxy:
        answer = client(library, "switch", proxy.address, CALLS, 5)
        summaries = proxy.stop()

    assert answer["failures"] == []
    assert sum(answer["stores"].values()) == CALLS
    # The request that shows it goes astray, and at most a few behind it that the client had sent by then.
    astray = answer["stores"].get("alpha by beta", 0) + answer["stores"].get("beta by alpha", 0)
    assert SWITCHES <= astray <= 3 * SWITCHES, answer
    (requests,) = notices(proxy, "requests")
    assert (requests["requests"], requests["misrouted"]) == (CALLS, astray)
    assert requests["events"] == {"other_pool": astray, "goaway_mismatch": SWITCHES}
    assert requests["paths"] == [{"path": "/kv.v1.KeyValue/Get", "requests": CALLS, "misrouted": astray}]
    assert len(summaries) == SWITCHES + 1
    assert sum(summary["misrouted"] for summary in summaries) == astray


@pytest.mark.parametrize("library", LIBRARIES)
def test_close_lets_no_request_go_astray(watching, client, library):
    with watching("close") as proxy:
        answer = client(library, "switch", proxy.address, CALLS, 5)
        summaries = proxy.stop()

    # The refused request is the only one under way, and the library sends it again by itself.
    assert answer == {"failures": [], "stores": {"alpha by alpha": CALLS // 2, "beta by beta": CALLS // 2}}
    causes = collections.Counter(summary["close"]["cause"] for summary in summaries)
    assert causes["misrouted"] == SWITCHES, causes


@pytest.mark.parametrize("library", LIBRARIES)
def test_count_changes_nothing(watching, client, library):
    with watching("count") as proxy:
        answer = client(library, "switch", proxy.address, CALLS, 0)
        (summary,) = proxy.stop()

    assert answer == {"failures": [], "stores": {"alpha by alpha": CALLS // 2, "beta by alpha": CALLS // 2}}
    assert (summary["requests"], summary["misrouted"]) == (CALLS, CALLS // 2)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_drain_moves_a_client_without_a_failed_call(watching, client, library):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with concurrent.futures.ThreadPoolExecutor() as pool, watching("count", port) as first:
        calls = pool.submit(client, library, "switch", f"127.0.0.1:{port}", CALLS, 20)
        first.wait_for(lambda: notices(first, "misrouted"), "carry calls")
        # A client may be fast enough to connect to it once more: it is told to go elsewhere before its first request.
        summaries = first.stop(tolerated_causes={"shutdown"})
        with watching("count", port) as second:
            answer = calls.result()
            summaries += second.stop()

    assert answer["failures"] == []
    assert sum(answer["stores"].values()) == CALLS
    (requests,) = notices(first, "requests")
    assert requests["events"]["goaway_drain"] == 1
    carriers = [summary["close"] for summary in summaries if summary["path"]]
    # A client that closes with something of ours unread, an answer to a PING for example, resets.
    assert [close["side"] for close in carriers] == ["client", "client"]
    assert {close["cause"] for close in carriers} <= {"finished", "reset"}
