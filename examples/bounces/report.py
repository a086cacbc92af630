#!/usr/bin/env python3
"""Tells Assent which addresses do not exist, from a mail server's delivery reports (RFC 3464).

    report.py https://privacy.example.org/v1/clinic TOKEN-FILE < message

For an alias or .forward of the mailbox that bounces come to: `|/path/to/report.py ADDRESS TOKEN-FILE`. Only reports of a failure for good
count (`Action: failed` and a `Status` that begins with 5); any other message is let go. Needs nothing but Python. Ends with 75 (try
again later) when Assent cannot be reached, so that the mail server keeps the message. It does not know whether a report is genuine: give it only
what your own mail server made.
"""

import email
import email.policy
import json
import sys
import urllib.error
import urllib.request

TRY_AGAIN = 75


def gone(message):
    """The addresses that a report says do not exist."""
    for part in message.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for about in part.get_payload():
            action = about.get("action", "").strip().lower()
            status = about.get("status", "").strip()
            kind, _, address = about.get("final-recipient", "").partition(";")
            if action == "failed" and status.startswith("5") and kind.strip().lower() == "rfc822":
                yield address.strip()


def main(site, token_file):
    with open(token_file, encoding="ascii") as file:
        token = file.readline().strip()
    message = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.compat32)
    for address in gone(message):
        body = json.dumps({"channel": "email", "address": address}).encode()
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        request = urllib.request.Request(f"{site}/bounced", data=body, headers=headers, method="POST")
        try:
            urllib.request.urlopen(request, timeout=20).close()
        except urllib.error.HTTPError as error:
            # 422: what the report names is no address. Anything else may pass.
            if error.code != 422:
                print(f"Assent answered {error.code}", file=sys.stderr)
                return TRY_AGAIN
        except OSError as error:
            print(f"Assent cannot be reached: {error}", file=sys.stderr)
            return TRY_AGAIN
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
