"""h2load as a client of the matrix. It counts responses and bytes, and shows neither bodies nor trailers."""

import functools
import re
import subprocess
import tempfile

from scenarios import extra_metadata, fields_of, framed, main, path_of


def h2load(url, fields, requests, *arguments):
    headers = [f"--header={name}: {value}" for name, value in fields]
    report = subprocess.run(
        ["h2load", f"--requests={requests}", "--clients=1", f"--max-concurrent-streams={requests}", *headers, *arguments, url],
        capture_output=True, text=True,
    ).stdout  # fmt: skip
    succeeded = re.search(r"(\d+) succeeded, 0 failed, 0 errored, 0 timeout", report)
    data = re.search(r"\((\d+)\) data", report)
    slowest = re.search(r"time for request: +\S+ +([\d.]+)(us|ms|s) ", report)
    if not (succeeded and data and slowest):
        return {"code": 14, "message": report[-500:]}
    seconds = float(slowest[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1}[slowest[2]]
    return {"code": None, "message": "", "succeeded": int(succeeded[1]), "body_bytes": int(data[1]), "within_10_s": seconds < 10}


def post(name, requests, address):
    with tempfile.NamedTemporaryFile() as body:
        body.write(framed(name))
        body.flush()
        return h2load(f"http://{address}{path_of(name)}", fields_of(name), requests, f"--data={body.name}")


def get(path, requests, address):
    return h2load(f"http://{address}{path}", extra_metadata(), requests)


if __name__ == "__main__":
    main(
        {
            "unary": functools.partial(post, "unary", 1),
            "megabyte": functools.partial(post, "megabyte", 1),
            "hundred_streams": functools.partial(post, "hundred_streams", 100),
            "get": functools.partial(get, "/hello", 1),
            "get_megabyte": functools.partial(get, "/megabyte", 1),
            "hundred_gets": functools.partial(get, "/hello", 100),
        }
    )
