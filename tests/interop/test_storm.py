"""No answer of the proxy makes a client connect again and again.

Go's net/http repeats a request at once, and without end, for as long as it is told by GOAWAY that the request was not
processed. What counts is how many connections the proxy has seen, not how many the client says it made.
"""

import collections
import contextlib
import functools
import json

import broken_backends
import pytest
from program import output_of
from spliceway import Spliceway

# Time enough to repeat a request thousands of times.
SECONDS = 3

BACKENDS = {
    "refusing": (broken_backends.refusing, 503),
    "silent": (broken_backends.silent, 504),
    "no-http2": (functools.partial(broken_backends.saying, broken_backends.HTTP1_REFUSAL), 502),
    "resetting": (broken_backends.resetting, 502),
    "closing": (functools.partial(broken_backends.saying, b""), 502),
}
NO_ROUTE = 404

CONFIGURATION = """
[[listener]]
name = "storm"
bind = "127.0.0.1:0"
"""
ROUTE = """
[[route]]
match = "x-prism-namespace={name}"
pool = "{name}"

[[pool]]
name = "{name}"
backends = ["127.0.0.1:{port}"]
connect_timeout = "200ms"
"""


@pytest.fixture
def proxy(tmp_path):
    with contextlib.ExitStack() as running:
        text = CONFIGURATION
        for name, (backend, _) in BACKENDS.items():
            text += ROUTE.format(name=name, port=running.enter_context(backend()))
        configuration = tmp_path / "spliceway.toml"
        configuration.write_text(text)
        yield running.enter_context(Spliceway("--config", configuration))


def test_a_request_costs_one_connection(proxy):
    answers = {name: fetch(proxy.address, name) for name in [*BACKENDS, "nowhere"]}
    summaries = proxy.stop(tolerated_causes=["no_route"])

    statuses = {name: status for name, (_, status) in BACKENDS.items()} | {"nowhere": NO_ROUTE}
    assert answers == {name: {"status": status, "connections": 1} for name, status in statuses.items()}
    assert collections.Counter(summary["pool"] for summary in summaries) == dict.fromkeys(BACKENDS, 1) | {None: 1}


@pytest.mark.parametrize("library", ["grpc-go", "grpcio", "grpc-js"])
def test_a_call_costs_one_connection(proxy, client, library):
    for name in [*BACKENDS, "nowhere"]:
        assert client(library, "probe", proxy.address, f"x-prism-namespace={name}")["code"] in (14, 12)
    summaries = proxy.stop(tolerated_causes=["no_route"])

    # A library may connect once more for the calls to come, and leaves that connection without a request.
    called = [summary for summary in summaries if summary["path"]]
    assert collections.Counter(summary["pool"] for summary in called) == dict.fromkeys(BACKENDS, 1) | {None: 1}
    assert len(summaries) <= 2 * len(called)


def test_the_client_does_storm_where_it_is_let():
    """Were it not so, the tests above would say nothing."""
    with broken_backends.dismissing() as port:
        answer = fetch(f"127.0.0.1:{port}", "any")

    assert answer["connections"] > 100
    assert "status" not in answer


def fetch(address, namespace):
    return json.loads(output_of("interop", "fetch", f"http://{address}/", SECONDS, f"x-prism-namespace={namespace}"))
