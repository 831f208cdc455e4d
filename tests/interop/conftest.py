"""The peers every test may ask for. Each server runs once for the whole session, on a free loopback port."""

import contextlib
import json
import os
import pathlib
import sys

import pytest
from program import Program, announced_port, free_port, output_of, wait_until_accepting
from spliceway import Spliceway

HERE = pathlib.Path(__file__).parent

SERVERS = {
    "grpc-go": ["interop", "grpc-server"],
    "grpcio": [sys.executable, HERE / "python" / "server.py"],
    "grpc-js": ["node", HERE / "node" / "server.js"],
}
CLIENTS = {
    "grpc-go": ["interop"],
    "grpcio": [sys.executable, HERE / "python" / "client.py"],
    "grpc-js": ["node", HERE / "node" / "client.js"],
}


def pytest_report_header():
    return f"engine: {os.environ.get('SPLICEWAY_ENGINE', 'io_uring')} (SPLICEWAY_ENGINE)"


@pytest.fixture(scope="session")
def started():
    """started(*argv): a program that runs until the session ends."""
    with contextlib.ExitStack() as programs:
        yield lambda *argv: programs.enter_context(Program(*argv))


@pytest.fixture(scope="session")
def grpc_port(started):
    """grpc_port(implementation, store="main"): the port of that server, started when first asked for."""
    ports = {}

    def port(implementation, store="main"):
        if (implementation, store) not in ports:
            ports[implementation, store] = announced_port(started(*SERVERS[implementation], store))
        return ports[implementation, store]

    return port


@pytest.fixture(scope="session")
def h2c_port(started):
    """Go's h2c.NewHandler: prior knowledge and Upgrade."""
    return announced_port(started("interop", "h2c-server"))


@pytest.fixture(scope="session")
def nghttpd_port(started, tmp_path_factory):
    """nghttpd with one file of 100 bytes, /index.html."""
    folder = tmp_path_factory.mktemp("nghttpd")
    (folder / "index.html").write_text("x" * 100)
    port = free_port()
    wait_until_accepting(started("nghttpd", "--no-tls", "--address=127.0.0.1", f"--htdocs={folder}", port), port)
    return port


@pytest.fixture
def spliceway():
    """spliceway(*backend_ports, arguments=()): a proxy before them, ended with the test."""
    with contextlib.ExitStack() as proxies:
        yield lambda *ports, arguments=(): proxies.enter_context(Spliceway.before(*ports, arguments=arguments))


@pytest.fixture(scope="session")
def client():
    """client(implementation, command, *arguments): the JSON object it printed."""

    def run(implementation, *arguments):
        return json.loads(output_of(*CLIENTS[implementation], *arguments))

    return run
