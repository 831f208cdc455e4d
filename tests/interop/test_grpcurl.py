"""grpcurl finds its way by server reflection, through the proxy as without it."""

import json

import pytest
from program import output_of


@pytest.mark.parametrize("server", ["grpc-go", "grpcio"])
def test_list_describe_and_call_by_reflection(spliceway, grpc_port, server):
    proxy = spliceway(grpc_port(server))

    services = output_of("grpcurl", "-plaintext", proxy.address, "list").split()
    description = output_of("grpcurl", "-plaintext", proxy.address, "describe", "users.v1.Users")
    request = '{"user": {"name": "Ada"}}'
    answer = json.loads(output_of("grpcurl", "-plaintext", "-d", request, proxy.address, "users.v1.Users/AddUser"))
    summaries = proxy.stop()

    assert {"kv.v1.KeyValue", "users.v1.Users"} <= set(services)
    assert "rpc GetUsers ( .users.v1.GetUsersRequest ) returns ( stream .users.v1.User );" in description
    assert answer == {"user": {"id": "3", "name": "Ada"}}
    assert len(summaries) == 3
    assert {summary["path"].split("/")[-1] for summary in summaries} == {"ServerReflectionInfo"}
