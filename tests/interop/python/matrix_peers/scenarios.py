"""What every Python client of the matrix shares: the command line, what is sent, and gRPC's framing by hand."""

import base64
import contextlib
import hashlib
import json
import os
import sys
import urllib.parse

import matrix_pb2 as matrix

CALL_SECONDS = 20
DEADLINE_SECONDS = 1
IDLE_SECONDS = 3
TRACE = bytes([0x00, 0xFF, 0x80, 0x2C, 0x0A])

REQUESTS = {
    "unary": ("Unary", [matrix.Request(payload=b"hello")]),
    "server_stream": ("ServerStream", [matrix.Request(payload=b"s", count=10)]),
    "client_stream": ("ClientStream", [matrix.Request(payload=payload) for payload in (b"a", b"b", b"c")]),
    "bidi": ("BidiStream", [matrix.Request(payload=b"ping")]),
    "megabyte": ("Unary", [matrix.Request(payload=bytes(index * 7 % 251 for index in range(1 << 20)))]),
    # A hundred answers that are each due after this time can come within little more than it only side by side.
    "hundred_streams": ("Unary", [matrix.Request(payload=b"hello", wait_milliseconds=500)]),
    "trailers_only": ("Unary", [matrix.Request(status=5, message="no such thing")]),
    "cancel": ("ServerStream", [matrix.Request(payload=b"c", count=1000, wait_milliseconds=50)]),
    "deadline": ("Unary", [matrix.Request(payload=b"late", wait_milliseconds=5000)]),
    "keepalive": ("BidiStream", [matrix.Request(payload=b"ping")]),
    "idle": ("Unary", [matrix.Request(payload=b"hello")]),
    "metadata_bin": ("Unary", [matrix.Request(payload=b"trace")]),
}


def main(scenarios):
    """Runs CLIENT SCENARIO[,SCENARIO]... ADDRESS or CLIENT list. A scenario takes the address and gives an outcome."""
    if sys.argv[1] == "list":
        print(json.dumps(list(scenarios)))
        return
    for name in sys.argv[1].split(","):
        print(json.dumps({"scenario": name, **scenarios[name](sys.argv[2])}), flush=True)


def extra_metadata():
    """What MATRIX_METADATA adds to every call: "name=value,..."."""
    return [tuple(pair.split("=", 1)) for pair in os.environ.get("MATRIX_METADATA", "").split(",") if pair]


def path_of(scenario):
    return f"/matrix.v1.Matrix/{REQUESTS[scenario][0]}"


def request_of(scenario):
    return REQUESTS[scenario][1][0]


def framed(scenario):
    """The whole request body: each message behind a flag and its length."""
    messages = [request.SerializeToString() for request in REQUESTS[scenario][1]]
    return b"".join(b"\0" + len(message).to_bytes(4, "big") + message for message in messages)


def fields_of(scenario):
    """The header fields of a hand-made call."""
    fields = [("content-type", "application/grpc"), ("te", "trailers"), *extra_metadata()]
    if scenario == "metadata_bin":
        fields.append(("trace-bin", base64.b64encode(TRACE).decode().rstrip("=")))
    return fields


def messages_of(body):
    """The messages of a response body, which must end behind one."""
    messages = []
    while body:
        length = int.from_bytes(body[1:5], "big")
        if len(body) < 5 + length:
            raise ValueError(f"the body ends within a message of {length} bytes")
        messages.append(matrix.Response.FromString(body[5 : 5 + length]))
        body = body[5 + length :]
    return messages


def shown(scenario, messages):
    """What an outcome tells of the messages."""
    if not messages:
        return {}
    if scenario == "server_stream":
        return {
            "numbers": [message.number for message in messages],
            "payloads": sum(message.payload == b"s" for message in messages),
        }
    if scenario == "client_stream":
        return {"payload": messages[0].payload.decode(), "number": messages[0].number}
    if scenario == "megabyte":
        return digest(messages[0].payload)
    if scenario == "metadata_bin":
        return {}
    return {"payload": messages[0].payload.decode()}


def digest(payload):
    return {"length": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}


def status_of(fields):
    """The gRPC status that stands in trailers, or in the headers of a Trailers-Only response."""
    if "grpc-status" not in fields:
        return {"code": None, "message": ""}
    code = int(fields["grpc-status"])
    return {"code": code, "message": urllib.parse.unquote(fields.get("grpc-message", "")) if code else ""}


def hexadecimal(text):
    """A `-bin` value, whose padding is optional."""
    with contextlib.suppress(ValueError):
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).hex()
    return f"not base64: {text}"
