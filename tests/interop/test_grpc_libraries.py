"""Three gRPC libraries as clients of three as servers: every kind of call, and what comes back, to the byte."""

import pytest

LIBRARIES = ["grpc-go", "grpcio", "grpc-js"]

ANSWERS = {
    "unary": {"id": 3, "name": "Ada"},
    "stream": {"count": 500, "first": "user-1", "last": "user-500"},
    "large": {"bytes": 1048576, "sha256": "7b4f71995e351420046985ecb18c393f1d52b1a620f8fdce01cdd6b90d460c6b"},
    "error": {"code": 3, "message": 'a user needs a name — "name" is empty'},
    "binary": {"initial": "0001027f80fdfeff", "trailing": "0001027f80fdfeff"},
}


@pytest.mark.parametrize("server", LIBRARIES)
@pytest.mark.parametrize("caller", LIBRARIES)
def test_every_kind_of_call(spliceway, grpc_port, client, caller, server):
    port = grpc_port(server)
    assert client(caller, "users", f"127.0.0.1:{port}") == ANSWERS, "the pair fails without the proxy"

    proxy = spliceway(port)
    assert client(caller, "users", proxy.address) == ANSWERS
    (summary,) = proxy.stop()

    assert summary["protocol"] == "h2c"
    assert summary["path"] == "/users.v1.Users/AddUser"
    assert summary["backend"] == f"127.0.0.1:{port}"
    assert sum(summary["bytes_to_backend"].values()) > 1 << 20
    assert sum(summary["bytes_to_client"].values()) > 1 << 20
