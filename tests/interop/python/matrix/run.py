"""Runs cells: a client's scenarios against a server, direct or through a Spliceway of their own."""

import concurrent.futures
import json
import os
import re
import subprocess
import tempfile
from typing import NamedTuple

from matrix.cells import expected, scenarios_of, steady
from matrix.front import haproxy
from matrix.peers import CLIENTS
from spliceway import Spliceway

DIRECT = "direct"
# Through Spliceway: alone, and with HAProxy in front that sends a PROXY header.
THROUGH = ["plain", "v1", "v2"]

# Most of a scenario is waiting, so more of them run at a time than there are processors.
WORKERS = 8
CLIENT_SECONDS = 240

# RFC 9110 section 5.6.7.
HTTP_DATE = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"

# Every client adds this header, and without it nothing is routed.
HEADER = ("x-matrix", "blue")
CONFIGURATION = """
[[listener]]
name = "matrix"
bind = "127.0.0.1:0"
{proxy_protocol}
[[route]]
match = "{name}={value}"
pool = "servers"

[[pool]]
name = "servers"
backends = ["127.0.0.1:{port}"]
"""
PROXY_PROTOCOL = 'proxy_protocol = "required"\ntrusted = ["127.0.0.0/8"]\n'


class Cell(NamedTuple):
    """`way` is direct or one of THROUGH; `scenarios` is what the client runs, in this order."""

    client: str
    server: str
    way: str
    scenarios: tuple

    def __str__(self):
        return f"{self.client} x {self.server}, {self.way}"


class Run(NamedTuple):
    """What came of a cell: an outcome by scenario, and what is wrong with the run as a whole, if anything."""

    outcomes: dict
    problem: str = ""


def cell(client, server, way):
    return Cell(client, server, way, tuple(scenarios_of(client, server)))


def run_all(cells, servers, told=lambda cell, run: None):
    """A Run for each cell. told(cell, run) hears of each when it is done."""
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        waiting = {pool.submit(run, cell, servers): cell for cell in cells}
        runs = {}
        for done in concurrent.futures.as_completed(waiting):
            runs[waiting[done]] = done.result()
            told(waiting[done], done.result())
        return runs


def run(cell, servers):
    """Never raises for what peers or the proxy do: that is a problem of this cell."""
    try:
        port = servers.port(cell.server)
        if cell.way == DIRECT:
            return Run(outcomes(cell, f"127.0.0.1:{port}"))
        return through(cell, port)
    except (AssertionError, ValueError, OSError, subprocess.TimeoutExpired) as failure:
        return Run({}, str(failure))


def through(cell, port):
    with tempfile.TemporaryDirectory() as folder:
        configuration = os.path.join(folder, "spliceway.toml")
        name, value = HEADER
        proxy_protocol = "" if cell.way == "plain" else PROXY_PROTOCOL
        with open(configuration, "w") as file:
            file.write(CONFIGURATION.format(proxy_protocol=proxy_protocol, name=name, value=value, port=port))
        with Spliceway("--config", configuration) as proxy:
            if cell.way == "plain":
                seen = outcomes(cell, proxy.address)
            else:
                with haproxy(cell.way, proxy.address, folder) as address:
                    seen = outcomes(cell, address)
            return Run(seen, wrong_summaries(cell, port, proxy.stop()))


def outcomes(cell, address):
    """By scenario, without what differs from run to run: ports, and the dates in pages that messages quote."""
    environment = {**os.environ, "MATRIX_METADATA": "{}={}".format(*HEADER)}
    argv = [*map(str, CLIENTS[cell.client]), ",".join(cell.scenarios), address]
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CLIENT_SECONDS, env=environment
    )
    if done.returncode:
        raise ValueError(f"the client ended with status {done.returncode}: {done.stderr[-1000:]}")
    seen = {}
    for line in done.stdout.splitlines():
        outcome = json.loads(re.sub(HTTP_DATE, "DATE", re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", line)))
        scenario = outcome.pop("scenario")
        seen[scenario] = steady(cell.server, scenario, outcome)
    if tuple(seen) != cell.scenarios:
        raise ValueError(f"the client told of {list(seen)}")
    return seen


def wrong_summaries(cell, port, summaries):
    """Every connection was recognised and routed by its first request; "" if so."""
    right = {
        "protocol": "h2c",
        "route": "{}={}".format(*HEADER),
        "backend": f"127.0.0.1:{port}",
        "proxy_protocol": "none" if cell.way == "plain" else cell.way,
    }
    wrong = [summary for summary in summaries if {key: summary.get(key) for key in right} != right]
    if wrong or len(summaries) < len(cell.scenarios):
        return f"{len(summaries)} connections, of which wrong: {json.dumps(wrong[:3])}"
    return ""


def differences(cell, direct, run):
    """A line for each thing that is not as it must be. `direct` is the Run of the same pair without the proxy."""
    found = [f"{cell}: {run.problem}"] if run.problem else []
    for scenario in cell.scenarios:
        outcome = run.outcomes.get(scenario)
        if outcome is None:
            found.append(f"{cell}, {scenario}: no outcome")
            continue
        asked = expected(cell.client, cell.server, scenario)
        if {key: outcome.get(key) for key in asked} != asked:
            found.append(f"{cell}, {scenario}: {outcome}, not {asked}")
        elif outcome != direct.outcomes.get(scenario):
            found.append(f"{cell}, {scenario}: {outcome}, direct {direct.outcomes.get(scenario)}")
    return found
