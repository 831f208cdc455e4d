"""The grpcio client of the suite: makes the calls of one command and prints one JSON object."""

import collections
import hashlib
import json
import sys
import time

import grpc
from services import kv, kv_services, users, users_services

LARGE_PHOTO_BYTES = 1 << 20
STREAMED_USERS = 500
CALL_TIMEOUT_SECONDS = 20
SWITCHED_CALLS = 20


def call_users(target):
    """Every kind of call once, on one connection."""
    with connect(target) as channel:
        client = users_services.UsersStub(channel)
        unary = add_user(client, name="Ada")
        names = [user.name for user in client.GetUsers(users.GetUsersRequest(count=STREAMED_USERS), timeout=CALL_TIMEOUT_SECONDS)]
        large = add_user(client, name="Grace", photo=b"spliceway-photo\n" * (LARGE_PHOTO_BYTES // 16))
        try:
            add_user(client, name="")
            failure = {"code": 0, "message": ""}
        except grpc.RpcError as error:
            failure = {"code": error.code().value[0], "message": error.details()}
        trace = bytes([0, 1, 2, 127, 128, 253, 254, 255])
        request = users.AddUserRequest(user=users.User(name="Ada"))
        _, call = client.AddUser.with_call(request, metadata=[("trace-bin", trace)], timeout=CALL_TIMEOUT_SECONDS)
        return {
            "unary": {"id": unary.id, "name": unary.name},
            "stream": {"count": len(names), "first": names[0], "last": names[-1]},
            "large": {"bytes": len(large.photo), "sha256": hashlib.sha256(large.photo).hexdigest()},
            "error": failure,
            "binary": {
                "initial": dict(call.initial_metadata())["trace-bin"].hex(),
                "trailing": dict(call.trailing_metadata())["trace-bin"].hex(),
            },
        }


def add(target, calls):
    with connect(target) as channel:
        client = users_services.UsersStub(channel)
        for _ in range(int(calls)):
            added = add_user(client, name="Ada")
            if added.id != 3:
                raise ValueError(f"AddUser answered {added}")
        return {"ok": int(calls)}


def exercise_key_value(target, namespace, channels, keys):
    """Writes, reads back, deletes and misses every key, over several connections."""
    stores = collections.Counter()
    operations = 0
    routing = {"metadata": [("x-prism-namespace", namespace)], "timeout": CALL_TIMEOUT_SECONDS}
    for channel_index in range(int(channels)):
        with connect(target) as channel:
            client = kv_services.KeyValueStub(channel)
            for index in range(int(keys)):
                key = f"python-{channel_index}-{index}"
                value = f"{namespace}/{key}".encode()
                client.Set(kv.SetRequest(key=key, value=value), **routing)
                got = client.Get(kv.GetRequest(key=key), **routing)
                deleted = client.Delete(kv.DeleteRequest(key=key), **routing)
                try:
                    client.Get(kv.GetRequest(key=key), **routing)
                    raise ValueError(f"{key} outlived its deletion")
                except grpc.RpcError as error:
                    if error.code() is not grpc.StatusCode.NOT_FOUND:
                        raise
                if got.value != value or not deleted.existed:
                    raise ValueError(f"{key}: read {got.value}, existed {deleted.existed}")
                stores[got.store] += 1
                operations += 4
    return {"operations": operations, "stores": stores}


def switch(target, calls, pause_ms):
    """One channel whose calls change their namespace now and then: which store answered, and what went wrong."""
    stores, failures = collections.Counter(), []
    with connect(target) as channel:
        client = kv_services.KeyValueStub(channel)
        for index in range(int(calls)):
            namespace = ["alpha", "beta"][index // SWITCHED_CALLS % 2]
            try:
                got = client.Get(
                    kv.GetRequest(key="known"),
                    metadata=[("x-prism-namespace", namespace)],
                    timeout=CALL_TIMEOUT_SECONDS,
                    wait_for_ready=True,
                )
                stores[f"{namespace} by {got.store}"] += 1
            except grpc.RpcError as error:
                failures.append(f"{index}: {error.code()} {error.details()}")
            time.sleep(int(pause_ms) / 1000)
    return {"stores": stores, "failures": failures}


def store(target):
    """Writes what `switch` reads."""
    with connect(target) as channel:
        kv_services.KeyValueStub(channel).Set(kv.SetRequest(key="known"), timeout=CALL_TIMEOUT_SECONDS)
    return {"ok": True}


def probe(target, *pairs):
    """One call that may fail, and its status."""
    metadata = [tuple(pair.split("=", 1)) for pair in pairs]
    with connect(target) as channel:
        try:
            kv_services.KeyValueStub(channel).Delete(kv.DeleteRequest(key="absent"), metadata=metadata, timeout=CALL_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            return {"code": error.code().value[0], "message": error.details()}
    return {"code": 0, "message": ""}


def connect(target):
    """A channel of its own connection: grpcio shares one between equal targets otherwise."""
    return grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)])


def add_user(client, **fields):
    return client.AddUser(users.AddUserRequest(user=users.User(**fields)), timeout=CALL_TIMEOUT_SECONDS).user


COMMANDS = {
    "add": add,
    "users": call_users,
    "keyvalue": exercise_key_value,
    "switch": switch,
    "store": store,
    "probe": probe,
}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
