"""Whatever keeps the proxy from serving a request, the user reads what it was: in five gRPC libraries, curl and Node."""

import contextlib
import functools
import json
import pathlib
import typing

import broken_backends
import peers_compiled
import pytest
from conftest import CLIENTS
from program import output_of
from spliceway import Spliceway

INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, UNAVAILABLE = 3, 8, 12, 14

REQUEST_JS = pathlib.Path(__file__).parent / "node" / "request.js"


class Told(typing.NamedTuple):
    """What the user of a request is told."""

    code: int
    status: int
    # RFC 9209 section 2.3.
    error: str
    message: str


NO_HTTP2 = Told(UNAVAILABLE, 502, "http_protocol_error", "the backend does not speak HTTP/2 without TLS")
NO_ANSWER = Told(UNAVAILABLE, 502, "connection_terminated", "the backend closed the connection without an answer")

# Each is a pool of that name behind a listener of that name.
BACKENDS = {
    "refusing": (
        broken_backends.refusing,
        Told(UNAVAILABLE, 503, "connection_refused", 'no backend of pool "refusing" can be reached: Connection refused'),
    ),
    "silent": (
        broken_backends.silent,
        Told(UNAVAILABLE, 504, "connection_timeout", 'no backend of pool "silent" answered within 300ms'),
    ),
    "http1": (functools.partial(broken_backends.saying, broken_backends.HTTP1_REFUSAL), NO_HTTP2),
    "tls": (functools.partial(broken_backends.saying, broken_backends.TLS_ALERT), NO_HTTP2),
    "resetting": (broken_backends.resetting, NO_ANSWER),
    "closing": (functools.partial(broken_backends.saying, b""), NO_ANSWER),
}

# Each is what is sent to a listener that routes by `x-prism-namespace` and knows one value of it.
REQUESTS = {
    "no-route": (
        ["x-prism-namespace=nowhere"],
        Told(UNIMPLEMENTED, 404, "destination_not_found", "no route matches this request, and the listener has no default pool"),
    ),
    "missing-header": (
        [],
        Told(INVALID_ARGUMENT, 400, "http_request_error", "the request lacks the header that routes it: x-prism-namespace"),
    ),
    "duplicate-header": (
        ["x-prism-namespace=known", "x-prism-namespace=known"],
        Told(
            INVALID_ARGUMENT, 400, "http_request_error",
            "`x-prism-namespace` occurs more than once in the request, and this listener routes by it",
        ),
    ),
    "header-list-too-large": (
        ["x-prism-namespace=known", *(f"x-filler-{number}=x" for number in range(300))],
        Told(RESOURCE_EXHAUSTED, 431, "http_request_error", "header list too large: more than 256 fields"),
    ),
}  # fmt: skip

# What no gRPC library calls, but others ask for, of a listener that routes by a part of the path.
DOT_SEGMENT = Told(
    INVALID_ARGUMENT, 400, "http_request_error",
    "`:path` has a dot segment, which backends understand in different ways, and this listener routes by a part of it",
)  # fmt: skip

LISTENER = """
[[listener]]
name = "{name}"
bind = "127.0.0.1:0"
"""
POOL = """
[[pool]]
name = "{name}"
backends = ["127.0.0.1:{port}"]
connect_timeout = "300ms"
"""
ROUTES = """
[[route]]
listener = "by-header"
match = "x-prism-namespace=known"
pool = "refusing"

[[route]]
listener = "by-path"
match = ":path^=/shop/"
pool = "refusing"
"""


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """proxy(listener): the address of that listener."""
    configuration = tmp_path_factory.mktemp("errors") / "spliceway.toml"
    with contextlib.ExitStack() as running:
        text = "".join(LISTENER.format(name=name) for name in ("by-header", "by-path"))
        for name, (backend, _) in BACKENDS.items():
            text += LISTENER.format(name=name) + f'default_pool = "{name}"\n'
            text += POOL.format(name=name, port=running.enter_context(backend()))
        configuration.write_text(text + ROUTES)
        yield addresses(running.enter_context(Spliceway("--config", configuration)), 2 + len(BACKENDS))


def addresses(started, listeners):
    def found():
        notices = [json.loads(line) for line in started.stderr if line.startswith("{")]
        known = {notice["listener"]: notice["address"] for notice in notices if notice.get("event") == "listening"}
        return known if len(known) == listeners else None

    return started.wait_for(found, f"listen at {listeners} addresses").__getitem__


@pytest.mark.parametrize("library", [*CLIENTS, *peers_compiled.CLIENTS])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_grpc_call_to_a_backend_of_no_use(proxy, backend, library):
    told = BACKENDS[backend][1]
    assert call(library, proxy(backend), []) == {"code": told.code, "message": told.message}


@pytest.mark.parametrize("library", [*CLIENTS, *peers_compiled.CLIENTS])
@pytest.mark.parametrize("request_", REQUESTS)
def test_a_grpc_call_that_cannot_be_routed(proxy, request_, library):
    metadata, told = REQUESTS[request_]
    assert call(library, proxy("by-header"), metadata) == {"code": told.code, "message": told.message}


@pytest.mark.parametrize("ask", ["curl", "node"])
@pytest.mark.parametrize("case", [*BACKENDS, *REQUESTS, "dot-segment"])
def test_any_other_request(proxy, case, ask):
    if case in BACKENDS:
        url, fields, told = f"http://{proxy(case)}/", [], BACKENDS[case][1]
    elif case in REQUESTS:
        url, (fields, told) = f"http://{proxy('by-header')}/", REQUESTS[case]
    else:
        url, fields, told = f"http://{proxy('by-path')}/shop/../admin", [], DOT_SEGMENT
    status = f'spliceway; error={told.error}; details="{told.message.replace(chr(34), chr(92) + chr(34))}"'
    assert {"curl": by_curl, "node": by_node}[ask](url, fields) == {"status": told.status, "proxy-status": status}


def call(library, address, metadata):
    """A call's code and message, as its user sees them."""
    if library in CLIENTS:
        return json.loads(output_of(*CLIENTS[library], "probe", address, *metadata))
    variable = f"MATRIX_METADATA={','.join(metadata)}"
    outcome = json.loads(output_of("env", variable, *peers_compiled.CLIENTS[library], "unary", address))
    return {"code": outcome["code"], "message": outcome["message"]}


def by_curl(url, fields):
    headers = [argument for field in fields for argument in ("--header", field.replace("=", ": ", 1))]
    answer = output_of(
        "curl", "--silent", "--show-error", "--max-time", "20", "--http2-prior-knowledge", "--path-as-is", *headers,
        "--write-out", '{"status": %{http_code}, "fields": %{header_json}}', url,
    )  # fmt: skip
    told = json.loads(answer)
    return {"status": told["status"], "proxy-status": told["fields"]["proxy-status"][0]}


def by_node(url, fields):
    return json.loads(output_of("node", REQUEST_JS, url, *fields))
