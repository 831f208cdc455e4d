"""curl as a client of the matrix: one process for each scenario, its output turned into an outcome."""

import functools
import pathlib
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

TIMED_OUT = 28


def curl(url, fields, *arguments, seconds=CALL_SECONDS):
    """The process's status, the response's status, its header and trailer fields, its body."""
    headers = [argument for name, value in fields for argument in ("--header", f"{name}: {value}")]
    with tempfile.TemporaryDirectory() as folder:
        heads, body = pathlib.Path(folder, "heads"), pathlib.Path(folder, "body")
        done = subprocess.run(
            [
                "curl", "--http2-prior-knowledge", "--silent", "--show-error", "--max-time", str(seconds), *headers,
                "--dump-header", heads, "--output", body, "--write-out", "%{http_code}", *arguments, url,
            ],
            capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode not in (0, TIMED_OUT):
            return done, [], b""
        return done, heads.read_text().splitlines() if heads.exists() else [], body.read_bytes() if body.exists() else b""


def post(name, address, **settings):
    with tempfile.NamedTemporaryFile() as body:
        body.write(framed(name))
        body.flush()
        return curl(f"http://{address}{path_of(name)}", fields_of(name), "--data-binary", f"@{body.name}", **settings)


def call(name, address):
    done, lines, body = post(name, address)
    if done.returncode:
        return failed(done)
    initial, trailing = sections(lines)
    told = {} if name != "metadata_bin" else {
        "initial": hexadecimal(initial.get("trace-bin", "")),
        "trailing": hexadecimal(trailing.get("trace-bin", "")),
    }  # fmt: skip
    return {**status_of({**initial, **trailing}), "http": int(done.stdout), **shown(name, messages_of(body)), **told}


def failed(done):
    return {"code": 14, "message": done.stderr.strip()}


def sections(lines):
    """curl writes header fields, an empty line, and behind it the trailers."""
    found = [{}, {}]
    section = 0
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            found[section][name.lower()] = value.strip()
        else:
            section = 1
    return found


def deadline(address):
    done, _, _ = post("deadline", address, seconds=DEADLINE_SECONDS)
    return {"code": 4, "message": ""} if done.returncode == TIMED_OUT else failed(done)


def get(path, show, address):
    done, _, body = curl(f"http://{address}{path}", extra_metadata())
    return {"code": None, "message": "", "http": int(done.stdout), **show(body)} if not done.returncode else failed(done)


if __name__ == "__main__":
    posts = ["unary", "server_stream", "client_stream", "megabyte", "trailers_only", "metadata_bin"]
    main(
        {
            **{name: functools.partial(call, name) for name in posts},
            "deadline": deadline,
            "get": functools.partial(get, "/hello", lambda body: {"payload": body.decode()}),
            "get_megabyte": functools.partial(get, "/megabyte", digest),
        }
    )
