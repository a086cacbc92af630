"""Reads a whole log with a tlog-tiles verifier that is not ours (PyPI `aics-tlog`) and says its size and root.

    python3 read_log.py LOG_URL_OR_FOLDER KEY

Exit code: 0 the log holds, 1 it does not, 3 the package is missing. For the tests only.
"""

import sys

try:
    import aics_tlog as theirs
    from aics_tlog.remote import HttpTileReader, tile_source_url
    from aics_tlog.verified import VerifiedTileReader
except ImportError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(3)

source, key = sys.argv[1:]
reader = HttpTileReader([tile_source_url(source)], proxies={})
head = theirs.verify_checkpoint(theirs.parse_note(reader.read_checkpoint()), theirs.parse_vkey(key))
if not head.ok:
    sys.exit(f"the checkpoint does not hold: {head.error}")
proven = VerifiedTileReader(reader, head.size, head.root)
try:
    proven.check_root()
    entries = [proven.entry(index) for index in range(head.size)]
except Exception as error:  # Whatever theirs says is the verdict.
    sys.exit(f"the log does not hold: {error}")
if any(len(entry) != 34 for entry in entries):
    sys.exit("an entry is no leaf")
if theirs.MerkleTree(entries).root(head.size) != head.root:
    sys.exit("the entries do not give the root")
print(f"{head.origin} {head.size}")
