"""Mutation testing: break the code on purpose, and count how often the tests notice.

mutmut makes the mutants: each changes one expression. This script writes them, one at a time, into a copy
of the project, never into the project itself, and runs the tests that hold the package. It prints the
mutants that survive and records the kill rate in docs/testing.md.

mutmut's own runner skips properties and module constants and cannot draw a random sample. Here the
libraries are imported once, and each test run is a fork. TensorFlow allows that as long as it has only
been imported. Linux only.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import gc
import importlib
import multiprocessing
import os
import py_compile
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

# Packages or modules of stillmotion, and the tests that hold each. Quick tests first: a run stops at the first failure.
PACKAGES = {
    "comparison": ["tests/comparison"],
    "statistics": ["tests/statistics", "tests/comparison"],
    "clips": ["tests/clips"],
    "data/splitting": ["tests/data"],
    "training": [
        f"tests/training/test_{name}.py"
        for name in ("batches", "efforts", "optimizer", "recipes", "timing", "resuming", "fitting")
    ],
    "experiments": [
        f"tests/experiments/test_{name}.py"
        for name in ("tasks", "datasets", "run_training", "run_evaluation", "plan", "execute", "run_comparison")
    ],
}

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "testing.md"
COPIED = ("src", "tests", "benchmarks", "examples", "docs", "pyproject.toml", "README.md")
LIBRARIES = ("pytest", "hypothesis", "av", "pyarrow.parquet", "pydantic", "sklearn.metrics", "tensorflow", "keras")
# One thread per test run, since several share the cores; no bytecode of mutants; warnings off the screen.
ENVIRONMENT = dict.fromkeys(
    ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "PYTHONDONTWRITEBYTECODE"), "1"
) | {"TF_CPP_MIN_LOG_LEVEL": "3"}
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Mutant:
    """One changed expression: where it is, and the whole file with it."""

    path: Path
    line: int
    change: str
    code: str


class Visitor(MutationVisitor):
    """mutmut's mutations, in decorated functions too, without those of names, types and messages."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        match node:
            case cst.FunctionDef():
                node = node.with_changes(decorators=())
            case cst.Raise() | cst.Import() | cst.ImportFrom():
                return True
            case cst.Assign(targets=[cst.AssignTarget(cst.Name("__all__"))]):
                return True
            case cst.Call(func=cst.Name("TypeVar" | "cast")) | cst.Subscript(value=cst.Name("Literal")):
                return True
            case cst.SimpleString(value=text) if " " in text:
                return True
        return super()._skip_node_and_children(node)


def make_mutants(path: Path) -> Iterator[Mutant]:
    """All mutants of one file."""
    wrapper = MetadataWrapper(cst.parse_module((ROOT / path).read_text(encoding="utf-8")))
    visitor = Visitor(mutation_operators, IgnoredCode(set(), set(), set()))
    module = wrapper.visit(visitor)
    positions = wrapper.resolve(PositionProvider)
    for mutation in visitor.mutations:
        old, new = mutation.original_node, mutation.mutated_node
        in_function = isinstance(mutation.contained_by_top_level_function, cst.FunctionDef)
        # Outside of functions, `name = None` mostly spoils a type alias.
        if not in_function and isinstance(old, cst.Assign | cst.AnnAssign):
            continue
        code = module.code_for_node(module.deep_replace(old, new))
        # `zip(strict=True)` states what holds, so that nothing changes without it.
        if code.count("strict=True") == module.code.count("strict=True"):
            change = "  ->  ".join(" ".join(module.code_for_node(node).split()) for node in (old, new))
            yield Mutant(path, positions[old].start.line, change, code)


def copy_project(folder: Path) -> None:
    """Copy what the tests need, with bytecode that is checked by content: a mutant may be as old and as long."""
    folder.mkdir()
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    compileall.compile_dir(folder / "src", quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)


def run_tests(project: Path, tests: Sequence[str]) -> None:
    """Run tests on a copy of the project, in a process group of their own, and exit with their status."""
    os.setsid()
    output = os.open(project / "output.txt", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(project)
    os.environ["PYTHONPATH"] = str(project / "src")
    sys.path.insert(0, str(project / "src"))
    import pytest

    options = ["-x", "-q", "-n", "0", "--timeout=0", "-p", "no:cacheprovider", "--assert=plain", "--hypothesis-seed=0"]
    sys.exit(pytest.main([*options, f"--basetemp={project / 'tmp'}", *tests]))


def outcome(mutant: Mutant | None, *, folder: Path, tests: Sequence[str], limit: float | None = None) -> str:
    """Run tests against a mutant, in this process's copy of the project: "killed", "survived" or "timed out"."""
    project = folder / str(os.getpid())
    if not project.exists():
        copy_project(project)
    if mutant:
        (project / mutant.path).write_text(mutant.code, encoding="utf-8")
    process = FORK.Process(target=run_tests, args=(project, tests))
    process.start()
    try:
        process.join(limit)
        status = process.exitcode
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)  # programs that the tests have started, too
        process.join()
    if mutant:
        shutil.copy(ROOT / mutant.path, project / mutant.path)
    elif status:
        raise SystemExit(f"the tests fail without a mutant:\n{(project / 'output.txt').read_text(encoding='utf-8')}")
    return "timed out" if status is None else "killed" if status else "survived"


def try_mutants(mutants: Sequence[Mutant], tests: Sequence[str], workers: int) -> Counter[str]:
    """Count the outcomes of mutants, and print those that survive."""
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, ProcessPoolExecutor(workers, FORK) as pool:
        began, run = time.monotonic(), partial(outcome, folder=Path(name), tests=tests)
        pool.submit(run, None).result()
        limit = 10 + 4 * (time.monotonic() - began)
        for mutant, result in zip(mutants, pool.map(partial(run, limit=limit), mutants), strict=True):
            outcomes[result] += 1
            if result == "survived":
                print(f"{mutant.path}:{mutant.line}: {mutant.change}", flush=True)
    return outcomes


def record(name: str, outcomes: Counter[str], population: int) -> str:
    """Write the package's row of the table in docs/testing.md, and return it."""
    from scipy.stats import binomtest

    tried = outcomes.total()
    killed = tried - outcomes["survived"]
    low, high = binomtest(killed, tried).proportion_ci(method="wilson")
    spread = f"{low:.0%} to {high:.0%}" if tried < population else "all tried"
    row = (
        f"| `{name}` | {population} | {tried} | {killed} | {outcomes['timed out']} | {killed / tried:.0%} | {spread} |"
    )
    page = TABLE.read_text(encoding="utf-8")
    old = re.search(rf"^\| `{name}` \|.*$", page, re.MULTILINE)
    page = page.replace(old[0], row) if old else page.replace("<!-- mutants -->", f"{row}\n<!-- mutants -->")
    TABLE.write_text(page, encoding="utf-8")
    return row


def main() -> None:
    """Try the mutants of some or all packages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=f"one of {', '.join(PACKAGES)}; default: all")
    parser.add_argument("--sample", type=int, metavar="N", help="try N random mutants per package; default: all")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample")
    parser.add_argument("--workers", type=int, default=2, help="test runs at a time")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up, as after Ctrl-C
    os.environ |= ENVIRONMENT
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()
    for name in options.packages or PACKAGES:
        source = ROOT / "src" / "stillmotion" / name
        files = sorted(source.rglob("*.py")) or [source.with_suffix(".py")]
        mutants = [mutant for file in files for mutant in make_mutants(file.relative_to(ROOT))]
        sample = random.Random(options.seed).sample(mutants, min(options.sample or len(mutants), len(mutants)))
        print(record(name, try_mutants(sample, PACKAGES[name], options.workers), len(mutants)), flush=True)


if __name__ == "__main__":
    main()
