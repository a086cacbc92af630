"""Hashes that anybody could make of an address without knowing a secret, to look for where only a keyed one may be.

    unkeyed.py CONTEXTS TEXTS    both JSON lists; prints one hash a line, in hexadecimal

Each text alone, and with one or two contexts (a site's id, a channel, a name of what it is for) before or behind it, with and without something in
between; by the usual functions, by SHA-256 twice, and by HMAC with the context for its key. Knows nothing of Assent.
"""

import hashlib
import hmac
import itertools
import json
import sys

FUNCTIONS = ["sha1", "sha256", "sha512", "sha3_256", "blake2b", "blake2s"]
BETWEEN = ["", ":", "/", "\0"]

contexts, texts = json.loads(sys.argv[1]), json.loads(sys.argv[2])
found = set()
for text, between in itertools.product(texts, BETWEEN):
    words = [between.join(pair) for pair in itertools.permutations(contexts, 2)] + contexts + [""]
    for word in words:
        found.add(hmac.new(word.encode(), text.encode(), "sha256").hexdigest())
        for made_of in (word + between + text, text + between + word, text):
            made_of = made_of.encode()
            found.update(hashlib.new(function, made_of).hexdigest() for function in FUNCTIONS)
            found.add(hashlib.sha256(hashlib.sha256(made_of).digest()).hexdigest())
print("\n".join(sorted(found)))
