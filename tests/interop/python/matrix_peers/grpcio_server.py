"""The matrix service on grpcio. Prints {"listening":PORT} once it accepts; ends on SIGTERM."""

import asyncio
import json
import signal

import grpc
import matrix_pb2 as matrix
import matrix_pb2_grpc as matrix_services

# Not threads, of which a hundred open streams would take a hundred.
OPTIONS = [
    ("grpc.max_receive_message_length", (4 << 20) + 1024),
    ("grpc.http2.min_ping_interval_without_data_ms", 10),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
]


class Matrix(matrix_services.MatrixServicer):
    async def Unary(self, request, context):
        await asyncio.sleep(request.wait_milliseconds / 1000)
        if request.status:
            await context.abort(code_of(request.status), request.message)
        for name, value in context.invocation_metadata():
            if name == "trace-bin":
                await context.send_initial_metadata([(name, value)])
                context.set_trailing_metadata([(name, value)])
        return matrix.Response(payload=request.payload)

    async def ServerStream(self, request, context):
        for number in range(request.count):
            if number:
                await asyncio.sleep(request.wait_milliseconds / 1000)
            yield matrix.Response(payload=request.payload, number=number)

    async def ClientStream(self, requests, context):
        payloads = [request.payload async for request in requests]
        return matrix.Response(payload=b"".join(payloads), number=len(payloads))

    async def BidiStream(self, requests, context):
        number = 0
        async for request in requests:
            yield matrix.Response(payload=request.payload, number=number)
            number += 1


def code_of(number):
    return next(code for code in grpc.StatusCode if code.value[0] == number)


async def main():
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    server = grpc.aio.server(options=OPTIONS)
    matrix_services.add_MatrixServicer_to_server(Matrix(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(json.dumps({"listening": port}), flush=True)
    await ended.wait()
    await server.stop(None)


if __name__ == "__main__":
    asyncio.run(main())
