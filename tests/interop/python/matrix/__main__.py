"""Runs the whole matrix on both engines, and writes docs/interop/results.json and docs/INTEROP.md.

    python -m matrix              (by tests/interop/run --matrix, which installs the peers)
    python -m matrix document     writes the document anew from the results, without a run
"""

import datetime
import json
import os
import sys
import tempfile
import time

from matrix import document
from matrix.cells import pairs
from matrix.peers import Servers
from matrix.run import DIRECT, THROUGH, cell, differences, run_all
from matrix.versions import versions

ENGINES = ["io_uring", "epoll"]


def main():
    if sys.argv[1:] == ["document"]:
        document.DOCUMENT.write_text(document.render(document.results()))
        return 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Servers(folder) as servers:
        direct = run_all([cell(client, server, DIRECT) for client, server in pairs()], servers, told)
        through = {engine: run_on(engine, servers) for engine in ENGINES}
    results = {
        "date": datetime.date.today().isoformat(),
        "minutes": round((time.monotonic() - started) / 60),
        "versions": versions(),
        "pairs": [recorded(client, server, direct, through) for client, server in pairs()],
    }
    document.RESULTS.parent.mkdir(exist_ok=True)
    document.RESULTS.write_text(written(results))
    document.DOCUMENT.write_text(document.render(results))
    red = wrong(direct, through)
    print("\n".join(red) or "everything is the same")
    return 1 if red else 0


def run_on(engine, servers):
    os.environ["SPLICEWAY_ENGINE"] = engine
    return run_all([cell(client, server, way) for client, server in pairs() for way in THROUGH], servers, told)


def told(cell, run):
    print(f"{time.strftime('%H:%M:%S')} {os.environ.get('SPLICEWAY_ENGINE', '')} {cell} {run.problem}", flush=True)


def wrong(direct, through):
    lines = []
    for client, server in pairs():
        alone = direct[cell(client, server, DIRECT)]
        lines += differences(cell(client, server, DIRECT), alone, alone)
        for engine, runs in through.items():
            for way in THROUGH:
                this = cell(client, server, way)
                lines += [f"{engine}: {line}" for line in differences(this, alone, runs[this])]
    return lines


def recorded(client, server, direct, through):
    """The outcomes without the proxy, and of each way through it what was not the same: {} if all was."""
    alone = direct[cell(client, server, DIRECT)]
    ways = {}
    for engine, runs in through.items():
        for way in THROUGH:
            run = runs[cell(client, server, way)]
            # An outcome that is missing is none that was the same.
            different = {name: run.outcomes.get(name) for name in alone.outcomes if run.outcomes.get(name) != alone.outcomes[name]}
            ways[f"{engine} {way}"] = {**different, **({"problem": run.problem} if run.problem else {})}
    problem = {"problem": alone.problem} if alone.problem else {}
    return {"client": client, "server": server, "direct": alone.outcomes, **problem, "through": ways}


def written(results):
    """JSON with a line for each pair, so that a change shows which."""
    head = {name: value for name, value in results.items() if name != "pairs"}
    lines = ",\n".join(json.dumps(pair) for pair in results["pairs"])
    return json.dumps(head, indent=1)[:-2] + f',\n "pairs": [\n{lines}\n]}}\n'


if __name__ == "__main__":
    sys.exit(main())
