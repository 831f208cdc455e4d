"""Backends with quirks of real ones, spoken frame by frame, against clients that are strict."""

import pytest
from program import output_of
from scripted_server import QUIRKS, ScriptedServer

CALLS = 5


@pytest.mark.parametrize("quirk", QUIRKS)
@pytest.mark.parametrize("caller", ["grpc-go", "grpcio", "grpc-js"])
def test_grpc_calls_succeed(spliceway, client, caller, quirk):
    with ScriptedServer(quirk) as server:
        proxy = spliceway(server.port)
        assert client(caller, "add", proxy.address, CALLS) == {"ok": CALLS}
        (summary,) = proxy.stop()

    assert server.violations == []
    assert server.connections == 1
    assert summary["protocol"] == "h2c"


@pytest.mark.parametrize("quirk", QUIRKS)
def test_curl_succeeds(spliceway, quirk):
    with ScriptedServer(quirk) as server:
        proxy = spliceway(server.port)
        url = f"http://{proxy.address}/"
        answer = output_of("curl", "--silent", "--show-error", "--max-time", "20", "--http2-prior-knowledge", url)
        (summary,) = proxy.stop()

    assert answer == "scripted\n"
    assert server.violations == []
    assert server.connections == 1
    assert summary["protocol"] == "h2c"
