"""grpcurl as a client of the matrix: one process for each scenario, its output turned into an outcome."""

import base64
import functools
import json
import pathlib
import re
import subprocess
import time

import matrix_pb2 as matrix
from google.protobuf import json_format
from scenarios import CALL_SECONDS, DEADLINE_SECONDS, REQUESTS, TRACE, extra_metadata, hexadecimal, main, shown

PROTO = pathlib.Path(__file__).parents[2] / "proto"
# Status N is exit status 64 + N.
STATUS_OFFSET = 64
# What grpc-go raises every shorter time to, and a stay that sees one PING.
KEEPALIVE_SECONDS = 10
KEEPALIVE_STAY_SECONDS = 11


def command(name, address, *arguments, seconds=CALL_SECONDS):
    headers = [argument for pair in extra_metadata() for argument in ("-H", "{}: {}".format(*pair))]
    return [
        "grpcurl", "-plaintext", f"-import-path={PROTO}", "-proto=matrix.proto", "-format-error", f"-max-time={seconds}",
        "-max-msg-sz=4194304", "-d=@", *headers, *arguments, address, f"matrix.v1.Matrix/{REQUESTS[name][0]}",
    ]  # fmt: skip


def call(name, address, *arguments, **settings):
    requests = "".join(json_format.MessageToJson(request) for request in REQUESTS[name][1])
    return subprocess.run(command(name, address, *arguments, **settings), input=requests, capture_output=True, text=True)


def status(done):
    if done.returncode == 0:
        return {"code": 0, "message": ""}
    told = re.search(r"\{.*\}", done.stderr, re.DOTALL)
    message = json.loads(told[0]).get("message", "") if told else done.stderr.strip()
    return {"code": done.returncode - STATUS_OFFSET, "message": message}


def messages(text):
    """grpcurl prints a JSON object for each message, one behind the other."""
    decoder, found = json.JSONDecoder(), []
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        found.append(json_format.ParseDict(value, matrix.Response()))
        text = text[end:]
    return found


def plain(name, address):
    done = call(name, address)
    return {**status(done), **shown(name, messages(done.stdout))}


def deadline(address):
    return {**status(call("deadline", address, seconds=DEADLINE_SECONDS)), "message": ""}


def metadata_bin(address):
    done = call("metadata_bin", address, "-v", f"-H=trace-bin: {base64.b64encode(TRACE).decode()}")
    initial, _, trailing = done.stdout.partition("Response trailers received:")
    told = [re.search(r"^trace-bin: (\S+)$", section, re.MULTILINE) for section in (initial.partition("Response headers received:")[2], trailing)]
    return {**status(done), "initial": hexadecimal(told[0][1] if told[0] else ""), "trailing": hexadecimal(told[1][1] if told[1] else "")}


def bidi(address):
    with Conversation("bidi", address) as conversation:
        numbers = [conversation.ping_pong() for _ in range(10)]
        return {**conversation.finish(), "numbers": numbers}


def keepalive(address):
    with Conversation("keepalive", address, f"-keepalive-time={KEEPALIVE_SECONDS}") as conversation:
        conversation.ping_pong()
        time.sleep(KEEPALIVE_STAY_SECONDS)
        alive = conversation.ping_pong() == 1
        return {**conversation.finish(), "alive": alive}


class Conversation:
    """A grpcurl that is told its messages one by one."""

    def __init__(self, name, address, *arguments):
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command(name, address, *arguments), stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def ping_pong(self):
        """The answer's number; None if the call ended instead."""
        self._process.stdin.write(json_format.MessageToJson(REQUESTS["bidi"][1][0]))
        self._process.stdin.flush()
        answer = ""
        for line in self._process.stdout:
            answer += line
            if line == "}\n":
                return messages(answer)[0].number
        return None

    def finish(self):
        self._process.stdin.close()
        self._process.wait(CALL_SECONDS)
        return status(subprocess.CompletedProcess(self._process.args, self._process.returncode, "", self._process.stderr.read()))


if __name__ == "__main__":
    calls = ["unary", "server_stream", "client_stream", "megabyte", "trailers_only"]
    main(
        {
            **{name: functools.partial(plain, name) for name in calls},
            "bidi": bidi,
            "deadline": deadline,
            "keepalive": keepalive,
            "metadata_bin": metadata_bin,
        }
    )
