"""A mail server for tests that want it to be strict, or have no other (aiosmtpd), and a reader of what it was given (Python's own email package).

    mail.py serve PORT MAILDIR [CERT KEY USER PASSWORD]   takes every message; with a certificate, only after STARTTLS and login
    mail.py send PORT TO HEADERS TEXT                     sends a message with these headers (JSON), as a newsletter's program would
    mail.py read MAILDIR                                  prints each message as JSON, one a line, in the order they came

Neither knows anything of Assent.
"""

import email
import email.message
import email.policy
import json
import mailbox
import pathlib
import ssl
import sys
import time


def serve(port, folder, cert=None, key=None, user=None, password=None):
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Mailbox
    from aiosmtpd.smtp import AuthResult

    def login(server, session, envelope, mechanism, data):
        good = (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=good, handled=False)

    options = {}
    if cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)
        options = dict(tls_context=context, require_starttls=True, auth_required=True, authenticator=login)
    Controller(Mailbox(folder), hostname="127.0.0.1", port=int(port), **options).start()
    print("listening", flush=True)
    while True:
        time.sleep(60)


def send(port, to, headers, text):
    import smtplib

    # Long headers as they are: mail programs read them so.
    message = email.message.EmailMessage(policy=email.policy.default.clone(max_line_length=900))
    message["From"], message["To"], message["Subject"] = "news@example.org", to, "News"
    for name, value in json.loads(headers).items():
        message[name] = value
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", int(port)) as server:
        server.send_message(message)


def read(folder):
    box = mailbox.Maildir(folder, create=False)
    for name in sorted(box.keys(), key=lambda name: pathlib.Path(folder, box._lookup(name)).stat().st_mtime_ns):
        message = email.message_from_bytes(box.get_bytes(name), policy=email.policy.default)
        parts = [part for part in message.walk() if not part.is_multipart()]
        body = lambda kind: message.get_body((kind,)).get_content()
        print(json.dumps({
            "headers": [[name.lower(), str(value)] for name, value in message.items()],
            "types": [message.get_content_type()] + [part.get_content_type() for part in parts],
            "text": body("plain"),
            "html": body("html"),
            "defects": [str(defect) for part in message.walk() for defect in part.defects],
        }))


{"serve": serve, "send": send, "read": read}[sys.argv[1]](*sys.argv[2:])
