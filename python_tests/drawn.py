"""Settings of tests over cases that Hypothesis draws, each of which takes a good part of a second."""

import os

from hypothesis import HealthCheck, Phase, settings

WANTED = "FASTCONV_EXAMPLES"


def examples(count: int):
    """The first `count` cases, always the same; where FASTCONV_EXAMPLES is set, as many others (--hypothesis-seed).

    What fails is not made smaller, which would take minutes.
    """
    wanted = os.environ.get(WANTED)
    return settings(
        max_examples=int(wanted or count),
        derandomize=wanted is None,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
