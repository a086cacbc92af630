"""Makes the files in made/ with nothing of Assent's: hashlib, hmac, and the Ed25519 of the package `cryptography`.

    python3 make.py [FOLDER]        writes into FOLDER, or into made/ beside this file

Every run writes the same bytes: seeds and salts are counted, not drawn, and Ed25519 signs without randomness. The
formats are described in crates/assent-core/FORMAT.md; README.md says what each file holds. Does not read what it wrote.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = pathlib.Path(__file__).resolve().parent
ORIGIN = "privacy.example.org/v1/clinic/log"


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# ---------------------------------------------------------------- leaves and trees (RFC 6962 section 2.1)


def salted(domain: str, origin: str, content: bytes, salt: bytes) -> bytes:
    message = domain.encode() + b"\0" + sha256(origin.encode()) + sha256(content)
    return hmac.new(salt, message, hashlib.sha256).digest()


def leaf(kind: int, commitment: bytes) -> bytes:
    return bytes([1, kind]) + commitment


def event(content: str, salt: bytes, origin: str = ORIGIN) -> bytes:
    return leaf(1, salted("consent-ledger/event/v1", origin, content.encode(), salt))


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\0" + entry)


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right)


def split(count: int) -> int:
    """The largest power of two smaller than count."""
    return 1 << ((count - 1).bit_length() - 1)


def root(hashes: list) -> bytes:
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return node(root(hashes[:k]), root(hashes[k:]))


def inclusion(index: int, hashes: list) -> list:
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    if index < k:
        return inclusion(index, hashes[:k]) + [root(hashes[k:])]
    return inclusion(index - k, hashes[k:]) + [root(hashes[:k])]


def consistency(old: int, hashes: list, whole: bool = True) -> list:
    if old == len(hashes):
        return [] if whole else [root(hashes)]
    k = split(len(hashes))
    if old <= k:
        return consistency(old, hashes[:k], whole) + [root(hashes[k:])]
    return consistency(old - k, hashes[k:], False) + [root(hashes[:k])]


# ---------------------------------------------------------------- notes (c2sp.org/signed-note, tlog-cosignature)


class Key:
    """A name and a seed; `kind` 1 signs notes, 4 cosigns checkpoints."""

    def __init__(self, name: str, seed: int, kind: int = 1):
        self.name, self.kind = name, kind
        self.private = Ed25519PrivateKey.from_private_bytes(bytes((seed + i) % 256 for i in range(32)))
        public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.payload = bytes([kind]) + public
        self.id = sha256(name.encode() + b"\n" + self.payload)[:4]
        self.vkey = f"{name}+{self.id.hex()}+{b64(self.payload)}"

    def line(self, text: str) -> str:
        return f"\u2014 {self.name} {b64(self.id + self.private.sign(text.encode()))}\n"

    def cosign(self, text: str, time: int) -> str:
        signed = self.private.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
        return f"\u2014 {self.name} {b64(self.id + time.to_bytes(8, 'big') + signed)}\n"


LOG = Key(ORIGIN, 0)
FORGER = Key(ORIGIN, 64)
OTHER = Key("privacy.example.org/v1/other/log", 96)
WITNESS = Key("witness.example.org", 32, kind=4)
SECOND = Key("watch.example.net/two", 160, kind=4)
UNKNOWN = "\u2014 someone.example " + b64(b"\1\2\3\4" + bytes(2420)) + "\n"


def note(text: str, *lines: str) -> str:
    return text + "\n" + "".join(lines)


def head(size: int, top: bytes, origin: str = ORIGIN, extensions: str = "") -> str:
    return f"{origin}\n{size}\n{b64(top)}\n{extensions}"


def tlog_proof(index, path: list, checkpoint: str, extra=None) -> str:
    lines = ["c2sp.org/tlog-proof@v1"]
    if extra is not None:
        lines.append(f"extra {b64(extra)}")
    lines += [f"index {index}", *map(b64, path), "", checkpoint]
    return "\n".join(lines)


# ---------------------------------------------------------------- what was recorded


NOTICE = (HERE / "../../crates/assent-core/vectors/notice.json").read_text()


def canonical(value) -> str:
    """RFC 8785 for objects of strings and whole numbers with ASCII keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def receipt_id(number: int) -> str:
    return f"019a6b5e-3d00-7abc-8def-{number:012x}"


def record(number: int, decisions: dict, act: str = "save") -> str:
    # Seven people in turn: whose record it is had the one of seven before.
    before = {"previous": receipt_id(number - 7)} if number > 7 else {}
    return canonical({
        **before,
        "format": "assent-record/v1",
        "id": receipt_id(number),
        "site": "clinic",
        "subject": sha256(b"assent/subject/v1\0" + bytes([number % 7]) * 16)[:16].hex(),
        "time": f"2026-11-21T09:{number // 60 % 60:02}:{number % 60:02}.123Z",
        "notice": sha256(NOTICE.encode()).hex(),
        "language": "cy" if number % 3 else "en",
        "act": act,
        "surface": "preferences",
        "decisions": decisions,
        "after": {"size": number, "root": sha256(b"%d" % number).hex()},
    })


def salt_of(number: int) -> bytes:
    return hashlib.sha512(b"salt %d" % number).digest()


CHOICES = [
    {"analytics": "given", "surveys": "refused"},
    {"analytics": "withdrawn"},
    {"counting": "objected"},
    {"analytics": "renewed", "surveys": "given"},
    {"analytics": "refused", "surveys": "refused"},
    {"analytics": "expired"},
    {"email-news": "given"},
]


def choice(number: int) -> dict:
    """What entry `number` decides. Nobody takes back what they never gave."""
    return {"analytics": "refused"} if number == 1 else CHOICES[number % len(CHOICES)]


class Log:
    """A log: entry 0 is the notice, the others are records."""

    def __init__(self, size: int):
        self.records = [None] + [record(i, choice(i)) for i in range(1, size)]
        self.entries = [leaf(2, sha256(NOTICE.encode()))]
        self.entries += [event(text, salt_of(i)) for i, text in enumerate(self.records) if i]
        self.hashes = [leaf_hash(entry) for entry in self.entries]
        self.size, self.root = size, root(self.hashes)
        self.head = head(size, self.root)
        self.checkpoint = note(self.head, LOG.line(self.head))

    def proof(self, index: int, checkpoint=None) -> str:
        return tlog_proof(index, inclusion(index, self.hashes), checkpoint or self.checkpoint, salt_of(index))


# ---------------------------------------------------------------- the files


def leaves():
    salt = bytes(range(64))
    text = '{"entry":2,"note":"café"}'
    made = []
    for kind, domain in [(1, "event"), (3, "erasure"), (4, "purge")]:
        for what, origin, content, key in [
            ("as it is", ORIGIN, text, salt),
            ("another origin", OTHER.name, text, salt),
            ("another content", ORIGIN, text + " ", salt),
            ("another salt", ORIGIN, text, salt[::-1]),
        ]:
            entry = leaf(kind, salted(f"consent-ledger/{domain}/v1", origin, content.encode(), key))
            made.append({"what": f"{domain}: {what}", "type": kind, "origin": origin, "content": content, "salt": key.hex(),
                         "leaf": entry.hex(), "hash": leaf_hash(entry).hex()})
    for kind, what in [(2, "notice"), (5, "key or policy change")]:
        entry = leaf(kind, sha256(text.encode()))
        made.append({"what": what, "type": kind, "content": text, "leaf": entry.hex(), "hash": leaf_hash(entry).hex()})
    good = made[0]["leaf"]
    bad = [("too short", good[:-2]), ("too long", good + "00"), ("version 2", "02" + good[2:]),
           ("type 6", "0106" + good[4:]), ("type 0", "0100" + good[4:]), ("nothing", "")]
    return {"leaves": made, "bad": [{"what": what, "leaf": text} for what, text in bad]}


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def spoiled(path: list):
    """Every way to spoil a proof: (what, the spoiled proof)."""
    if path:
        yield "its last hash is missing", path[:-1]
        yield "its first hash is missing", path[1:]
    yield "a hash too many", path + [sha256(b"more")]
    for at in range(len(path)):
        yield f"a bit of hash {at} is another", path[:at] + [flipped(path[at])] + path[at + 1:]
    for at in range(1, len(path)):
        yield f"hashes {at - 1} and {at} changed places", path[:at - 1] + [path[at], path[at - 1]] + path[at + 1:]


def tree():
    hashes = [leaf_hash(b"entry %d" % i) for i in range(20)]
    roots = [root(hashes[:size]) for size in range(21)]
    included, consistent = [], []

    def include(what, index, size, item, path, top, holds):
        included.append({"what": what, "index": index, "size": size, "leaf": b64(item), "path": [*map(b64, path)],
                         "root": b64(top), "holds": holds})

    def grow(what, old, old_root, new, new_root, proof, holds):
        consistent.append({"what": what, "old": old, "old_root": b64(old_root), "new": new, "new_root": b64(new_root),
                           "proof": [*map(b64, proof)], "holds": holds})

    for size in range(1, 21):
        for index in range(size):
            path = inclusion(index, hashes[:size])
            args = index, size, hashes[index], path, roots[size]
            include("as it is", *args, True)
            if size > 8:
                continue
            for what, path in spoiled(path):
                include(what, index, size, hashes[index], path, roots[size], False)
            include("another leaf", index, size, leaf_hash(b"other"), args[3], roots[size], False)
            include("another root", index, size, hashes[index], args[3], flipped(roots[size]), False)
            include("outside the tree", size, size, hashes[index], args[3], roots[size], False)
    for new in range(21):
        for old in range(new + 1):
            proof = consistency(old, hashes[:new]) if 0 < old else []
            grow("as it is", old, roots[old], new, roots[new], proof, True)
            if new > 8:
                continue
            if 0 < old < new:
                for what, proof_2 in spoiled(proof):
                    grow(what, old, roots[old], new, roots[new], proof_2, False)
                grow("another new root", old, roots[old], new, flipped(roots[new]), proof, False)
            else:
                grow("a hash too many", old, roots[old], new, roots[new], [sha256(b"more")], False)
            grow("another old root", old, flipped(roots[old]), new, roots[new], proof, False)
            if old < new:
                grow("the other way round", new, roots[new], old, roots[old], proof, False)
    return {"leaf_hashes": [*map(b64, hashes)], "roots": [*map(b64, roots)], "inclusion": included, "consistency": consistent}


def notes():
    text = "hello\nworld\n"
    good = note(text, LOG.line(text))
    keys = [(key.vkey, "good") for key in (LOG, FORGER, WITNESS)] + [
        (LOG.vkey.replace("+", "+0", 1), "an ID of nine digits"),
        (f"{ORIGIN}+{LOG.id.hex().upper()}+{b64(LOG.payload)}", "an ID in capitals"),
        (f"{ORIGIN}+{flipped(LOG.id).hex()}+{b64(LOG.payload)}", "an ID that does not fit"),
        (f"{ORIGIN}x+{LOG.id.hex()}+{b64(LOG.payload)}", "another name"),
        (f"a b+{LOG.id.hex()}+{b64(LOG.payload)}", "a space in the name"),
        (f"+{LOG.id.hex()}+{b64(LOG.payload)}", "no name"),
        (f"{ORIGIN}+{LOG.id.hex()}", "no key"),
        (f"{ORIGIN}+{LOG.id.hex()}+{b64(LOG.payload[:-1])}", "a byte too few"),
        (f"{ORIGIN}+{LOG.id.hex()}+{b64(LOG.payload).rstrip('=')[:-1]}", "base64 cut off"),
        (f"{ORIGIN}+{LOG.id.hex()}+{b64(bytes([9]) + LOG.payload[1:])}", "an unknown type"),
        (Weak.vkey, "a point anybody can sign for"),
    ]
    made = [
        ("signed", good, "good"),
        ("signed, and by someone unknown with a long signature", note(text, UNKNOWN, LOG.line(text)), "good"),
        ("seventeen signature lines", note(text, *[UNKNOWN] * 16, LOG.line(text)), "good"),
        ("a blank line within the text", note("a\n\nb\n", LOG.line("a\n\nb\n")), "good"),
        ("the text was changed", good.replace("hello", "hallo"), "wrong-signature"),
        ("a good line and a bad one by the same key", note(text, LOG.line(text), LOG.line("x\n")), "wrong-signature"),
        ("nobody known signed", note(text, UNKNOWN), "no-known-key"),
        ("someone else of the same name", note(text, FORGER.line(text)), "no-known-key"),
        ("the name was changed", good.replace(f"\u2014 {ORIGIN}", f"\u2014 {ORIGIN}x"), "no-known-key"),
        ("no signature", note(text), "malformed"),
        ("no blank line", text + LOG.line(text), "malformed"),
        ("the last line feed is missing", good[:-1], "malformed"),
        ("a hyphen for the dash", good.replace("\u2014", "-"), "malformed"),
        ("two spaces after the name", good.replace(f"{ORIGIN} ", f"{ORIGIN}  "), "malformed"),
        ("base64 without padding", good.replace("=", ""), "malformed"),
        ("a carriage return", good.replace("hello\n", "hello\r\n"), "malformed"),
        ("a tabulator in the text", note("a\tb\n", LOG.line("a\tb\n")), "malformed"),
        ("a signature of three bytes", note(text, f"\u2014 {ORIGIN} AAAA\n"), "malformed"),
        ("something after the signatures", good + "more\n", "malformed"),
        ("nothing", "", "malformed"),
    ]
    return {"known": [LOG.vkey], "keys": [{"vkey": vkey, "outcome": what} for vkey, what in keys],
            "notes": [{"what": what, "note": text, "outcome": outcome} for what, text, outcome in made]}


class Weak:
    """A key whose point has order 1: whoever likes can make its signatures."""

    payload = b"\1\1" + bytes(31)
    id = sha256(ORIGIN.encode() + b"\n" + payload)[:4]
    vkey = f"{ORIGIN}+{id.hex()}+{b64(payload)}"


def checkpoints():
    log = Log(5)
    text, time = log.head, 1_700_000_000
    extended = head(5, log.root, extensions="an extension\n")
    empty = head(0, sha256(b""))

    def signed(text):
        return note(text, LOG.line(text))

    made = [
        ("signed", signed(text), "good", []),
        ("of nothing", signed(empty), "good", []),
        ("with an extension line", signed(extended), "good", []),
        ("with a cosignature", note(text, LOG.line(text), WITNESS.cosign(text, time)), "good", [[WITNESS.name, time]]),
        ("with two cosignatures", note(text, WITNESS.cosign(text, time), LOG.line(text), SECOND.cosign(text, 0)), "good",
         [[WITNESS.name, time], [SECOND.name, 0]]),
        ("the extension line is cosigned too", note(extended, LOG.line(extended), WITNESS.cosign(extended, time)), "good",
         [[WITNESS.name, time]]),
        ("a cosignature over another text", note(text, LOG.line(text), WITNESS.cosign(empty, time)), "good", None),
        ("a cosignature whose time was changed", note(text, LOG.line(text), retimed(WITNESS.cosign(text, time))), "good", None),
        ("a cosignature after the last second there is", note(text, LOG.line(text), WITNESS.cosign(text, 1 << 63)), "good", None),
        ("only cosigned", note(text, WITNESS.cosign(text, time)), "signature-missing", []),
        ("another root", signed(text).replace(b64(log.root), b64(sha256(b""))), "signature-wrong", []),
        ("not a note", text, "malformed", []),
        ("another log's", note(head(5, log.root, OTHER.name), LOG.line(head(5, log.root, OTHER.name))), "origin-mismatch", []),
        ("a size with a zero before it", signed(text.replace("\n5\n", "\n05\n")), "not-a-checkpoint", []),
        ("a size with a sign", signed(text.replace("\n5\n", "\n+5\n")), "not-a-checkpoint", []),
        ("a size beyond 2^63 - 1", signed(text.replace("\n5\n", f"\n{1 << 63}\n")), "not-a-checkpoint", []),
        ("a root of 31 bytes", signed(head(5, log.root[:31])), "not-a-checkpoint", []),
        ("no root", signed(f"{ORIGIN}\n5\n"), "not-a-checkpoint", []),
        ("of nothing, with a root of something", signed(head(0, log.root)), "not-a-checkpoint", []),
        ("an empty extension line", signed(text + "\nmore\n"), "not-a-checkpoint", []),
    ]
    return {"key": LOG.vkey, "witnesses": [WITNESS.vkey, SECOND.vkey],
            "checkpoints": [{"what": what, "note": text, "outcome": outcome, "cosignatures": times}
                            for what, text, outcome, times in made]}


def retimed(line: str) -> str:
    start, payload = line[:-1].rsplit(" ", 1)
    raw = bytearray(base64.b64decode(payload))
    raw[11] ^= 1
    return f"{start} {b64(bytes(raw))}\n"


def number(n: int) -> str:
    digits = f"{n:03}"
    digits = "0" * (-len(digits) % 3) + digits
    groups = [digits[i:i + 3] for i in range(0, len(digits), 3)]
    return "/".join([*("x" + group for group in groups[:-1]), groups[-1]])


def tiles():
    paths = []
    for level in [0, 1, 7, 63, "entries"]:
        for n in [0, 5, 999, 1000, 1234067, 2**63]:
            for width in [1, 44, 255, 256]:
                part = "" if width == 256 else f".p/{width}"
                paths.append({"path": f"tile/{level}/{number(n)}{part}", "level": level, "n": str(n), "width": width})
    bad = ["", "tile", "tile/0", "tile/0/", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/0/0", "tile/0/0000", "tile/0/1000",
           "tile/0/x000/001", "tile/0/x001/x067", "tile/0/001/067", "tile/0/X001/067", "tile/0/000.p/0", "tile/0/000.p/256",
           "tile/0/000.p/01", "tile/0/000.p", "tile/0/000.p/", "/tile/0/000", "tile/0/000/", "tile/0/00a", "tile/data/000",
           "tile/entries/0", "tile/0/x018/x446/x744/x073/x709/x551/616", "tile/0/000.p/1/2"]
    hashes = [leaf_hash(b"entry %d" % i) for i in range(70_000)]
    contents, below, level = [], hashes, 0
    while below:
        for n in range((len(below) + 255) // 256):
            items = below[256 * n:256 * n + 256]
            part = "" if len(items) == 256 else f".p/{len(items)}"
            contents.append({"path": f"tile/{level}/{number(n)}{part}", "sha256": sha256(b"".join(items)).hex()})
        below = [root(below[256 * n:256 * n + 256]) for n in range(len(below) // 256)]
        level += 1
    entries = [b"", b"a", bytes(300), b"entry"]
    bundle = b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    cases = [("as it is", 4, bundle, [entry.hex() for entry in entries]), ("no entry", 0, b"", []),
             ("cut off inside an entry", 4, bundle[:-1], None), ("cut off inside a length", 4, bundle[:-6], None),
             ("an entry too few", 5, bundle, None), ("an entry too many", 3, bundle, None), ("a byte too many", 4, bundle + b"\0", None)]
    return {"good": paths, "bad": bad, "tree_of_70000": {"entry": "the ASCII text `entry <number>`", "root": b64(root(hashes)), "tiles": contents},
            "bundles": [{"what": what, "width": width, "bytes": data.hex(), "entries": found} for what, width, data, found in cases]}


def proofs():
    log = Log(7)
    good = log.proof(4)
    salt = f"extra {b64(salt_of(4))}\n"
    first = b64(inclusion(4, log.hashes)[0])
    made = [
        ("as it is", good, "good"),
        ("without extra", good.replace(salt, ""), "good"),
        ("with an empty extra", good.replace(salt, "extra \n"), "good"),
        ("of a tree of one", tlog_proof(0, [], Log(1).checkpoint), "good"),
        ("a later format", good.replace("@v1", "@v2"), "malformed"),
        ("an extra that is not base64", good.replace(salt, "extra ?\n"), "malformed"),
        ("an index with a zero before it", good.replace("index 4", "index 04"), "malformed"),
        ("no index", good.replace("index 4\n", ""), "malformed"),
        ("an index of 2^64", good.replace("index 4", f"index {1 << 64}"), "malformed"),
        ("a hash of 31 bytes", good.replace(first, b64(bytes(31))), "malformed"),
        ("64 hashes", good.replace(f"{first}\n", f"{first}\n" * 62, 1), "malformed"),
        ("no blank line", good.replace("\n\n", "\n", 1), "malformed"),
        ("no checkpoint", good[:good.index("\n\n") + 2], "malformed"),
        ("nothing", "", "malformed"),
        ("another leaf's place", good.replace("index 4", "index 5"), "refused"),
        ("a place outside the tree", good.replace("index 4", "index 7"), "refused"),
        ("a hash is missing", good.replace(f"{first}\n", "", 1), "refused"),
        ("a hash is another", good.replace(first, b64(bytes(32))), "refused"),
        ("the checkpoint's size was changed", good.replace("\n7\n", "\n8\n"), "refused"),
        ("someone else's checkpoint", log.proof(4, note(log.head, FORGER.line(log.head))), "refused"),
    ]
    one = leaf_hash(Log(1).entries[0])
    return {"key": LOG.vkey, "leaf_hash": log.hashes[4].hex(), "leaf_hash_of_the_tree_of_one": one.hex(),
            "proofs": [{"what": what, "proof": text, "outcome": outcome} for what, text, outcome in made]}


def receipts():
    log = Log(11)
    text, proof = log.records[4], log.proof(4)
    salt = b64(salt_of(4))

    def receipt(**changed):
        fields = {"format": "assent-receipt/v1", "record": text, "proof": proof, "key": LOG.vkey} | changed
        return json.dumps({name: value for name, value in fields.items() if value is not None}, separators=(",", ":"), ensure_ascii=False)

    def under(checkpoint):
        return receipt(proof=log.proof(4, checkpoint))

    def signed(text, key=LOG):
        return under(note(text, key.line(text)))

    good = receipt()
    cosigned = note(log.head, UNKNOWN, LOG.line(log.head), WITNESS.cosign(log.head, 1_700_000_000))
    witness_only = Key(ORIGIN, 0, kind=4)
    made = [
        ("as it was handed out", good, "good"),
        ("spread over lines", json.dumps(json.loads(good), indent=2), "good"),
        ("every letter escaped that may be", json.dumps(json.loads(good), ensure_ascii=True), "good"),
        ("with a cosignature and a line by someone unknown", under(cosigned), "good"),
        ("with an extension line", signed(head(11, log.root, extensions="more\n")), "good"),
        ("yes became no", receipt(record=text.replace("refused", "given")), "record-changed"),
        ("a space at the end of the record", receipt(record=text + " "), "record-changed"),
        ("another record of the same log", receipt(record=log.records[5]), "record-changed"),
        ("another salt", receipt(proof=proof.replace(salt, b64(salt_of(5)))), "record-changed"),
        ("another place", receipt(proof=proof.replace("index 4", "index 5")), "record-changed"),
        ("a hash of the path is another", receipt(proof=proof.replace(b64(log.hashes[5]), b64(bytes(32)))), "record-changed"),
        ("a place outside the log", receipt(proof=proof.replace("index 4", "index 11")), "proof-wrong"),
        ("a hash of the path is missing", receipt(proof=proof.replace(b64(log.hashes[5]) + "\n", "")), "proof-wrong"),
        ("a hash of the path too many", receipt(proof=proof.replace("index 4\n", f"index 4\n{b64(bytes(32))}\n")), "proof-wrong"),
        ("no salt", receipt(proof=proof.replace(f"extra {salt}\n", "")), "salt-malformed"),
        ("half a salt", receipt(proof=proof.replace(salt, b64(salt_of(4)[:32]))), "salt-malformed"),
        ("a root that nobody signed", receipt(proof=proof.replace(b64(log.root), b64(bytes(32)))), "signature-wrong"),
        ("a size that nobody signed", receipt(proof=proof.replace("\n11\n", "\n12\n")), "signature-wrong"),
        ("a signature of 63 bytes", under(note(log.head, f"\u2014 {ORIGIN} {b64(LOG.id + bytes(63))}\n")), "signature-wrong"),
        ("signed by someone else of the log's name", signed(log.head, FORGER), "signature-missing"),
        ("cosigned only", under(note(log.head, WITNESS.cosign(log.head, 1))), "signature-missing"),
        ("another log's checkpoint", signed(head(11, log.root, OTHER.name)), "origin-mismatch"),
        ("the log signed something else", signed("hello\n"), "checkpoint-invalid"),
        ("a size with a zero before it", signed(log.head.replace("\n11\n", "\n011\n")), "checkpoint-invalid"),
        ("a checkpoint that is no note", under(log.head), "checkpoint-malformed"),
        ("a checkpoint without its last line feed", receipt(proof=proof[:-1]), "checkpoint-malformed"),
        ("a tabulator in the checkpoint", receipt(proof=proof.replace("\n11\n", "\n11\t\n")), "checkpoint-malformed"),
        ("someone else's key", receipt(key=FORGER.vkey, proof=log.proof(4, note(log.head, FORGER.line(log.head)))), "key-not-trusted"),
        ("a key whose ID does not fit", receipt(key=LOG.vkey.replace(LOG.id.hex(), flipped(LOG.id).hex())), "key-malformed"),
        ("a key with a letter too few", receipt(key=LOG.vkey[:-1]), "key-malformed"),
        ("a later proof", receipt(proof=proof.replace("@v1", "@v2")), "proof-malformed"),
        ("an index with a zero before it", receipt(proof=proof.replace("index 4", "index 04")), "proof-malformed"),
        ("base64 with bits left over", receipt(proof=proof.replace(b64(log.hashes[5]), b64(log.hashes[5])[:-2] + "B=")), "proof-malformed"),
        ("no proof to speak of", receipt(proof=""), "proof-malformed"),
        ("a later format", receipt(format="assent-receipt/v2"), "unknown-format"),
        ("no record", receipt(record=None), "malformed"),
        ("a field too many", receipt(more="1"), "malformed"),
        ("a field twice", good.replace("{", '{"key":"x",', 1), "malformed"),
        ("a record that is no text", good.replace('"record":"', '"record":["').replace('","proof"', '"],"proof"'), "malformed"),
        ("a list", f"[{good}]", "malformed"),
        ("something behind it", good + "x", "malformed"),
        ("cut off", good[:len(good) // 2], "malformed"),
        ("nothing", "", "malformed"),
    ]
    unpinned = [
        ("as it was handed out", good, "good"),
        ("whole, but anybody may have made it", receipt(key=FORGER.vkey, proof=log.proof(4, note(log.head, FORGER.line(log.head)))), "good"),
        ("a witness's key", receipt(key=witness_only.vkey), "not-a-log-key"),
        ("a key anybody can sign for", receipt(key=Weak.vkey), "key-malformed"),
    ]

    def told(cases):
        return [{"what": what, "receipt": text, "outcome": outcome} for what, text, outcome in cases]

    return {"key": LOG.vkey, "another_key": OTHER.vkey, "receipts": told(made), "without_a_trusted_key": told(unpinned)}


def export():
    """Entries 0 to 299 of a log of 300; every tenth record was erased."""
    log = Log(300)
    tile_roots = [root(log.hashes[n:n + 256]) for n in range(0, log.size, 256)]
    lines, counts = [], {"records": 0, "notices": 0, "withheld": 0}
    lines.append({"kind": "header", "format": "assent-export/v1", "site": "clinic", "origin": ORIGIN, "key": LOG.vkey,
                  "checkpoint": log.checkpoint, "first": 0, "end": log.size, "filter": {}})
    for i in range(log.size):
        if i % 256 == 0:
            n = i // 256
            lines.append({"kind": "tile", "n": n, "hashes": b64(b"".join(log.hashes[i:i + 256])), "path": [*map(b64, inclusion(n, tile_roots))]})
        if i == 0:
            lines.append({"kind": "notice", "index": i, "document": NOTICE})
            counts["notices"] += 1
        elif i % 10 == 0:
            lines.append({"kind": "withheld", "index": i, "reason": "erased"})
            counts["withheld"] += 1
        else:
            lines.append({"kind": "record", "index": i, "record": log.records[i], "salt": b64(salt_of(i)), "covered_by": min(i + 3, log.size)})
            counts["records"] += 1
    lines.append({"kind": "footer", **counts})
    return "".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines)


def exports():
    """Edits of export.ndjson (README.md). Line 1 is the header, 2 tile 0, 3 the notice, 4 entry 1, 259 tile 1."""
    other, log = b64(bytes(32)), Log(300)
    edits = [
        ("as it is", [], "good", None, None),
        ("a record is left out", [["drop", 4]], "entry-missing", 4, 1),
        ("the erased entry is left out", [["drop", 13]], "entry-missing", 13, 10),
        ("the last entry of a tile is left out", [["drop", 258]], "entry-missing", 258, 255),
        ("a record is there twice", [["double", 4]], "entry-repeated", 5, 1),
        ("two neighbours changed places", [["swap", 4, 5]], "entry-out-of-order", 5, 1),
        ("the header is left out", [["drop", 1]], "header-missing", 1, None),
        ("a second header", [["double", 1]], "header-repeated", 2, None),
        ("a tile is left out", [["drop", 259]], "tile-missing", 259, 256),
        ("a tile is there twice", [["double", 2]], "tile-repeated", 3, None),
        ("a hash of a tile is another", [["replace", 259, b64(log.hashes[256])[:40], "A" * 40]], "tile-changed", 259, None),
        ("a tile's path is another", [["replace", 2, '"path":["', f'"path":["{other}","']], "tile-path-wrong", 2, None),
        ("yes became no", [["replace", 10, "given", "refused"]], "record-changed", 10, 7),
        ("another year", [["replace", 4, "2026-11-21", "2025-11-21"]], "record-changed", 4, 1),
        ("another salt", [["replace", 4, b64(salt_of(1)), b64(salt_of(2))]], "record-changed", 4, 1),
        ("half a salt", [["replace", 4, b64(salt_of(1)), b64(salt_of(1)[:32])]], "salt-malformed", 4, 1),
        ("a word of the notice", [["replace", 3, "analytics", "analytica"]], "notice-changed", 3, 0),
        ("two neighbours changed numbers", [["swap", 4, 5], ["replace", 4, '"index":2,', '"index":1,'],
                                            ["replace", 5, '"index":1,', '"index":2,']], "entry-misplaced", 4, 1),
        ("a reason with a space", [["replace", 13, "erased", "no reason"]], "reason-malformed", 13, 10),
        ("covered before it was there", [["replace", 4, '"covered_by":4', '"covered_by":1']], "covered-by-wrong", 4, 1),
        ("a root nobody signed", [["replace", 1, b64(log.root), other]], "checkpoint-signature-wrong", 1, None),
        ("a range beyond the checkpoint", [["replace", 1, '"end":300', '"end":301']], "range-wrong", 1, None),
        ("someone else's key", [["replace", 1, LOG.vkey, FORGER.vkey]], "key-not-trusted", 1, None),
        ("another log's name", [["replace", 1, f'"origin":"{ORIGIN}"', f'"origin":"{OTHER.name}"']], "origin-mismatch", 1, None),
        ("a later format", [["replace", 1, "assent-export/v1", "assent-export/v2"]], "unknown-format", 1, None),
        ("a field too many", [["replace", 13, '"index":10', '"more":1,"index":10']], "malformed", 13, None),
        ("an empty line", [["line", 13, ""]], "malformed", 13, None),
        ("cut off", [["cut", 100]], "footer-missing", 101, 98),
        ("the footer is left out", [["drop", 304]], "footer-missing", 304, None),
        ("the footer counts another number", [["replace", 304, '"withheld":29', '"withheld":28']], "count-wrong", 304, None),
        ("something behind the footer", [["double", 304]], "after-footer", 305, None),
    ]
    return {"key": LOG.vkey, "size": 300, "first": 0, "end": 300, "records": 270, "notices": 1, "withheld": 29,
            "edits": [{"what": what, "edits": edit, "outcome": outcome, "line": line, "index": index}
                      for what, edit, outcome, line, index in edits]}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "made"
    folder.mkdir(parents=True, exist_ok=True)
    for make in (leaves, tree, notes, checkpoints, tiles, proofs, receipts, exports):
        lists = make()
        rows = []
        for name, value in lists.items():
            one_line = json.dumps(value, ensure_ascii=False)
            if isinstance(value, list) and len(one_line) > 100:
                one_line = "[\n" + ",\n".join("    " + json.dumps(item, ensure_ascii=False) for item in value) + "\n  ]"
            rows.append(f"  {json.dumps(name)}: {one_line}")
        (folder / f"{make.__name__}.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")
    (folder / "export.ndjson").write_text(export())


if __name__ == "__main__":
    main()
