"""The interop matrix: a subset of its cells, and that docs/INTEROP.md says nothing but what runs have shown.

`run --matrix` runs all cells. What a cell is stands in python/matrix/cells.py, how it is run in python/matrix/run.py.
"""

import concurrent.futures

import pytest
from frames import ACK, PING, parse
from matrix import document
from matrix.cells import scenarios_of
from matrix.peers import CLIENTS, SERVERS, Servers
from matrix.run import DIRECT, Cell, cell, differences, outcomes, run_all
from program import DEADLINE_SECONDS
from tee import Tee

# Every client and every server, each way in.
SUBSET = [
    ("grpc-go", "Envoy", "plain"),
    ("grpc-go", "grpc-java", "v2"),
    ("grpcurl", "Go h2c", "v1"),
    ("grpcio", "grpc-js", "v2"),
    ("grpcio", "tonic", "plain"),
    ("grpc-js", "grpc-go", "v1"),
    ("grpc-js", "Envoy", "v2"),
    ("grpc-java", "grpcio", "plain"),
    ("grpc-java", "nghttpd", "v2"),
    ("tonic", "Go h2c", "plain"),
    ("tonic", "grpcio", "v1"),
    ("Node http2", "tonic", "v1"),
    ("Node http2", "nghttpd", "plain"),
    ("Go net/http2", "grpc-js", "plain"),
    ("curl", "grpc-java", "v1"),
    ("nghttp", "grpc-go", "plain"),
    ("h2load", "nghttpd", "v1"),
    ("httpx", "Go h2c", "v2"),
]

# Those whose PINGs can be had within a second, with the scenario that lasts so long.
PINGING = ["grpcio", "grpc-js", "tonic", "Node http2", "Go net/http2"]
# They raise every shorter time to ten seconds.
PINGING_LATE = ["grpc-go", "grpcurl", "grpc-java"]


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    with Servers(tmp_path_factory.mktemp("files")) as servers:
        yield servers


@pytest.fixture(scope="session")
def runs(servers):
    """All cells of the subset, side by side: most of their time is waiting."""
    cells = [cell(client, server, way) for client, server, through in SUBSET for way in (DIRECT, through)]
    return run_all(cells, servers)


@pytest.mark.parametrize(("client", "server", "way"), SUBSET, ids=[" - ".join(names) for names in SUBSET])
def test_the_outcome_is_the_same_through_the_proxy(runs, client, server, way):
    direct, through = cell(client, server, DIRECT), cell(client, server, way)

    assert differences(direct, runs[direct], runs[direct]) == []
    assert differences(through, runs[direct], runs[through]) == []


def test_the_subset_has_every_client_and_every_server():
    assert {client for client, _, _ in SUBSET} == set(CLIENTS)
    assert {server for _, server, _ in SUBSET} == set(SERVERS)
    assert {way for _, _, way in SUBSET} == {"plain", "v1", "v2"}


def test_a_difference_is_told(servers):
    """A cell that fails must not look like one that passes."""
    wrong = Cell("grpcio", "grpc-js", DIRECT, ("unary",))
    right = run_all([wrong], servers)[wrong]
    other = right._replace(outcomes={"unary": {**right.outcomes["unary"], "message": "another"}})

    assert differences(wrong, right, right) == []
    assert len(differences(wrong, right, other)) == 1
    assert len(differences(wrong, right, right._replace(outcomes={}))) == 1
    assert len(differences(wrong, right, right._replace(problem="the proxy panicked"))) == 1


def test_keepalive_pings_go_through_and_are_answered_by_the_server(spliceway, servers):
    port = servers.port("grpc-go")

    def pings_of(client):
        with Tee(port) as behind:
            proxy = spliceway(behind.port)
            with Tee(int(proxy.address.rpartition(":")[2])) as before:
                outcomes(Cell(client, "grpc-go", "plain", ("keepalive",)), f"127.0.0.1:{before.port}")
                return [recordings.finished() for recordings in (before, behind)]

    clients = [*PINGING, *PINGING_LATE]
    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        recorded = dict(zip(clients, pool.map(pings_of, clients, timeout=2 * DEADLINE_SECONDS), strict=True))

    for client, (before, behind) in recorded.items():
        (front,), (back,) = before, behind
        asked = pings(parse(front.from_client, from_client=True), answers=False)
        assert asked, f"{client} sent no PING"
        assert pings(parse(back.from_client, from_client=True), answers=False) == asked
        answered = pings(parse(back.from_server, from_client=False), answers=True)
        assert answered == asked
        assert pings(parse(front.from_server, from_client=False), answers=True) == answered


def pings(frames, *, answers):
    """The eight bytes of each."""
    return [frame.payload for frame in frames if frame.type == PING and bool(frame.flags & ACK) == answers]


def test_the_document_says_what_the_results_say():
    assert document.DOCUMENT.read_text() == document.render(document.results())


def test_the_results_hold_every_cell_and_no_other():
    found = {(pair["client"], pair["server"]): list(pair["direct"]) for pair in document.results()["pairs"]}

    assert found == {
        (client, server): scenarios
        for client in CLIENTS
        for server in SERVERS
        if (scenarios := scenarios_of(client, server))
    }
    ways = [f"{engine} {way}" for engine in ("io_uring", "epoll") for way in ("plain", "v1", "v2")]
    assert {tuple(pair["through"]) for pair in document.results()["pairs"]} == {tuple(ways)}


def test_a_cell_that_no_run_backs_is_not_said_to_work():
    results = document.results()
    pair = results["pairs"][0]
    scenario = next(iter(pair["direct"]))
    del pair["direct"][scenario]
    verdicts = document.Verdicts(results)

    assert verdicts.of(pair["client"], pair["server"], scenario) == document.BAD
