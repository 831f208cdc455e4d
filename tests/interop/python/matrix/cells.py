"""Which scenarios a client runs against a server, what must come back, and why the others do not apply.

A reason is one of the client's or the server's own, seen without the proxy. A run through it may contradict this table,
never shrink it.
"""

from matrix.peers import CLIENTS, FILE_SERVER, GRPC_CLIENTS, SERVERS

MEGABYTE_SHA256 = "e76e4c02227083fd12207b7bc85287bb9e02a618fed3bd8eab1bc2daeda2fb53"
ANSWERS = {"code": 0, "message": ""}

# What must stand in the outcome. Libraries word their own cancellation as they like: it must only be the same through
# Spliceway as without.
GRPC_SCENARIOS = {
    "unary": {**ANSWERS, "payload": "hello"},
    "server_stream": {**ANSWERS, "numbers": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "payloads": 10},
    "client_stream": {**ANSWERS, "payload": "abc", "number": 3},
    "bidi": {**ANSWERS, "numbers": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]},
    "megabyte": {**ANSWERS, "length": 1048576, "sha256": MEGABYTE_SHA256},
    "hundred_streams": {**ANSWERS, "finished": 100},
    "trailers_only": {"code": 5, "message": "no such thing"},
    "cancel": {"code": 1, "received": 1},
    "deadline": {"code": 4},
    "keepalive": {**ANSWERS, "alive": True},
    "idle": {**ANSWERS, "payload": "hello"},
    "metadata_bin": {**ANSWERS, "initial": "00ff802c0a", "trailing": "00ff802c0a"},
}
WEB_SCENARIOS = {
    "get": {"http": 200, "payload": "hello"},
    "get_megabyte": {"http": 200, "length": 1048576, "sha256": MEGABYTE_SHA256},
    "hundred_gets": {"finished": 100},
    "idle_get": {"http": 200, "payload": "hello"},
}
SCENARIOS = [*GRPC_SCENARIOS, *WEB_SCENARIOS]

MEANING = {
    "unary": "one request, one answer",
    "server_stream": "one request, ten answers",
    "client_stream": "three requests, one answer",
    "bidi": "ten requests, each sent when the one before is answered",
    "megabyte": "1,048,576 bytes there and back, compared by digest",
    "hundred_streams": "a hundred calls open at the same time on one connection",
    "trailers_only": "an error without a message: status 5 and its text",
    "cancel": "the client cancels behind the first of a thousand answers",
    "deadline": "a deadline of at most a second, an answer that would take 5 s",
    "keepalive": "a call that is quiet while PINGs go, then answers once more",
    "idle": "3 s without a call, then one",
    "metadata_bin": "bytes 00 ff 80 2c 0a as `-bin` metadata, back as initial and as trailing metadata",
    "get": "GET of five bytes",
    "get_megabyte": "GET of 1,048,576 bytes, compared by digest",
    "hundred_gets": "a hundred GETs at once on one connection",
    "idle_get": "3 s without a request, then a GET",
}

HALF_DUPLEX = "sends a whole request before it shows any of the answer"
ONE_CALL = "makes one call and ends"
ONE_CONNECTION = "a process is a connection: ending the call ends both"
NO_PINGS = "never sends a PING"
NO_BODY = "shows neither bodies nor trailers"
REUSE = "7.88 cannot use a connection with prior knowledge twice (error 16, without any proxy)"

ABSENT = {
    "grpcurl": {"hundred_streams": ONE_CALL, "cancel": ONE_CONNECTION, "idle": ONE_CALL},
    "curl": {
        "bidi": HALF_DUPLEX,
        "cancel": ONE_CONNECTION,
        "keepalive": NO_PINGS,
        "hundred_streams": REUSE,
        "hundred_gets": REUSE,
        "idle": REUSE,
        "idle_get": REUSE,
    },
    "nghttp": {
        "bidi": HALF_DUPLEX,
        "cancel": ONE_CONNECTION,
        "keepalive": NO_PINGS,
        "idle": "sends all its requests at once",
        "idle_get": "sends all its requests at once",
    },
    "h2load": {
        **dict.fromkeys(["server_stream", "client_stream", "bidi", "trailers_only", "metadata_bin"], NO_BODY),
        "cancel": "cancels nothing",
        "deadline": "has no time limit for a request",
        "keepalive": NO_PINGS,
        "idle": "stops only at its end",
        "idle_get": "stops only at its end",
    },
    "httpx": {"bidi": HALF_DUPLEX, "keepalive": NO_PINGS},
}
NO_GRPC_SERVER = "is no gRPC server: that its 404 becomes the same status is all there is to see"
NO_FILES = "has no files to GET"
ONE_BY_ONE = "opens one stream at a time until a server names its limit, which this one does not"

# What a client does not show cannot be compared: h2load counts, httpx shows no trailers.
UNSEEN = {
    "h2load": {
        "unary": {"succeeded": 1, "body_bytes": 12},
        "megabyte": {"succeeded": 1, "body_bytes": 1048585},
        "hundred_streams": {"succeeded": 100, "body_bytes": 1200, "within_10_s": True},
        "get": {"succeeded": 1, "body_bytes": 5},
        "get_megabyte": {"succeeded": 1, "body_bytes": 1048576},
        "hundred_gets": {"succeeded": 100, "body_bytes": 500},
    },
    "httpx": {
        "unary": {"http": 200, "payload": "hello"},
        "server_stream": {"http": 200, "numbers": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "payloads": 10},
        "client_stream": {"http": 200, "payload": "abc", "number": 3},
        "megabyte": {"http": 200, "length": 1048576, "sha256": MEGABYTE_SHA256},
        "hundred_streams": {"http": 200, "finished": 100, "side_by_side": True},
        "idle": {"http": 200, "payload": "hello"},
        "metadata_bin": {"http": 200, "initial": "00ff802c0a"},
    },
}
# gRPC's mapping of HTTP statuses: 404 is UNIMPLEMENTED. tonic takes the body for a message and says INTERNAL.
NOT_FOUND = {"code": 12}
NOT_FOUND_AS_MESSAGE = {"code": 13}
# The reasons of single pairs.
PAIRS = {
    **{("httpx", server, "hundred_streams"): ONE_BY_ONE for server in ("grpc-go", "grpcio", "grpc-js", "tonic")},
    ("httpx", "Go h2c", "trailers_only"): "shows no trailers, and net/http sends an error's HEADERS before them",
}


# Both ends keep a call's deadline. grpc-go's servers reset a call at theirs, with CANCEL. Where that comes before the
# client's own timer, some clients say 1 for 4, in up to 11 of 60 calls without the proxy, and Envoy answers with 14.
TWO_TIMERS = {"grpc-go": [1], "Envoy": [1, 14]}


def steady(server, scenario, outcome):
    """The outcome without what two runs of the same cell need not have in common."""
    if scenario == "deadline" and outcome["code"] in TWO_TIMERS.get(server, []):
        return {**outcome, "code": 4, "message": ""}
    return outcome


def why_not(client, server, scenario):
    """None if the client runs the scenario against the server, else the reason."""
    if server == FILE_SERVER and client in GRPC_CLIENTS:
        return None if scenario == "unary" else NO_GRPC_SERVER
    if (scenario in WEB_SCENARIOS) != (server == FILE_SERVER):
        return NO_FILES if scenario in WEB_SCENARIOS else NO_GRPC_SERVER
    return PAIRS.get((client, server, scenario)) or ABSENT.get(client, {}).get(scenario)


def scenarios_of(client, server):
    """In the order of the tables. gRPC clients have no GETs, which are no cells of theirs at all."""
    return [scenario for scenario in SCENARIOS if scenario_exists(client, server, scenario) and not why_not(client, server, scenario)]


def scenario_exists(client, server, scenario):
    """GETs are cells of the file server's and of clients without gRPC."""
    return scenario in GRPC_SCENARIOS or (server == FILE_SERVER and client not in GRPC_CLIENTS)


def expected(client, server, scenario):
    """The fields that the outcome must have, with these values."""
    if server == FILE_SERVER and client in GRPC_CLIENTS:
        return NOT_FOUND_AS_MESSAGE if client == "tonic" else NOT_FOUND
    return UNSEEN.get(client, {}).get(scenario) or {**GRPC_SCENARIOS, **WEB_SCENARIOS}[scenario]


def pairs():
    return [(client, server) for client in CLIENTS for server in SERVERS]
