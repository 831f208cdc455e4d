"""The matrix's httpx client: hyper-h2 below, gRPC by hand. It shows headers and bodies, never trailers."""

import asyncio
import functools

import httpx
from scenarios import (
    CALL_SECONDS,
    DEADLINE_SECONDS,
    IDLE_SECONDS,
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


def scenario(run):
    """run(client) on a connection of its own, which nothing but its end closes."""

    def outcome(address):
        async def once():
            limits = httpx.Limits(max_connections=1, keepalive_expiry=None)
            timeout = httpx.Timeout(CALL_SECONDS)
            async with httpx.AsyncClient(
                base_url=f"http://{address}", http1=False, http2=True, limits=limits, timeout=timeout, trust_env=False
            ) as client:
                return await run(client)

        return asyncio.run(once())

    return outcome


async def post(client, name, **settings):
    return await client.post(path_of(name), content=framed(name), headers=fields_of(name), **settings)


async def call(name, client):
    response = await post(client, name)
    return {**answered(response), **shown(name, messages_of(response.content))}


def answered(response):
    return {**status_of(response.headers), "http": response.status_code}


async def client_stream(client):
    async def pieces():
        body = framed("client_stream")
        for start in range(0, len(body), 8):
            yield body[start : start + 8]

    response = await client.post(path_of("client_stream"), content=pieces(), headers=fields_of("client_stream"))
    return {**answered(response), **shown("client_stream", messages_of(response.content))}


async def hundred_streams(client):
    responses = await asyncio.gather(*(post(client, "hundred_streams") for _ in range(100)))
    finished = sum(shown("unary", messages_of(response.content)) == {"payload": "hello"} for response in responses)
    slowest = max(response.elapsed.total_seconds() for response in responses)
    return {**answered(responses[0]), "finished": finished, "side_by_side": slowest < 10}


async def cancel(client):
    async with client.stream("POST", path_of("cancel"), content=framed("cancel"), headers=fields_of("cancel")) as response:
        async for chunk in response.aiter_raw():
            first = messages_of(chunk)
            break
    # The connection has to serve another call behind the one that was given up.
    after = await call("unary", client)
    return {"code": 1, "message": "", "received": len(first[:1]), "payload": after.get("payload")}


async def deadline(client):
    try:
        await post(client, "deadline", timeout=DEADLINE_SECONDS)
    except httpx.ReadTimeout:
        return {"code": 4, "message": ""}
    return {"code": 0, "message": ""}


async def idle(run, client):
    await run(client)
    await asyncio.sleep(IDLE_SECONDS)
    return await run(client)


async def metadata_bin(client):
    response = await post(client, "metadata_bin")
    return {**answered(response), "initial": hexadecimal(response.headers.get("trace-bin", ""))}


async def get(client, path="/hello"):
    response = await client.get(path, headers=extra_metadata())
    told = {"payload": response.text} if path == "/hello" else digest(response.content)
    return {"code": None, "message": "", "http": response.status_code, **told}


async def hundred_gets(client):
    outcomes = await asyncio.gather(*(get(client) for _ in range(100)))
    finished = sum((outcome["http"], outcome["payload"]) == (200, "hello") for outcome in outcomes)
    return {"code": None, "message": "", "finished": finished}


if __name__ == "__main__":
    main(
        {
            "unary": scenario(functools.partial(call, "unary")),
            "server_stream": scenario(functools.partial(call, "server_stream")),
            "client_stream": scenario(client_stream),
            "megabyte": scenario(functools.partial(call, "megabyte")),
            "hundred_streams": scenario(hundred_streams),
            "trailers_only": scenario(functools.partial(call, "trailers_only")),
            "cancel": scenario(cancel),
            "deadline": scenario(deadline),
            "idle": scenario(functools.partial(idle, functools.partial(call, "idle"))),
            "metadata_bin": scenario(metadata_bin),
            "get": scenario(get),
            "get_megabyte": scenario(functools.partial(get, path="/megabyte")),
            "hundred_gets": scenario(hundred_gets),
            "idle_get": scenario(functools.partial(idle, get)),
        }
    )
