"""The house rules that a stale doc, a missing help or a forgotten row would break."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import stillmotion
from stillmotion.audit.faults import FAULTS
from stillmotion.cli import COMMANDS, GROUPS, app
from stillmotion.data import formats
from stillmotion.exporting import FORMATS
from stillmotion.models import FAMILIES
from stillmotion.reports.sections import SECTIONS
from stillmotion.training.recipes import MIN_EPOCHS

ROOT = Path(__file__).parents[1]
PUBLIC: list[str] = stillmotion.__all__  # type: ignore[attr-defined]
COMMAND_LINE: Any = typer.main.get_command(app)
PAGES = [
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]


def every_command() -> dict[str, Any]:
    """The parser of each command, those of groups as `group command`."""
    commands = {name: COMMAND_LINE.commands[name] for name in COMMANDS}
    for group in GROUPS:
        commands |= {f"{group} {name}": parser for name, parser in COMMAND_LINE.commands[group].commands.items()}
    return commands


def help_of(command: str) -> str:
    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    return " ".join(result.stdout.replace("│", " ").split())


@pytest.mark.parametrize("command", every_command())
def test_help_has_an_example_and_options_with_help(command: str) -> None:
    assert f"Example: stillmotion {command}" in help_of(command)


def test_no_help_has_markup() -> None:
    """Square brackets vanish: a default is given as show_default."""
    assert [
        (name, option.name)
        for name, parser in every_command().items()
        for option in parser.params
        if "[" in (getattr(option, "help", "") or "")
    ] == []


WRONG_CALLS = [
    ("compare", "nowhere"),
    ("train", "nowhere"),
    ("evaluate", "nowhere"),
    ("predict", "nowhere", "nothing.mp4"),
    ("stream", "nowhere", "nothing.mp4", "--min-duration", "-1"),
    ("export", "nowhere", "--format", "nothing"),
    ("audit", "nowhere", "nothing.mp4", "--channels", "rbg"),
]


# Of `stream MODEL VIDEO`, where both are files: nothing is wrong with them before they are read.
WRONG_STREAMS = [
    ("--out", "a.txt"),
    ("--events", "a.csv", "--out", "a.csv"),
    ("--video", "a.txt"),
    ("--webhook", "nothing"),
    ("--engine", "nothing"),
    ("--enter-threshold", "a=0.5,a=0.6"),
    ("--alarms", "alarms"),
    ("--mqtt", "broker/topic"),
]


def test_a_wrong_call_is_refused_before_the_backend_loads(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("m.keras", "v.mp4")]
    for file in files:
        Path(file).touch()
    calls = [*WRONG_CALLS, *(("stream", *files, *words) for words in WRONG_STREAMS)]
    code = (
        "import sys\nfrom stillmotion.cli import main\n"
        f"for words in {calls!r}:\n"
        "    sys.argv = ['stillmotion', *words]\n"
        "    try: main()\n    except SystemExit as end: print(words[0], end.code, 'keras' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    printed = [line for line in result.stdout.splitlines() if line.endswith(("True", "False"))]
    assert printed == [f"{words[0]} 2 False" for words in calls], result.stdout + result.stderr


def test_every_class_name_is_defined_once() -> None:
    places: dict[str, list[str]] = {}
    for file in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(file.name)
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_an_option_means_the_same_in_every_command() -> None:
    """The first clause of its help says what it is. `--out` is where a command writes, a folder or a file."""
    meanings: dict[str, dict[tuple[object, ...], list[str]]] = {}
    for command, parser in every_command().items():
        for option in parser.params:
            if option.param_type_name == "option" and option.opts[0] != "--out":
                meaning = (re.split(r"[,;.:]", option.help)[0], option.is_flag)
                meanings.setdefault(option.opts[0], {}).setdefault(meaning, []).append(command)
    assert len(meanings) > 40
    assert {name: commands for name, commands in meanings.items() if len(commands) > 1} == {}


def test_errors_of_the_library_name_no_option_of_the_command_line() -> None:
    """They are read in Python, too. The layers above advise on commands."""
    layers = (
        "archive",
        "clips",
        "data",
        "decoding",
        "execution",
        "models",
        "prediction",
        "runs",
        "streaming",
        "training",
    )
    package = ROOT / "src" / "stillmotion"
    files = [package / "files.py", *(file for layer in layers for file in sorted((package / layer).rglob("*.py")))]
    assert len(files) > 60
    assert [
        f"{file.name}:{text.lineno}"
        for file in files
        for raised in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(raised, ast.Call) and getattr(raised.func, "id", "").endswith("Error")
        for text in ast.walk(raised)
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and re.search(r"(?<!\S)--[a-z]", text.value)
    ] == []


def test_help_shows_the_recipes_defaults() -> None:
    text = help_of("train")
    recipe = stillmotion.Recipe("frame_pool")
    assert f"[default: ({MIN_EPOCHS} to {recipe.epochs}, by the" in text
    for value in (recipe.spec.frames, recipe.batch_size, f"{recipe.learning_rate:g}"):
        assert f"[default: ({value})]" in text


def test_help_and_version_import_no_backend() -> None:
    code = (
        "import sys\nfrom stillmotion.cli import main\nsys.argv = ['stillmotion', '--version']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'torch', 'sklearn', 'scipy', 'pydantic', 'av'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.stdout.splitlines()[-1] == "[]", result.stdout + result.stderr


def test_every_public_name_is_there() -> None:
    for name in PUBLIC:
        assert getattr(stillmotion, name) is not None


def test_no_module_hides_a_public_function() -> None:
    modules = {module.name for module in pkgutil.walk_packages(stillmotion.__path__)}
    assert not modules & set(PUBLIC)


@pytest.mark.parametrize("command", every_command())
def test_every_command_is_in_the_docs(command: str) -> None:
    assert any(f"stillmotion {command}" in page.read_text(encoding="utf-8") for page in PAGES)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_in_the_docs(family: str) -> None:
    assert any(f"`{family}`" in page.read_text(encoding="utf-8") for page in PAGES)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_in_the_docs(format: str) -> None:
    assert f"| `{format}` |" in (ROOT / "docs" / "export.md").read_text(encoding="utf-8")


def test_options_that_the_docs_name_exist() -> None:
    """A line or span `stillmotion COMMAND ... --flag` names flags of the command; a span `--flag`, of any command."""
    flags = {
        command: {flag for option in parser.params for flag in (*option.opts, *option.secondary_opts)} | {"--help"}
        for command, parser in every_command().items()
    }
    command_name = rf"((?:(?:{'|'.join(GROUPS)}) )?[a-z-]+)"
    checked = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^ *```.*?^ *```", text, re.MULTILINE | re.DOTALL)
        spans = re.findall(r"`([^`]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL))
        calls = re.findall(rf"^ *(?:\$ )?stillmotion {command_name}(.*)$", "\n".join(blocks), re.MULTILINE)
        calls += [
            call for span in spans for call in re.findall(rf"^stillmotion\s+{command_name}(.*)$", span, re.DOTALL)
        ]
        for command, rest in calls:
            assert command in flags, f"{page.name}: {command}"
            for flag in re.findall(r"--[a-z-]+", rest.split("#")[0]):
                assert flag in flags[command], f"{page.name}: {command} has no {flag}"
        for span in spans:
            for flag in re.findall(r"(?<!\S)--[a-z-]+", span) if span.startswith("--") else []:
                assert any(flag in known for known in flags.values()), f"{page.name}: no command has {flag}"
                checked += 1
    assert checked > 40


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_tables_and_folders_agree() -> None:
    assert stems("data/formats/*.py") == set(formats.FORMATS)
    assert stems("exporting/*.py") - {"example", "program", "recurrence"} == set(FORMATS)
    builders = (ROOT / "src" / "stillmotion" / "models").glob("*.py")
    assert {file.stem for file in builders if "\ndef build(\n" in file.read_text()} == set(FAMILIES)
    assert stems("audit/faults/*.py") - {"fault"} == set(FAULTS)
    assert stems("reports/sections/*.py") == stems("reports/sections/*.html") == set(SECTIONS)
    shared = {"backend", "console", "detectors", "live_view", "model_facts", "options", "signals"} | {
        "detector_view",
        "model_view",
    }
    assert stems("cli/*.py") - shared == {command.replace("-", "_") for command in (*COMMANDS, *GROUPS)}


def stems(pattern: str) -> set[str]:
    return {file.stem for file in (ROOT / "src" / "stillmotion").glob(pattern)} - {"__init__"}


def test_ctrl_c_while_the_command_line_is_imported_ends_it_without_a_traceback() -> None:
    code = (
        "import builtins, sys\n"
        "real = builtins.__import__\n"
        "def interrupt(name, *rest):\n"
        "    if name == 'stillmotion.cli': raise KeyboardInterrupt\n"
        "    return real(name, *rest)\n"
        "from stillmotion.__main__ import main\n"
        "builtins.__import__ = interrupt\n"
        "main()\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (130, "")
