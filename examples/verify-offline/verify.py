"""Checks one receipt that Assent handed out, with nothing of Assent's: Python and its package `cryptography`.

    python3 verify.py receipt.json [KEY]

KEY is the log's key, from the site's log page; without it the receipt is checked against the key it brings along, which
anyone can make. Exit code: 0 the receipt holds, 1 it does not and the reason is named, 2 it could not be checked.
Deliberately not here: what the record means, witnesses, and whether it is the latest (no receipt can tell).
"""

import base64, hashlib, hmac, json, sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.stderr.write("The package `cryptography` is missing: python3 -m pip install cryptography\n")
    sys.exit(2)

P = 2**255 - 19  # Points of small order, for which anybody can sign, have one of these as y, or a y of P or more.
WEAK = {0, 1, P - 1} | {int.from_bytes(bytes.fromhex(y), "little") for y in (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")}

class Bad(Exception):
    """Why the receipt does not hold: a code for programs and a sentence for people."""

def need(condition, code, sentence):
    if not condition:
        raise Bad(code, sentence)

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def unbase64(text, length=None):
    """The bytes, or None. Only the standard spelling counts: with padding, with no bits left over."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if base64.b64encode(data).decode() == text and length in (None, len(data)) else None

def number(text):
    """A number below 2^64 without sign or leading zero, or None."""
    good = text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")
    return int(text) if good and len(text) < 21 and int(text) < 2**64 else None

def is_name(text):
    return text != "" and not any(c == "+" or c.isspace() or c < " " for c in text)

# ------------------------------------------------------------------------------------------------ what the file says

def read_receipt(text):
    """The record, the proof and the key (FORMAT.md, "Receipt")."""
    def no_field_twice(pairs):
        need(len(dict(pairs)) == len(pairs), "malformed", "this is not a receipt file: a field is there twice")
        return dict(pairs)
    try:
        file = json.loads(text, object_pairs_hook=no_field_twice)
        json.dumps(file, ensure_ascii=False).encode()  # Half a surrogate pair is no text.
    except (ValueError, RecursionError):
        raise Bad("malformed", "this is not a receipt file: it is not JSON") from None
    four = isinstance(file, dict) and set(file) == {"format", "record", "proof", "key"} and all(isinstance(v, str) for v in file.values())
    need(four, "malformed", "this is not a receipt file: it does not have exactly its four texts")
    need(file["format"] == "assent-receipt/v1", "unknown-format", "this file is not in the format assent-receipt/v1")
    return file["record"], file["proof"], file["key"]

def read_proof(text):
    """The salt, the entry's number, the path to the root and the checkpoint (c2sp.org/tlog-proof)."""
    head, _, checkpoint = text.partition("\n\n")
    first, *lines = head.split("\n")
    salt = unbase64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else b""
    index = number(lines.pop(0)[6:]) if lines and lines[0].startswith("index ") else None
    path = [unbase64(line, 32) for line in lines]
    good = first == "c2sp.org/tlog-proof@v1" and None not in (salt, index, *path) and len(path) < 64 and checkpoint
    need(good, "proof-malformed", "the receipt's proof cannot be read")
    return salt, index, path, checkpoint

def read_key(text):
    """Name, ID and type || point of `name+ID+base64(type || point)`; the ID is a hash of the rest (c2sp.org/signed-note)."""
    name, stated, payload = (text.split("+", 2) + ["", ""])[:3]
    payload = unbase64(payload, 33)
    good = is_name(name) and payload is not None and payload[0] in (1, 4)
    y = int.from_bytes(payload[1:], "little") % 2**255 if good else 0
    good = good and sha256(name.encode(), b"\n", payload)[:4].hex() == stated and y < P and y not in WEAK
    need(good, "key-malformed", "the receipt's key cannot be read")
    return name, bytes.fromhex(stated), payload

def read_checkpoint(note, name, key_id, payload):
    """Size and root that the key signed (c2sp.org/signed-note, c2sp.org/tlog-checkpoint)."""
    text, blank, block = note.rpartition("\n\n")
    text += "\n"
    lines = [line.split(" ") for line in block.removesuffix("\n").split("\n")]
    good = blank and block.endswith("\n") and not any(c < " " and c != "\n" for c in note)
    for line in lines:
        good = good and len(line) == 3 and line[0] == "\u2014" and is_name(line[1]) and len(unbase64(line[2]) or b"") > 4
    need(good, "checkpoint-malformed", "the receipt's checkpoint is not a signed note")
    need(payload[0] == 1, "not-a-log-key", "the receipt's key is a witness's key, not a log's")
    ours = [unbase64(line[2])[4:] for line in lines if line[1] == name and unbase64(line[2])[:4] == key_id]
    need(ours, "signature-missing", "the checkpoint is not signed by the log's key")
    try:
        for signature in ours:
            Ed25519PublicKey.from_public_bytes(payload[1:]).verify(signature, text.encode())
    except InvalidSignature:
        raise Bad("signature-wrong", "the checkpoint or its signature was changed: the signature does not fit") from None
    origin, size, root, *more = (text[:-1].split("\n") + ["", ""])[:max(3, text.count("\n"))]
    size, root = number(size), unbase64(root, 32)
    good = is_name(origin) and None not in (size, root) and size < 2**63 and all(more) and (size or root == sha256())
    need(good, "checkpoint-invalid", "what the log signed is not a checkpoint")
    need(origin == name, "origin-mismatch", f"the checkpoint is of {origin}, but the key belongs to {name}")
    return size, root

# ------------------------------------------------------------------------------------------------ whether it is so

def verify(text, trusted=None):
    """The record, the entry's number, the log's name and size, or Bad."""
    record, proof, key = read_receipt(text)
    salt, index, path, checkpoint = read_proof(proof)
    name, key_id, payload = read_key(key)
    need(trusted in (None, key), "key-not-trusted", f"the receipt is signed with the key {key}, which is not the trusted key {trusted}")
    need(len(salt) == 64, "salt-malformed", f"the receipt's proof must carry a salt of 64 bytes, not {len(salt)}")
    size, root = read_checkpoint(checkpoint, name, key_id, payload)
    # The leaf: version 1, type 1 (event), and a commitment to this record in this log that only the salt opens.
    hidden = hmac.new(salt, b"consent-ledger/event/v1\0" + sha256(name.encode()) + sha256(record.encode()), hashlib.sha256).digest()
    node = sha256(b"\0", b"\1\1", hidden)
    # From the leaf to the root (RFC 9162 section 2.1.3.2).
    need(index < size, "proof-wrong", f"there is no entry {index} in a log of {size}")
    at, last = index, size - 1
    for sibling in path:
        need(last > 0, "proof-wrong", "the proof has too many hashes")
        if at % 2 == 1 or at == last:
            node = sha256(b"\1", sibling, node)
            while at % 2 == 0 and at != 0:
                at, last = at // 2, last // 2
        else:
            node = sha256(b"\1", node, sibling)
        at, last = at // 2, last // 2
    need(last == 0, "proof-wrong", "the proof has too few hashes")
    need(node == root, "record-changed", "the record, its salt or its proof was changed: they do not lead to the signed checkpoint")
    return record, index, name, size

def main(arguments):
    if len(arguments) not in (2, 3):
        sys.stderr.write(__doc__)
        return 2
    try:
        with open(arguments[1], "rb") as file:
            text = file.read()
    except OSError as error:
        sys.stderr.write(f"cannot read the file: {error}\n")
        return 2
    trusted = arguments[2].strip() if len(arguments) == 3 else None
    try:
        record, index, name, size = verify(text.decode(), trusted)
    except UnicodeDecodeError:
        print("This receipt does not hold: it is not UTF-8 text (malformed)")
        return 1
    except Bad as bad:
        print(f"This receipt does not hold: {bad.args[1]} ({bad.args[0]})")
        return 1
    print(f"The receipt holds: this record is entry {index} of {size} in the log {name}.")
    print("Signed with the key you gave." if trusted else "Signed with the key it brings along: compare it with the site's log page.")
    print("It proves what was recorded then, not what was chosen later. The record:")
    print(record.encode("unicode_escape").decode() if any(c < " " for c in record) else record)
    return 0

if __name__ == "__main__":
    sys.exit(main(sys.argv))
