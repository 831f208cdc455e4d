"""The matrix's grpcio client: each scenario on a channel of its own."""

import functools
import queue
import time

import grpc
import matrix_pb2_grpc as matrix_services
from scenarios import CALL_SECONDS, DEADLINE_SECONDS, IDLE_SECONDS, REQUESTS, TRACE, extra_metadata, main, request_of, shown

KEEPALIVE_MILLISECONDS = 150
# A local pool makes the channel's connection its own: equal targets share one otherwise.
OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", 4 << 20)]
KEEPALIVE_OPTIONS = [
    ("grpc.keepalive_time_ms", KEEPALIVE_MILLISECONDS),
    ("grpc.keepalive_timeout_ms", 5000),
    ("grpc.http2.max_pings_without_data", 0),
]


def scenario(run):
    """run(stub, channel) on a new channel; a failure is an outcome."""

    def outcome(address):
        options = [*OPTIONS, *(KEEPALIVE_OPTIONS if run is keepalive else [])]
        with grpc.insecure_channel(address, options=options) as channel:
            try:
                return {"code": 0, "message": "", **run(matrix_services.MatrixStub(channel), channel)}
            except grpc.RpcError as error:
                return failed(error)

    return outcome


def failed(error):
    return {"code": error.code().value[0], "message": error.details()}


def settings(seconds=CALL_SECONDS):
    return {"metadata": extra_metadata(), "timeout": seconds}


def single(name, stub, channel):
    return shown(name, [stub.Unary(request_of(name), **settings())])


def server_stream(stub, channel):
    return shown("server_stream", list(stub.ServerStream(request_of("server_stream"), **settings())))


def client_stream(stub, channel):
    return shown("client_stream", [stub.ClientStream(iter(REQUESTS["client_stream"][1]), **settings())])


def bidi(stub, channel):
    call = Conversation(stub)
    numbers = [call.ping_pong().number for _ in range(10)]
    call.finish()
    return {"numbers": numbers}


def hundred_streams(stub, channel):
    calls = [Conversation(stub) for _ in range(100)]
    for call in calls:
        call.ping_pong()
    for call in calls:
        call.finish()
    return {"finished": len(calls)}


def cancel(stub, channel):
    call = stub.ServerStream(request_of("cancel"), **settings())
    next(call)
    call.cancel()
    try:
        for _ in call:
            pass
        return {"received": 1}
    except grpc.RpcError as error:
        return {**failed(error), "received": 1}


def deadline(stub, channel):
    # The deadline is to end a call, not a connection that is being made.
    grpc.channel_ready_future(channel).result(CALL_SECONDS)
    try:
        stub.Unary(request_of("deadline"), **settings(DEADLINE_SECONDS))
        return {}
    except grpc.RpcError as error:
        # Libraries word their own deadline as they like.
        return {**failed(error), "message": ""}


def keepalive(stub, channel):
    call = Conversation(stub)
    call.ping_pong()
    time.sleep(2.5 * KEEPALIVE_MILLISECONDS / 1000)
    alive = call.ping_pong() is not None
    call.finish()
    return {"alive": alive}


def idle(stub, channel):
    grpc.channel_ready_future(channel).result(CALL_SECONDS)
    time.sleep(IDLE_SECONDS)
    return single("idle", stub, channel)


def metadata_bin(stub, channel):
    _, call = stub.Unary.with_call(
        request_of("metadata_bin"), metadata=[*extra_metadata(), ("trace-bin", TRACE)], timeout=CALL_SECONDS
    )
    return {
        "initial": dict(call.initial_metadata())["trace-bin"].hex(),
        "trailing": dict(call.trailing_metadata())["trace-bin"].hex(),
    }


class Conversation:
    """One bidirectional call, whose requests come from a queue."""

    def __init__(self, stub):
        self._requests = queue.SimpleQueue()
        self._call = stub.BidiStream(iter(self._requests.get, None), **settings())

    def ping_pong(self):
        self._requests.put(request_of("bidi"))
        return next(self._call)

    def finish(self):
        self._requests.put(None)
        for answer in self._call:
            raise ValueError(f"an answer nobody asked for: {answer}")


if __name__ == "__main__":
    main(
        {
            "unary": scenario(functools.partial(single, "unary")),
            "server_stream": scenario(server_stream),
            "client_stream": scenario(client_stream),
            "bidi": scenario(bidi),
            "megabyte": scenario(functools.partial(single, "megabyte")),
            "hundred_streams": scenario(hundred_streams),
            "trailers_only": scenario(functools.partial(single, "trailers_only")),
            "cancel": scenario(cancel),
            "deadline": scenario(deadline),
            "keepalive": scenario(keepalive),
            "idle": scenario(idle),
            "metadata_bin": scenario(metadata_bin),
        }
    )
