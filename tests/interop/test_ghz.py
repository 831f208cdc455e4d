"""ghz, the load generator most people reach for: no call may fail, on few connections, on many, with large messages."""

import json

import pytest
from program import output_of

ADD_USER = "users.v1.Users.AddUser"


def ghz(address, calls, connections, *arguments):
    report = json.loads(
        output_of(
            "ghz", "--insecure", "--proto=proto/users.proto", f"--call={ADD_USER}", "--format=json",
            f"--total={calls}", "--concurrency=50" if connections <= 50 else f"--concurrency={connections}",
            f"--connections={connections}", *(arguments or ['--data={"user":{"name":"Ada"}}']), address,
            seconds=180,
        )
    )  # fmt: skip
    assert report["count"] == calls
    assert report["statusCodeDistribution"] == {"OK": calls}, report["errorDistribution"]
    return report


@pytest.fixture(scope="session")
def megabyte_request(grpc_port, tmp_path_factory):
    """An AddUserRequest with a photo of 1 MiB, encoded: ghz need not build it for every call."""
    from services import users

    path = tmp_path_factory.mktemp("ghz") / "request.bin"
    user = users.User(name="Ada", photo=b"spliceway-photo\n" * 65536)
    path.write_bytes(users.AddUserRequest(user=user).SerializeToString())
    return path


@pytest.mark.parametrize(
    ("calls", "connections", "large"),
    [(20_000, 8, False), (20_000, 64, False), (2_000, 8, True)],
    ids=["8-connections", "64-connections", "megabyte-messages"],
)
def test_no_call_fails(spliceway, grpc_port, megabyte_request, capsys, calls, connections, large):
    port = grpc_port("grpc-go")
    payload = [f"--binary-file={megabyte_request}"] if large else []
    direct = ghz(f"127.0.0.1:{port}", calls, connections, *payload)
    proxy = spliceway(port)
    through = ghz(proxy.address, calls, connections, *payload)
    summaries = proxy.stop()

    with capsys.disabled():
        print(f"\n  {calls} calls, {connections} connections: {direct['rps']:.0f}/s direct, {through['rps']:.0f}/s through")
    assert len(summaries) == connections
    for summary in summaries:
        assert summary["protocol"] == "h2c"
        assert summary["authority"] == proxy.address
        assert summary["path"] == "/users.v1.Users/AddUser"
        assert summary["route"] == "default"
        assert summary["backend"] == f"127.0.0.1:{port}"
    to_backend = sum(sum(summary["bytes_to_backend"].values()) for summary in summaries)
    to_client = sum(sum(summary["bytes_to_client"].values()) for summary in summaries)
    message_bytes = 1 << 20 if large else 10
    assert to_backend > calls * message_bytes
    assert to_client > calls * message_bytes


def test_connections_reach_every_shard(spliceway, grpc_port):
    proxy = spliceway(grpc_port("grpc-go"))
    ghz(proxy.address, 6_400, 64)
    summaries = proxy.stop()

    assert len(summaries) == 64
    assert {summary["shard"] for summary in summaries} == {0, 1}
