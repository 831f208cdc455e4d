"""The generated code of ../proto, which `run` puts on PYTHONPATH, under short names."""

import kv_pb2 as kv
import kv_pb2_grpc as kv_services
import users_pb2 as users
import users_pb2_grpc as users_services

__all__ = ["kv", "kv_services", "users", "users_services"]
