"""The peers of the matrix that `run` compiles.

A server prints {"listening":PORT}. A client takes SCENARIO[,SCENARIO]... ADDRESS, and prints one JSON object for each
scenario; `list` prints the scenarios it knows.
"""

import pathlib

WORK = pathlib.Path(__file__).parent.parent / ".work"

TONIC = WORK / "rust-target" / "debug" / "matrix-tonic"

SERVERS = {
    "tonic": [TONIC, "server"],
}
CLIENTS = {
    "tonic": [TONIC, "client"],
}
