"""HTTP/1.1 over TLS by Python's ssl: tls_server.py NAME CERTIFICATE KEY."""

import http.server
import json
import ssl
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{sys.argv[1]} {self.request_version} {self.headers['Host']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """The handshake belongs to the connection's own thread, or a silent client would keep the others waiting."""

    def finish_request(self, request, client_address):
        with context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)
            # Says close_notify, without which an end could be anybody's.
            secured.unwrap()

    def handle_error(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
context.set_alpn_protocols(["http/1.1"])
server = Server(("127.0.0.1", 0), Handler)
print(json.dumps({"listening": server.server_address[1]}), flush=True)
server.serve_forever()
