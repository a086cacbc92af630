"""Checks one receipt that Assent handed out, with nothing of Assent's: Python and its package `cryptography`.

    python3 verify.py receipt.json [KEY]

KEY is the log's key, from its log page; without it: the key that the receipt brings along, which anyone can make. Exit code: 0 it holds,
1 it does not, and why, 2 it could not be checked. Not here: what the record means, witnesses, whether it is the latest (no receipt can tell)."""
import base64, hashlib, hmac, json, re, sys
def end(code, *lines):
    print(*lines, sep="\n", file=sys.stderr if code == 2 else sys.stdout)
    sys.exit(code)
try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    end(2, "The package `cryptography` is missing: python3 -m pip install cryptography")
class Bad(Exception): """Why the receipt does not hold: a code for programs and a sentence for people."""
def need(condition, code, sentence):
    if not condition: raise Bad(code, sentence)
def sha256(*parts): return hashlib.sha256(b"".join(parts)).digest()
def is_name(text): return text != "" and not any(c == "+" or c.isspace() or c < " " for c in text)
def number(text):  # Below 2^64, without sign or leading zero. Else None.
    return int(text) if re.fullmatch("0|[1-9][0-9]{0,19}", text) and int(text) < 2**64 else None
def unbase64(text, length=None):  # Only the standard spelling counts: with padding, with no bits left over. Else None.
    data = base64.b64decode(text) if re.fullmatch("([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}(==|[A-Za-z0-9+/]=))?", text) else b""
    return data if base64.b64encode(data).decode() == text and length in (None, len(data)) else None

def read_receipt(data):  # The record, the proof and the key (FORMAT.md, "Receipt").
    try:
        pairs = json.loads(data.decode(), object_pairs_hook=tuple)
        json.dumps(pairs, ensure_ascii=False).encode()  # Half a surrogate pair is no text.
    except (ValueError, RecursionError):
        raise Bad("malformed", "this is not a receipt file: it is not JSON") from None
    file = dict(pairs) if isinstance(pairs, tuple) else {}
    four = set(file) == {"format", "record", "proof", "key"} and len(pairs) == 4 and all(isinstance(text, str) for text in file.values())
    need(four, "malformed", "this is not a receipt file: it does not have exactly its four texts")
    need(file["format"] == "assent-receipt/v1", "unknown-format", "this file is not in the format assent-receipt/v1")
    return file["record"], file["proof"], file["key"]

def read_proof(text):  # The salt, the entry's number, the path to the root and the checkpoint (c2sp.org/tlog-proof).
    shape = r"c2sp\.org/tlog-proof@v1\n(?:extra ([^\n]*)\n)?index ([^\n]*)((?:\n[^\n]+)*)\n\n(.+)"
    salt, index, path, checkpoint = (re.fullmatch(shape, text, re.DOTALL) or re.match("()()()()", "")).groups()
    salt, index, path = unbase64(salt or ""), number(index), [unbase64(line, 32) for line in path.split("\n")[1:]]
    need(None not in (salt, index, *path) and len(path) < 64, "proof-malformed", "the receipt's proof cannot be read")
    return salt, index, path, checkpoint
P, Y = 2**255 - 19, 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826  # Curve25519's prime; a y of order 8.
def read_key(text):  # Name, ID and type || point of `name+ID+base64(type || point)`; the ID is a hash of the rest (c2sp.org/signed-note).
    name, stated, payload = (text.split("+", 2) + ["", ""])[:3]
    payload = unbase64(payload, 33) or bytes(33)
    y = int.from_bytes(payload[1:], "little") % 2**255  # For points of small order anybody can sign.
    good = payload[0] in (1, 4) and sha256(name.encode(), b"\n", payload)[:4].hex() == stated and y < P and y not in (0, 1, Y, P - Y, P - 1)
    need(good and is_name(name), "key-malformed", "the receipt's key cannot be read")
    return name, bytes.fromhex(stated), payload

def read_checkpoint(note, name, key_id, payload):  # Size and root that the key signed (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).
    text, block = (re.fullmatch("(.*\n)\n((?:\u2014 [^ \n]+ [^ \n]+\n)+)", note, re.DOTALL) or re.match("()()", "")).groups()
    lines = [(who, unbase64(said) or b"") for _, who, said in (line.split(" ") for line in block.split("\n")[:-1])]
    good = lines and not re.search("[\0-\x09\x0b-\x1f]", note) and all(is_name(who) and len(said) > 4 for who, said in lines)
    need(good, "checkpoint-malformed", "the receipt's checkpoint is not a signed note")
    need(payload[0] == 1, "not-a-log-key", "the receipt's key is a witness's key, not a log's")
    ours = [said[4:] for who, said in lines if who == name and said[:4] == key_id]
    need(ours, "signature-missing", "the checkpoint is not signed by the log's key")
    try:
        for signature in ours: Ed25519PublicKey.from_public_bytes(payload[1:]).verify(signature, text.encode())
    except Exception:  # Whatever it says: this was not signed.
        raise Bad("signature-wrong", "the checkpoint or its signature was changed: the signature does not fit") from None
    origin, size, root, *more = (text[:-1].split("\n") + ["", ""])[:max(3, text.count("\n"))]
    size, root = number(size), unbase64(root, 32)
    good = is_name(origin) and None not in (size, root) and size < 2**63 and all(more) and (size or root == sha256())
    need(good, "checkpoint-invalid", "what the log signed is not a checkpoint")
    need(origin == name, "origin-mismatch", f"the checkpoint is of {origin}, but the key belongs to {name}")
    return size, root

def climb(node, index, size, path):  # The root of a tree of this size, from an entry and its path (RFC 6962 section 2.1.1).
    need((size > 1) == bool(path), "proof-wrong", "the proof has too many hashes, or too few")
    if size == 1: return node
    half, *below, sibling = 1 << (size - 1).bit_length() - 1, *path
    if index < half: return sha256(b"\1", climb(node, index, half, below), sibling)
    return sha256(b"\1", sibling, climb(node, index - half, size - half, below))

def verify(data, trusted=None):  # The record, the entry's number, the log's name and size, or Bad.
    record, proof, key = read_receipt(data)
    (salt, index, path, checkpoint), (name, key_id, payload) = read_proof(proof), read_key(key)
    need(trusted in (None, key), "key-not-trusted", f"the receipt is signed with the key {key}, which is not the trusted key {trusted}")
    need(len(salt) == 64, "salt-malformed", f"the receipt's proof must carry a salt of 64 bytes, not {len(salt)}")
    size, root = read_checkpoint(checkpoint, name, key_id, payload)
    need(index < size, "proof-wrong", f"there is no entry {index} in a log of {size}")
    # The leaf: version 1, type 1 (event), and a commitment to this record in this log that only the salt opens.
    leaf = b"\1\1" + hmac.digest(salt, b"consent-ledger/event/v1\0" + sha256(name.encode()) + sha256(record.encode()), "sha256")
    need(climb(sha256(b"\0", leaf), index, size, path) == root, "record-changed", "the record, its salt or its proof was changed")
    return record, index, name, size

if __name__ == "__main__":
    if len(sys.argv) not in (2, 3): end(2, __doc__)
    try:
        record, index, name, size = verify(open(sys.argv[1], "rb").read(), *(key.strip() for key in sys.argv[2:]))
    except OSError as error: end(2, f"cannot read the file: {error}")
    except Bad as bad: end(1, f"This receipt does not hold: {bad.args[1]} ({bad.args[0]})")
    trust = "Signed with the key you gave." if sys.argv[2:] else "Signed with the key it brings along: compare it with the site's log page."
    record = record.encode("unicode_escape").decode() if any(c < " " for c in record) else record
    end(0, f"The receipt holds: this record is entry {index} of {size} in the log {name}.", trust,
        "It proves what was recorded then, not what was chosen later. The record:", record)
