"""Checks an export (records.ndjson), alone or inside an audit bundle, with nothing of Assent's: Python and `cryptography`.

    python3 verify_export.py records.ndjson|bundle.zip [KEY]

KEY is the log's key, from the site's log page; without it the export is checked against the key it brings along. Exit code: 0
it holds, 1 it does not and the reason is named with its line, 2 it could not be checked. Every entry of the range must be
there once: opened and proven, or withheld, or gone and told of. Of a bundle's other files nothing is said here.
"""

import hashlib, hmac, io, json, re, sys, zipfile

from verify import Bad, is_name, need, read_checkpoint, read_key, sha256, unbase64

KINDS = {"record": 1, "notice": 2, "erasures": 3, "purge": 4, "change": 5, "withheld": None, "gone": None}
SALTED = {"record": b"consent-ledger/event/v1\0", "erasures": b"consent-ledger/erasure/v1\0", "purge": b"consent-ledger/purge/v1\0"}
FIELDS = {
    "header": {"format", "site", "origin", "key", "checkpoint", "first", "end", "filter", "cosigned", "growth"},
    "tile": {"n", "hashes", "path"},
    "record": {"index", "record", "salt", "covered_by"}, "notice": {"index", "document"}, "change": {"index", "document"},
    "erasures": {"index", "document", "salt"}, "purge": {"index", "document", "salt"}, "withheld": {"index", "reason"},
    "gone": {"index", "reason", "day", "period"}, "footer": {"records", "notices", "withheld", "changes", "summaries", "gone"}}
OPTIONAL = {"cosigned", "growth", "period", "changes", "summaries", "gone"}
COUNTS = {"record": "records", "notice": "notices", "withheld": "withheld", "change": "changes", "erasures": "summaries",
          "purge": "summaries", "gone": "gone"}

def read_line(text):
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        raise Bad("malformed", "it is not a line of an export") from None
    kind = line.pop("kind", None) if isinstance(line, dict) else None
    fields = FIELDS.get(kind, set())
    need(fields and fields - OPTIONAL <= set(line) <= fields, "malformed", "it is not a line of an export")
    return kind, line

def root_of(hashes):
    """RFC 6962 section 2.1."""
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << ((len(hashes) - 1).bit_length() - 1)
    return sha256(b"\1", root_of(hashes[:k]), root_of(hashes[k:]))

def climb(at, size, node, path):
    """From an item to the root (RFC 9162 section 2.1.3.2), or None."""
    last = size - 1
    for sibling in path:
        if last == 0:
            return None
        if at % 2 == 1 or at == last:
            node = sha256(b"\1", sibling, node)
            while at % 2 == 0 and at != 0:
                at, last = at // 2, last // 2
        else:
            node = sha256(b"\1", node, sibling)
        at, last = at // 2, last // 2
    return node if last == 0 else None

class Accounts:
    """What is gone must be told of, and what is told of must be gone (FORMAT.md, "Export")."""

    def __init__(self, first):
        self.first, self.waiting, self.months, self.told = first, {}, {}, set()

    def gone(self, line):
        period = line.get("period")
        good = period is None or re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", period)
        need(good and (period is not None) == (line["reason"] == "purged-retention"), "accounts-wrong", "only a purge has a month")
        if period is not None:
            need(period not in self.told, "accounts-wrong", f"{period} was purged before it")
            self.months.setdefault(period, []).append(line["index"])
        else:
            self.waiting[line["index"]] = (line["reason"], line["day"])

    def erasures(self, at, document):
        for entry in json.loads(document)["erased"]:
            index = entry["index"]
            need(index < at, "accounts-wrong", f"it tells of entry {index}, which comes after it")
            need(index < self.first or self.waiting.pop(index, None) == (entry["reason"], entry["day"]),
                 "accounts-wrong", f"it says that entry {index} was erased, and the export says otherwise")

    def purge(self, document):
        told = json.loads(document)
        found = self.months.pop(told["period"], [])
        digest = sha256(*(index.to_bytes(8, "big") for index in found)).hex()
        same = (told["count"], told["indices"]) == (len(found), digest) or self.first > 0 and len(found) < told["count"]
        need(same and told["period"] not in self.told, "accounts-wrong", "it tells of another purge")
        self.told.add(told["period"])

def verify(lines, trusted=None):
    """Counts by kind, the header and the log's size; or Bad with the line's number."""
    number, counts, stage = 0, dict.fromkeys(FIELDS["footer"], 0), "header"
    try:
        for number, text in enumerate(lines, 1):
            kind, line = read_line(text.rstrip("\n"))
            need((kind == "header") == (stage == "header"), "header-missing", "the export does not begin with its header")
            need(stage != "done", "after-footer", "something follows the footer")
            if kind == "header":
                header, stage = line, "body"
                need(line["format"] == "assent-export/v1", "unknown-format", "it is not in the format assent-export/v1")
                name, key_id, payload = read_key(line["key"])
                need(trusted in (None, line["key"]), "key-not-trusted", "it is signed with another key than the trusted one")
                need(line["origin"] == name and is_name(name), "origin-mismatch", "header and key are of different logs")
                size, root = read_checkpoint(line["checkpoint"], name, key_id, payload)
                need(0 <= line["first"] <= line["end"] <= size, "range-wrong", "the range is not within the log")
                expected, tile, accounts = line["first"], None, Accounts(line["first"])
            elif kind == "tile":
                n, hashes = line["n"], unbase64(line["hashes"]) or b""
                need(n == expected // 256 and tile is None and expected < header["end"], "tile-missing", "another tile should be here")
                tile = [hashes[at:at + 32] for at in range(0, len(hashes), 32)]
                good = len(hashes) == 32 * min(256, size - 256 * n)
                path = [unbase64(item, 32) for item in line["path"]]
                good = good and None not in path and climb(n, -(-size // 256), root_of(tile), path) == root
                need(good, "tile-changed", f"the hashes of tile {n} or its path do not lead to the checkpoint")
            elif kind == "footer":
                need(expected == header["end"], "entry-missing", f"entry {expected} is missing")
                need(all(counts[what] == line.get(what, 0) for what in counts), "count-wrong", "the footer counts other lines")
                stage = "done"
            else:
                index = line["index"]
                need(index == expected and index < header["end"], "entry-missing", f"entry {expected} should be here")
                need(tile is not None, "tile-missing", "its tile is missing")
                if KINDS[kind]:
                    content = sha256(line.get("record", line.get("document")).encode())
                    if kind in SALTED:
                        salt = unbase64(line["salt"], 64)
                        need(salt is not None, "salt-malformed", "the salt is not 64 bytes of base64")
                        content = hmac.new(salt, SALTED[kind] + sha256(name.encode()) + content, hashlib.sha256).digest()
                    leaf = sha256(b"\0", b"\1", bytes([KINDS[kind]]), content)
                    need(leaf == tile[index % 256], f"{kind}-changed", f"entry {index} is not what was logged")
                all_asked = set(header["filter"]) <= {"from", "to"}
                need(line.get("reason") != "not-asked-for" or not all_asked, "nothing-left-out", f"entry {index} was asked for")
                if kind == "gone":
                    accounts.gone(line)
                elif kind == "erasures":
                    accounts.erasures(index, line["document"])
                elif kind == "purge":
                    accounts.purge(line["document"])
                counts[COUNTS[kind]] += 1
                expected += 1
                if expected % 256 == 0:
                    tile = None
        number += 1
        need(stage != "header", "header-missing", "the export does not begin with its header")
        need(stage == "done", "footer-missing", "the export ends without its footer: it was cut off")
        need(header["end"] < size or not accounts.months, "accounts-wrong", "a purge is told of nowhere")
    except Bad as bad:
        raise Bad(bad.args[0], f"line {number}: {bad.args[1]}") from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Bad("malformed", f"line {number}: it is not a line of an export") from None
    return counts, header, size

def main(arguments):
    if len(arguments) not in (2, 3):
        sys.stderr.write(__doc__)
        return 2
    trusted = arguments[2].strip() if len(arguments) == 3 else None
    try:
        if zipfile.is_zipfile(arguments[1]):
            raw = zipfile.ZipFile(arguments[1]).open("records.ndjson")
        else:
            raw = open(arguments[1], "rb")
        with io.TextIOWrapper(raw, encoding="utf-8", newline="\n") as lines:
            counts, header, size = verify(lines, trusted)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        sys.stderr.write(f"cannot read the file: {error}\n")
        return 2
    except UnicodeDecodeError:
        print("This export does not hold: it is not UTF-8 text (malformed)")
        return 1
    except Bad as bad:
        print(f"This export does not hold: {bad.args[1]} ({bad.args[0]})")
        return 1
    print(f"The export holds: entries {header['first']} to {header['end']} (not included) of {size} in the log {header['origin']}.")
    print(", ".join(f"{number} {what}" for what, number in sorted(counts.items())))
    print("Signed with the key you gave." if trusted else "Signed with the key it brings along: compare it with the site's log page.")
    return 0

if __name__ == "__main__":
    sys.exit(main(sys.argv))
