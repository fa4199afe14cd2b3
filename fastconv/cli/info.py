"""What this build of fastconv is and uses, and what each instruction set needs of the CPU."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .. import config, cpu

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> None:
    build: dict[str, Any] = config.configuration()
    needs = {name: list(cpu.required_features(name)) for name in build["isas_compiled"]}
    if arguments.json:
        print(json.dumps(build | {"isa_requirements": needs}, indent=1))
        return
    config.show_config()
    print("\ninstruction sets of this build, the best one last:")
    for name, features in needs.items():
        print(f"  {name:<8}{_state(name, build):<11}needs {', '.join(features) or 'nothing'}")
    print("FASTCONV_ISA=<name> caps the choice.")


def _state(name: str, build: dict[Any, Any]) -> str:
    if name == build["isa"]:
        return "in use"
    return "available" if name in build["isas_available"] else "missing"
