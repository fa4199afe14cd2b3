"""The page of the C library, made from its public headers: declarations, and the comments above them as contracts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

HEADERS = Path(__file__).resolve().parents[2] / "csrc/include"
# What is no declaration: guards, includes, macros, and the frame of C++ around the functions.
_FRAME = re.compile(r"^(?:#(?:.*\\\n)*.*|FC_BEGIN|FC_END)$", re.MULTILINE)
_RULE = re.compile(r"/\* -{8,} (.+) \*/")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_NAME = re.compile(r"\b(?:fc|FC)_\w+\b")
_DEFINED = (
    re.compile(r"\} (fc_\w+);$"),  # typedef struct { ... } name;
    re.compile(r"^typedef struct \w+ (fc_\w+);$"),
    re.compile(r"^enum \{ (FC_\w+)"),
    re.compile(r"\b(fc_\w+)\("),
)
_MARKS = re.compile(r"([\\`*_\[\]<>|$])")


@dataclass
class Entry:
    """Declarations that stand together, and the comment above them."""

    comment: str
    code: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [name for declaration in self.code if (name := _defined(declaration))]


@dataclass
class Header:
    name: str
    about: str
    entries: list[Entry | str]  # a string is the title of those after it

    def declared(self) -> list[Entry]:
        return [entry for entry in self.entries if isinstance(entry, Entry)]


def page() -> str:
    paths = sorted(HEADERS.glob("*.h"), key=lambda path: (path.stem != "fastconv", path.stem))
    headers = [read(path.name, path.read_text(encoding="utf-8")) for path in paths]
    anchors = _anchors(headers)
    lines = [
        "# The C library",
        "",
        "Made from the headers: what a function, a structure or a constant promises is the comment above it. "
        "[Compilers, systems, wheels](../platforms.md#the-c-library) tells how the library is built and installed.",
        "",
        "| header | what it declares |",
        "| --- | --- |",
    ]
    for header in headers:
        names = ", ".join(f"[`{name}`](#{name})" for entry in header.declared() for name in entry.names)
        lines.append(f"| [{header.name}](#{_slug(header.name)}) | {names} |")
    for header in headers:
        lines += ["", f"## {header.name} {{#{_slug(header.name)}}}", "", _prose(header.about, anchors)]
        for entry in header.entries:
            lines += _shown(entry, anchors) if isinstance(entry, Entry) else ["", f"## {header.name}: {entry}"]
    return "\n".join(lines) + "\n"


def read(name: str, text: str) -> Header:
    """The declarations of a header, in groups: one begins at each comment, and after each empty line."""
    rest = _FRAME.sub("", text)
    about, found, comment = "", [], ""
    group: Entry | None = None
    while rest := rest.lstrip(" "):
        if rest.startswith("\n"):
            group, rest = (None if rest.startswith("\n\n") else group), rest[1:]
            comment = comment if not rest.startswith("\n") else ""
        elif rule := _RULE.match(rest):
            found.append(rule[1])
            rest = rest[rule.end() :]
        elif stated := _COMMENT.match(rest):
            comment, group, rest = _unframed(stated[0]), None, rest[stated.end() :]
            about = about or ("" if comment.startswith("SPDX") else comment)
        else:
            end = _end(rest)
            if group is None:
                group = Entry(comment)
                found.append(group)
            group.code.append(rest[:end])
            comment, rest = "", rest[end:]
    return Header(name, about, found)


def _end(text: str) -> int:
    """Where a declaration ends: its semicolon outside of braces, with the comment after it on that line."""
    depth = 0
    for match in re.finditer(r"/\*.*?\*/|[{};]", text, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if match[0] == ";" and not depth:
            trailing = re.compile(r" */\*.*?\*/", re.DOTALL).match(text, match.end())
            return trailing.end() if trailing else match.end()
    raise ValueError(f"no end of {text[:80]!r}")


def _defined(declaration: str) -> str | None:
    code = _COMMENT.sub("", declaration).strip()
    return next((match[1] for pattern in _DEFINED if (match := pattern.search(code))), None)


def _unframed(comment: str) -> str:
    """A comment's text, without its stars."""
    lines = comment.removeprefix("/*").removesuffix("*/").strip().split("\n")
    return "\n".join(re.sub(r"^ *\*? *", "", line) for line in lines).strip()


def _anchors(headers: list[Header]) -> dict[str, str]:
    """Name -> anchor; an enumerator's is that of its type."""
    own, inner = {}, {}
    for entry in (entry for header in headers for entry in header.declared()):
        for declaration in entry.code:
            name = _defined(declaration)
            own[name] = name
            if declaration.startswith("typedef enum"):
                inner |= {word: name for word in re.findall(r"\bFC_\w+", _COMMENT.sub("", declaration))}
    return inner | own


def _shown(entry: Entry, anchors: dict[str, str]) -> list[str]:
    first, *others = entry.names
    title = ", ".join(f"`{name}`" for name in entry.names)
    places = "".join(f'<a id="{name}"></a>' for name in others)
    lines = ["", f'### {title} {{#{first} data-toc-label="{first}"}}', ""]
    lines += [places, ""] if places else []
    return [*lines, "```c", *entry.code, "```", "", _prose(entry.comment, anchors)]


def _prose(comment: str, anchors: dict[str, str]) -> str:
    """A comment as Markdown: its marks are characters, its names lead to what they name."""
    parts, end = [], 0
    for match in _NAME.finditer(comment):
        parts.append(_MARKS.sub(r"\\\1", comment[end : match.start()]))
        anchor = anchors.get(match[0])
        parts.append(f"[`{match[0]}`](#{anchor})" if anchor else f"`{match[0]}`")
        end = match.end()
    text = "".join([*parts, _MARKS.sub(r"\\\1", comment[end:])])
    return re.sub(r"(?<!^)(?=^- )", "\n", text, count=1, flags=re.MULTILINE)


def _slug(header: str) -> str:
    return header.replace(".", "-")
