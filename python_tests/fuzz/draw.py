"""The choices of a case: they follow from a seed and an index alone."""

import random

# Sizes that overflow products or leave 64 bits, and numbers that are no size.
HUGE = (2**31 - 1, 2**31, 2**32, 2**46, 2**58, 2**59, 2**60, 2**61, 2**62, 2**63 - 1, 2**63, 2**64, 10**30)
NO_SIZE = (0, -1, -(2**31), -(2**63), -(2**70))
FLOATS = ("float32", "float32", "float32", "float64", "float16", "bfloat16")
ALGORITHM_SHARE = 0.5
THREADED_SHARE = 0.3
LARGE_SHARE = 0.01  # of cases with work for several threads; smaller ones are run by one
VIEWS = ("reversed", "strided", "transposed", "broadcast", "readonly", "swapped", "odd")
OUTPUTS = ("plain", "odd", "strided", "reversed", "swapped", "overlap", "overlap", "shape", "dtype", "readonly")
VALUES = (
    ("normal",) * 6
    + ("whole",) * 2
    + ("special",) * 2
    + ("constant", "nonnegative", "zeros", "sparse", "outlier", "huge", "tiny", "mean", "minus_zero")
)


class Draw(random.Random):
    def __init__(self, seed: int, index: int):
        super().__init__(f"{seed}/{index}")
        self.large = self.chance(LARGE_SHARE)

    def chance(self, share: float) -> bool:
        return self.random() < share

    def seed_of_values(self) -> int:
        return self.getrandbits(31)

    def array(self, shape, dtype: str, values: tuple[str, ...] = VALUES, views: tuple[str, ...] = VIEWS) -> dict:
        """What arrays.make takes."""
        return {
            "shape": list(shape),
            "dtype": dtype,
            "values": self.choice(values),
            "seed": self.seed_of_values(),
            "view": self.choice(views) if self.chance(0.15) else "plain",
        }

    def surroundings(self) -> dict:
        """How a case is called: threads whose bits are compared with one thread's, and what `out` is."""
        return {
            "threads": self.randint(2, 7) if self.large or self.chance(THREADED_SHARE) else 1,
            "out": self.choice(OUTPUTS) if self.chance(0.25) else None,
        }
