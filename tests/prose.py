"""Counts sentences in docstrings, comments and documents that open with a clause instead of a verb or a noun.

`make check` runs it: it fails above LIMIT. `python -m tests.prose --list [PATH ...]` shows the sentences.
"""

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LIMIT = 0.03
OPENING = re.compile(r"(What|Whose|Whoever|Whom|Who|Of|Those|That which)\b(?!.*\?$)")
# Words that stand for a number or a noun which the sentence does not give.
STUB = re.compile(r"\b(so many|so long|as ever|by more(?! than)|for as long|such a one|none at all)\b", re.IGNORECASE)
_END = re.compile(r"(?<=[.!?:;])\s+(?=[A-Z`\"'(])")
_DOCUMENTS = (".md", ".env.example", ".yml", ".toml", "Makefile")


class Sentence(NamedTuple):
    path: str
    line: int
    text: str


def sentences(path: str) -> Iterator[Sentence]:
    source = Path(path).read_text(encoding="utf-8")
    for line, block in _blocks(path, source):
        for paragraph in re.split(r"\n\s*\n", block):
            for text in _END.split(" ".join(paragraph.split())):
                if len(text.split()) > 2:
                    yield Sentence(path, line, text)


def _blocks(path: str, source: str) -> Iterator[tuple[int, str]]:
    if path.endswith(".py"):
        yield from _docstrings(source)
        yield from _comments((token.start[0], token.string) for token in _comment_tokens(source))
    elif path.endswith(".md"):
        prose = re.sub(r"```.*?```", "", source, flags=re.DOTALL)
        prose = re.sub(r"^(    |\||#).*$", "", prose, flags=re.MULTILINE)
        yield 1, re.sub(r"^[-*\d.]+ ", "\n\n", prose, flags=re.MULTILINE)
    else:
        lines = enumerate(source.splitlines(), start=1)
        yield from _comments((number, line.strip()) for number, line in lines if line.strip().startswith("#"))


def _docstrings(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        named = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, named) and (text := ast.get_docstring(node)):
            yield getattr(node, "lineno", 1), text


def _comment_tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return (token for token in tokens if token.type == tokenize.COMMENT)


def _comments(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Join the lines of one comment."""
    first = last = 0
    words: list[str] = []
    for number, line in lines:
        if number != last + 1 and words:
            yield first, " ".join(words)
            words = []
        first, last = (first, number) if words else (number, number)
        words.append(line.lstrip("#:! "))
    if words:
        yield first, " ".join(words)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", default=["."])
    parser.add_argument("--list", action="store_true", help="show the sentences")
    options = parser.parse_args()
    files = subprocess.run(["git", "ls-files", *options.paths], check=True, capture_output=True, text=True).stdout
    read = [path for path in files.split() if path.endswith((".py", *_DOCUMENTS)) and "/migrations/" not in path]
    found = [sentence for path in read for sentence in sentences(path)]
    bad = [sentence for sentence in found if OPENING.match(sentence.text) or STUB.search(sentence.text)]
    if options.list:
        print(*(f"{each.path}:{each.line}: {each.text}" for each in bad), sep="\n")
    share = len(bad) / max(1, len(found))
    print(f"{len(bad)} of {len(found)} sentences ({share:.1%}) open with a clause or lack a name; limit {LIMIT:.0%}.")
    return share > LIMIT


if __name__ == "__main__":
    sys.exit(main())
