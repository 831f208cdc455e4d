"""gRPC's own interoperability cases, as grpc-go ships them: its client judges what its server says, through the proxy.

Left out: what needs TLS or credentials. The compression cases are not in grpc-go's client.
"""

import pytest
from program import free_port, output_of, wait_until_accepting

CASES = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
]

# A deadline of a millisecond, and a call cancelled at once, may be over before their request is sent.
BRIEF = {"cancel_after_begin", "timeout_on_sleeping_server"}


@pytest.fixture(scope="module")
def cases_port(started):
    port = free_port()
    wait_until_accepting(started("grpc-cases-server", "-port", port), port)
    return port


@pytest.mark.parametrize("case", CASES)
def test_case(spliceway, cases_port, case):
    proxy = spliceway(cases_port)
    host, _, port = proxy.address.rpartition(":")
    # It ends with a status other than 0 if the case fails.
    told = output_of("grpc-cases-client", "-server_host", host, "-server_port", port, "-test_case", case)
    summaries = proxy.stop()

    assert "fail" not in told.lower()
    assert len(summaries) == 1
    is_unsent = case in BRIEF and summaries[0]["protocol"] is None
    assert is_unsent or summaries[0]["path"].startswith("/grpc.testing.")


def test_an_unknown_case_is_a_failure(cases_port):
    """So that a case that grpc-go drops is noticed here."""
    told = output_of("grpc-cases-client", "-server_host", "127.0.0.1", "-server_port", cases_port, "-test_case", "none", succeeds=False)

    assert "Unsupported test case" in told
