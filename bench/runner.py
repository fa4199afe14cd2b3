"""From a selection of cases and peers to rows: check every candidate's answer, then time those that are right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import cases
import numpy as np
import reference
import timing
from peers import COPY, Candidate, Peer
from peers import own as own_peers

LONGEST = 1.0  # seconds: a peer whose image filter is estimated to take more is left out of the row


class Runner:
    """Measures one case after another; `peers` are installed, and loaded when a case first needs them."""

    def __init__(
        self,
        peers: list[Peer],
        threads: int,
        precision: str,
        layout: str | None,
        say: Callable[[str], None],
        full: bool = True,
    ):
        self.peers = [peer for peer in peers if full or peer.quick]
        self.full = full
        self.threads = threads
        self.precision = precision
        self.layout = layout
        self.say = say
        self.versions: dict[str, str] = {}
        self._ready: set[str] = set()
        self._unusable: set[str] = set()

    def row(self, case: cases.Case, effort: timing.Effort) -> dict:
        """The result of one case, as it goes to the JSON file."""
        problem = cases.build(case)
        own = own_peers(problem.op, self.layout, self.full)
        everyone = [*own, *(peer for peer in (COPY, *self.peers) if peer.takes(problem))]
        for peer in everyone:
            peer.announce(problem)
        self.say("reference")
        expected = reference.answer(problem)
        row = {
            "suite": case.suite,
            "case": case.name,
            "quick": case.quick,
            "layer": case.layer,
            "image": case.image,
            "op": problem.op,
            "dtype": problem.dtype,
            "flops": problem.flops,
            "bytes": problem.bytes,
            "images": problem.images,
            "results": {},
            "problems": {},
            "skipped": {},
        }
        runs = {}
        for peer in everyone:
            self.say(peer.name)
            if (seconds := peer.estimate(problem)) > LONGEST:
                row["skipped"][peer.name] = seconds
                continue
            try:
                candidate = self._candidate(peer, problem)
                if candidate is None:
                    continue
                found = _check(candidate, expected, problem, self.precision if peer in own else None)
            except Exception as error:
                # Whatever a library raises, it is that library's row that is lost, not the benchmark.
                row["problems"][peer.name] = _first_line(error)
                continue
            row["results"][peer.name] = found
            if not found["wrong"]:
                runs[peer.name] = candidate.run
        del expected
        self.say("timing")
        for name, found in timing.interleaved(runs, effort).items():
            row["results"][name] |= asdict(found)
        for peer in everyone:
            peer.release(problem)
        return row

    def _candidate(self, peer: Peer, problem: cases.Problem) -> Candidate | None:
        if peer.module in self._unusable:
            return None  # said once, in the row that met it first
        if peer.module not in self._ready:
            self._unusable.add(peer.module)
            peer.setup(self.threads)
            self._unusable.remove(peer.module)
            self._ready.add(peer.module)
        self.versions |= peer.versions
        return peer.candidate(problem)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:200]}"


def _check(candidate: Candidate, expected: np.ndarray, problem: cases.Problem, precision: str | None) -> dict:
    """Run once, unless the answer is known, and say how far it is off."""
    got = candidate.to_array(candidate.run()) if candidate.answer is None else candidate.answer
    if not candidate.check:
        return {"error": None, "wrong": False, "note": candidate.note} | candidate.figures
    error = (reference.levels if problem.rounds else reference.error)(got, expected)
    note = candidate.note
    if problem.rounds and error > cases.CELLS_OFF[problem.dtype]:
        note = f"{error:.0f} levels off" if error > 1 else f"one level off in {100 * error:.2g} % of the cells"
    return {"error": error, "wrong": not error <= problem.tolerance(precision), "note": note}
