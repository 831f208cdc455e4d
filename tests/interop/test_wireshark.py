"""The decoder beside Wireshark's: both see the same connections, and must not differ on one frame.

Compared are, for each connection and direction and in order, each frame's type, flags, stream and length, its header
list to the byte, and the numbers in its payload (settings, increments, error codes, priorities, padding).

Three differences in the way of telling are made good first, each where its function says why: the pad length of frames
that are not padded (`wireshark.numbers_of`), the place of fields of a list over several frames
(`wireshark.with_whole_lists`), and what no longer reached a client (`wire_frame.without_undelivered`).
"""

import pytest
from describe import Describe
from program import free_port, output_of, wait_until_accepting
from wire_frame import differences, without_undelivered
from wireshark import Capture

LIBRARIES = ["grpc-go", "grpcio", "grpc-js"]


@pytest.fixture
def compare(tmp_path, capsys):
    """compare(backend_port, traffic, at_least): the frames of what `traffic(address)` sent and was sent."""

    def run(backend_port, traffic, at_least):
        with (
            Describe(backend_port, tmp_path / "described.txt") as describe,
            Capture(describe.port, tmp_path / "capture.pcapng") as capture,
        ):
            traffic(describe.address)
            ours = describe.stop()
            capture.stop()
            theirs, resets = capture.frames()
        ours, undelivered = without_undelivered(ours, theirs, resets)
        found = differences(ours, theirs)
        frames = [frame for flow in ours.values() for frame in flow]
        with capsys.disabled():
            print(f"\n  {len(frames)} frames, {len(found)} differences; {undelivered} farewells did not reach the client")
        assert not found, "\n".join(found[:10])
        assert len(frames) >= at_least
        return frames

    return run


@pytest.fixture(scope="module")
def pushing_port(started, tmp_path_factory):
    """nghttpd with pushes, padding, trailers and a small table for its own header lists."""
    folder = tmp_path_factory.mktemp("pushing")
    (folder / "index.html").write_text("x" * 100)
    (folder / "style.css").write_text("y" * 40_000)
    port = free_port()
    program = started(
        "nghttpd", "--no-tls", "--address=127.0.0.1", f"--htdocs={folder}", "--push=/index.html=/style.css", "--padding=200",
        "--trailer=x-checksum: 1", "--encoder-header-table-size=128", "--echo-upload", port,
    )  # fmt: skip
    wait_until_accepting(program, port)
    return port


def test_h2load(compare, nghttpd_port):
    def traffic(address):
        output_of("h2load", "--requests=6000", "--clients=6", "--max-concurrent-streams=8", f"http://{address}/index.html")

    compare(nghttpd_port, traffic, at_least=18_000)


@pytest.mark.parametrize("library", LIBRARIES)
def test_grpc(compare, client, grpc_port, library):
    def traffic(address):
        client(library, "users", address)
        client(library, "add", address, 300)

    compare(grpc_port(library), traffic, at_least=1_500)


def test_what_is_rare(compare, pushing_port, tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(b"z" * 100_000)

    def traffic(address):
        url = f"http://{address}/index.html"
        output_of("nghttp", "--null-out", url)
        output_of("nghttp", "--null-out", "--continuation", "--padding=100", url)
        tables = ["--header-table-size=0", "--header-table-size=65536"]
        output_of("nghttp", "--null-out", *tables, url, f"http://{address}/style.css")
        odd = ["--trailer=x-end: it's \"over\" -> 'x'", "--header=x-latin: caf\udce9 \N{SNOWMAN}"]
        output_of("nghttp", "--null-out", f"--data={upload}", *odd, url)

    frames = compare(pushing_port, traffic, at_least=100)
    # DATA, HEADERS, PRIORITY, SETTINGS, PUSH_PROMISE, GOAWAY, WINDOW_UPDATE, CONTINUATION; gRPC has the others.
    assert {frame.type for frame in frames} >= {0, 1, 2, 4, 5, 7, 8, 9}
    fields = {field for frame in frames for field in frame.fields}
    assert (b"x-latin", b"caf\xe9 \xe2\x98\x83") in fields
    assert (b"x-end", b"it's \"over\" -> 'x'") in fields
