"""A channel that is connected, and idle for longer than a connection may be without a request: the next call succeeds."""

import concurrent.futures
import json

from matrix.peers import CLIENTS, Servers
from program import output_of
from spliceway import Spliceway

# The scenario `idle` waits 3 s between connecting and its call.
CONFIGURATION = """
[limits]
unrouted_idle = "2s"

[[listener]]
bind = "127.0.0.1:0"
default_pool = "grpc"

[[pool]]
name = "grpc"
backends = ["127.0.0.1:{port}"]
"""

LIBRARIES = ["grpc-go", "grpcio", "grpc-js", "grpc-java", "tonic"]


def test_an_idle_channel_connects_again(tmp_path):
    with Servers(tmp_path) as servers:
        configuration = tmp_path / "spliceway.toml"
        configuration.write_text(CONFIGURATION.format(port=servers.port("grpc-go")))
        with Spliceway("--config", configuration) as proxy, concurrent.futures.ThreadPoolExecutor() as pool:
            called = pool.map(lambda library: output_of(*CLIENTS[library], "idle", proxy.address), LIBRARIES)
            outcomes = {library: json.loads(printed) for library, printed in zip(LIBRARIES, called)}
            summaries = proxy.stop()

    expected = {"scenario": "idle", "code": 0, "message": "", "payload": "hello"}
    assert outcomes == {library: expected for library in LIBRARIES}
    # Each was told to go once, behind SETTINGS that it had acknowledged, and its call came on a connection of its own.
    told = [summary for summary in summaries if summary.get("limit") == "unrouted_idle"]
    assert {summary["close"]["cause"] for summary in told} == {"opening_timeout"}
    carried = [summary for summary in summaries if summary["path"] == "/matrix.v1.Matrix/Unary"]
    assert len(carried) == len(LIBRARIES)
    assert len(told) >= len(LIBRARIES), summaries
