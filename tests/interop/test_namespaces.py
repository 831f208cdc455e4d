"""Two stores behind one address, told apart by `x-prism-namespace`, and every way to ask wrongly."""

import re
import socket

import pytest
from program import output_of
from spliceway import NAMESPACES, Spliceway

LIBRARIES = ["grpc-go", "grpcio", "grpc-js"]
CHANNELS = 6
KEYS = 40

OK, INVALID_ARGUMENT, UNIMPLEMENTED, UNAVAILABLE = 0, 3, 12, 14

NO_ROUTE = {"side": "proxy", "cause": "no_route"}
MISSING = {"side": "client", "cause": "header_missing"}
REJECTED = {"side": "client", "cause": "header_rejected"}
REFUSED = {"side": "backend", "cause": "refused"}

CONFIGURATION = f"""
[[listener]]
name = "grpc"
bind = "127.0.0.1:0"
{NAMESPACES}
[[route]]
match = "x-prism-namespace=dead"
pool = "dead"

[[pool]]
name = "dead"
backends = ["127.0.0.1:{{dead}}"]
"""


@pytest.fixture
def dead_port():
    """Bound but not listening: refused for as long as the test runs, and nobody else can take it."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture
def proxy(grpc_port, dead_port, tmp_path):
    configuration = tmp_path / "spliceway.toml"
    configuration.write_text(
        CONFIGURATION.format(alpha=grpc_port("grpc-go", "alpha"), beta=grpc_port("grpcio", "beta"), dead=dead_port)
    )
    with Spliceway("--config", configuration) as proxy:
        yield proxy


@pytest.mark.parametrize("library", LIBRARIES)
def test_namespaces_never_mix(proxy, grpc_port, client, library):
    for namespace in ("alpha", "beta", "alpha"):
        answer = client(library, "keyvalue", proxy.address, namespace, CHANNELS, KEYS)
        assert answer == {"operations": 4 * CHANNELS * KEYS, "stores": {namespace: CHANNELS * KEYS}}
    summaries = proxy.stop()

    assert len(summaries) == 3 * CHANNELS
    backends = {"alpha": grpc_port("grpc-go", "alpha"), "beta": grpc_port("grpcio", "beta")}
    for summary in summaries:
        assert summary["route"] == f"x-prism-namespace={summary['pool']}"
        assert summary["backend"] == f"127.0.0.1:{backends[summary['pool']]}"
    assert [summary["pool"] for summary in summaries].count("beta") == CHANNELS


@pytest.mark.parametrize(
    ("metadata", "code", "close"),
    [
        (["x-prism-namespace=alpha"], OK, None),
        (["x-prism-namespace=gamma"], UNIMPLEMENTED, NO_ROUTE),
        (["x-prism-namespace=Alpha"], UNIMPLEMENTED, NO_ROUTE),
        ([], INVALID_ARGUMENT, MISSING),
        (["x-prism-namespace=alpha", "x-prism-namespace=beta"], INVALID_ARGUMENT, REJECTED),
        (["x-prism-namespace=alpha", "x-prism-namespace=alpha"], INVALID_ARGUMENT, REJECTED),
        (["x-prism-namespace=dead"], UNAVAILABLE, REFUSED),
    ],
    ids=["known", "unknown", "other-case", "missing", "contradicting", "repeated", "dead-backend"],
)
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_wrong_request_gets_a_status_that_says_so(proxy, client, library, metadata, code, close):
    answer = client(library, "probe", proxy.address, *metadata)
    summaries = proxy.stop(tolerated_causes=["no_route"])

    assert answer["code"] == code, answer
    # A sentence of the proxy's own, not what a library makes of a broken connection.
    assert code == OK or re.fullmatch(r"[ -~]+( [ -~]+){2,}", answer["message"]), answer
    assert not re.search(r"GOAWAY|RST_STREAM|[Cc]onnection (reset|dropped)|EOF|Stream removed", answer["message"])
    assert summaries
    for summary in summaries:
        assert summary["close"] == close or code == OK
        assert code == OK or summary["detail"] == answer["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["x-prism-namespace: dead"], 503),
        (["x-prism-namespace: gamma"], 404),
        ([], 400),
        (["x-prism-namespace: alpha", "x-prism-namespace: beta"], 400),
    ],
    ids=["dead-backend", "unknown", "missing", "contradicting"],
)
def test_curl_gets_an_http_status(proxy, headers, status):
    fields = [argument for header in headers for argument in ("--header", header)]
    answer = output_of(
        "curl", "--silent", "--show-error", "--max-time", "20", "--http2-prior-knowledge", *fields, "--output", "/dev/null",
        "--write-out", "%{http_code} %{num_connects}", f"http://{proxy.address}/",
    )  # fmt: skip

    assert answer == f"{status} 1"


@pytest.mark.parametrize("namespace", ["dead", "gamma"])
def test_an_error_answer_starts_no_storm_of_connections(proxy, client, namespace):
    """A GOAWAY that leaves the request unprocessed makes Go's net/http2 repeat it thousands of times."""
    answer = client("grpc-go", "fetch", f"http://{proxy.address}/", 3, f"x-prism-namespace={namespace}")

    assert answer == {"status": {"dead": 503, "gamma": 404}[namespace], "connections": 1}
