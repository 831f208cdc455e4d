"""nghttp as a client of the matrix. It writes frames or bodies, so calls whose body matters are made twice."""

import functools
import re
import subprocess
import tempfile

from scenarios import (
    CALL_SECONDS,
    DEADLINE_SECONDS,
    digest,
    extra_metadata,
    fields_of,
    framed,
    hexadecimal,
    main,
    messages_of,
    path_of,
    shown,
    status_of,
)


def nghttp(url, fields, *arguments, seconds=str(CALL_SECONDS)):
    headers = [f"--header={name}: {value}" for name, value in fields]
    return subprocess.run(["nghttp", f"--timeout={seconds}", *headers, *arguments, url], capture_output=True)


def post(name, address, *arguments, **settings):
    with tempfile.NamedTemporaryFile() as body:
        body.write(framed(name))
        body.flush()
        return nghttp(f"http://{address}{path_of(name)}", fields_of(name), f"--data={body.name}", *arguments, **settings)


def received(done):
    """The fields of each frame that carried any, in order: [{":status": "200", ...}, {"grpc-status": "0"}]."""
    told = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout.decode())
    blocks, block = [], {}
    for line in told.splitlines():
        if field := re.search(r"recv \(stream_id=\d+\) (:?[^:]+): ?(.*)", line):
            block[field[1]] = field[2].strip()
        elif "recv HEADERS frame" in line:
            blocks.append(block)
            block = {}
    return blocks


def call(name, address):
    blocks = received(post(name, address, "--verbose", "--null-out"))
    if not blocks:
        return {"code": 14, "message": "no response"}
    initial, trailing = blocks[0], blocks[-1]
    told = {} if name != "metadata_bin" else {
        "initial": hexadecimal(initial.get("trace-bin", "")),
        "trailing": hexadecimal(trailing.get("trace-bin", "")),
    }  # fmt: skip
    body = post(name, address).stdout
    return {**status_of({**initial, **trailing}), "http": int(initial[":status"]), **shown(name, messages_of(body)), **told}


def hundred_streams(address):
    """Within the time of few: each answer waits half a second."""
    done = post("hundred_streams", address, "--verbose", "--null-out", "--multiply=100", seconds="10s")
    blocks = received(done)
    finished = sum(block.get("grpc-status") == "0" for block in blocks)
    return {"code": 0 if finished == 100 else 2, "message": "", "finished": finished}


def deadline(address):
    done = post("deadline", address, "--null-out", seconds=str(DEADLINE_SECONDS))
    return {"code": 4 if b"[ERROR] Timeout" in done.stderr else 2, "message": ""}


def get(path, show, address):
    fields = extra_metadata()
    initial = received(nghttp(f"http://{address}{path}", fields, "--verbose", "--null-out"))[0]
    body = nghttp(f"http://{address}{path}", fields).stdout
    return {"code": None, "message": "", "http": int(initial[":status"]), **show(body)}


def hundred_gets(address):
    done = nghttp(f"http://{address}/hello", extra_metadata(), "--verbose", "--null-out", "--multiply=100")
    finished = sum(block.get(":status") == "200" for block in received(done))
    return {"code": None, "message": "", "finished": finished}


if __name__ == "__main__":
    posts = ["unary", "server_stream", "client_stream", "megabyte", "trailers_only", "metadata_bin"]
    main(
        {
            **{name: functools.partial(call, name) for name in posts},
            "hundred_streams": hundred_streams,
            "deadline": deadline,
            "get": functools.partial(get, "/hello", lambda body: {"payload": body.decode()}),
            "get_megabyte": functools.partial(get, "/megabyte", digest),
            "hundred_gets": hundred_gets,
        }
    )
