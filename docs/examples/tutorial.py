"""Has this incident been seen before? Reads one a line. usage: tutorial.py DIRECTORY"""

import os
import signal
import sys

import engram

ALIKE = 0.5  # cosine distance: 0 is the same, 1 has nothing in common


def recall(store: engram.Store, encoder: engram.FeatureEncoder, line: str) -> None:
    vector = encoder.encode_text(line)  # an array of float32; a model's embeddings serve as well
    if store:
        nearest = store.search_hits(vector, k=1, include_metadata=True).hits[0]
        if nearest.distance < ALIKE:
            print("seen:", nearest.metadata["text"])
            return
    incident = store.insert(vector, {"text": line})  # on disk when this returns
    print("new: remembered as", incident, flush=True)


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit("usage: tutorial.py DIRECTORY")
    encoder = engram.FeatureEncoder(256)
    try:
        with engram.open(sys.argv[1], dim=256, metric="cosine", create_if_missing=True) as store:
            for line in sys.stdin:
                if line.strip() == "crash":
                    os.kill(os.getpid(), signal.SIGKILL)  # nothing is closed or flushed
                recall(store, encoder, line.rstrip("\n"))
    except engram.Error as error:
        print(f"tutorial: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
