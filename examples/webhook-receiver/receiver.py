#!/usr/bin/env python3
"""Hears of decisions: a receiver of Assent's webhooks, to copy.

    pip install standardwebhooks
    receiver.py PORT SECRET_FILE EVENTS_FILE

Checks each event's signature with the library that the authors of Standard Webhooks publish, appends it to EVENTS_FILE (JSON, one a line),
and only then says that it took it. An event that comes again, with the same id, is taken and not written twice. SECRET_FILE holds
the secret (whsec_...); while it is being replaced, the old one on a second line.

What is a yes: "granted" and "renewed" for cookies, "confirmed" for alerts. An alert that was "requested" is none yet. Everything else ends
a yes. Before you write to anybody, ask Assent (POST .../may): it knows what is still on its way to you.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

LONGEST = 64 << 10


def main(port, secret_file, events_file):
    with open(secret_file) as file:
        keys = [Webhook(line.strip()) for line in file if line.strip()]
    seen = set()
    if os.path.exists(events_file):
        with open(events_file) as file:
            seen = {json.loads(line)["id"] for line in file}
    events = open(events_file, "a")
    one_at_a_time = threading.Lock()

    def verified(body, headers):
        for key in keys:
            try:
                return key.verify(body, headers)
            except (WebhookVerificationError, ValueError):
                pass
        return None

    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self):
            length = self.headers.get("content-length", "")
            if not length.isdigit() or int(length) > LONGEST:
                self.close_connection = True
                return self.answer(413)
            event = verified(self.rfile.read(int(length)), dict(self.headers))
            if event is None:
                return self.answer(401)
            with one_at_a_time:
                if event["id"] not in seen:
                    print(json.dumps(event), file=events, flush=True)
                    os.fsync(events.fileno())
                    seen.add(event["id"])
            self.answer(204)

        def answer(self, status):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Receiver)
    print("listening", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
