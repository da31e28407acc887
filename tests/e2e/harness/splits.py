"""Ways to cut a message into pieces: where bytes are split must never change what they mean."""

import random

BYTE_BY_BYTE_MAX = 400  # bytes of a message that is also sent byte by byte


def splits_of(data, seed, random_splits=2):
    """[(name, pieces)]: whole, byte by byte where it is short, and some at random places that
    depend on nothing but `seed`."""
    ways = [("whole", [data])]
    if not data:
        return ways
    if len(data) <= BYTE_BY_BYTE_MAX:
        ways.append(("byte by byte", [data[i:i + 1] for i in range(len(data))]))
    chance = random.Random(seed)
    for _ in range(random_splits if len(data) > 1 else 0):
        count = chance.randint(1, min(4, len(data) - 1))
        places = [0, *sorted(chance.sample(range(1, len(data)), count)), len(data)]
        pieces = [data[a:b] for a, b in zip(places, places[1:])]
        ways.append((f"split at {places[1:-1]}", pieces))
    return ways
