"""The grpcio server of the suite. Prints {"listening":PORT} once it accepts."""

import json
import sys
import threading
from concurrent import futures

import grpc
from grpc_reflection.v1alpha import reflection
from services import kv, kv_services, users, users_services


class Users(users_services.UsersServicer):
    def AddUser(self, request, context):
        for name, value in context.invocation_metadata():
            if name == "trace-bin":
                context.send_initial_metadata([(name, value)])
                context.set_trailing_metadata([(name, value)])
        if not request.user.name:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, 'a user needs a name — "name" is empty')
        request.user.id = len(request.user.name.encode())
        return users.AddUserResponse(user=request.user)

    def GetUsers(self, request, context):
        for id in range(1, request.count + 1):
            yield users.User(id=id, name=f"user-{id}")


class KeyValue(kv_services.KeyValueServicer):
    def __init__(self, name):
        self.name = name
        self.lock = threading.Lock()
        self.values = {}

    def Set(self, request, context):
        with self.lock:
            replaced = request.key in self.values
            self.values[request.key] = request.value
        return kv.SetResponse(replaced=replaced)

    def Get(self, request, context):
        with self.lock:
            value = self.values.get(request.key)
        if value is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{self.name} holds no {request.key}")
        return kv.GetResponse(value=value, store=self.name)

    def Delete(self, request, context):
        with self.lock:
            return kv.DeleteResponse(existed=self.values.pop(request.key, None) is not None)


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    users_services.add_UsersServicer_to_server(Users(), server)
    kv_services.add_KeyValueServicer_to_server(KeyValue(sys.argv[1]), server)
    names = [users.DESCRIPTOR.services_by_name["Users"].full_name, kv.DESCRIPTOR.services_by_name["KeyValue"].full_name]
    reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(json.dumps({"listening": port}), flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
