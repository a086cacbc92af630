"""A server over TLS that takes everything: Python's own http.server and ssl.

    https.py PORT CERT KEY    answers each POST with 204, and prints a line for it

Whoever does not finish the handshake is not heard: nothing was said. Knows nothing of Assent.
"""

import http.server
import ssl
import sys


class Takes(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        print("took", body.decode(), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


port, cert, key = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(cert, key)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Takes)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("listening", flush=True)
server.serve_forever()
