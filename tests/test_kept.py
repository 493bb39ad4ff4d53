"""What a document says is read once and kept beside it, as Python keeps bytecode, and never believed when stale."""

import sys
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract.reading import kept
from mockserver.data import data

SOURCE = b"paths: {}\nanswer: 42\n"


class Reader:
    """Reads, and counts how often."""

    def __init__(self, found: Any = 42) -> None:
        self.found, self.sources = found, []  # type: Any, list[bytes]

    def __call__(self, source: bytes) -> Any:
        self.sources.append(source)
        return self.found


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    path = tmp_path / "own.yaml"
    path.write_bytes(SOURCE)
    return path


def kept_file(path: Path) -> Path:
    [file] = (path.parent / "__pycache__").iterdir()
    return file


def test_a_document_is_read_once(path: Path) -> None:
    reader = Reader({"paths": {}, "big": 2**70, "none": None, "text": "\u00e9"})
    assert kept.value(path, reader) == kept.value(path, reader) == reader.found
    assert reader.sources == [SOURCE]


def test_another_content_is_read_again_whatever_its_time(path: Path) -> None:
    reader = Reader()
    kept.value(path, reader)
    path.write_bytes(SOURCE + b"# a word more\n")
    kept.value(path, reader)
    assert len(reader.sources) == 2


def test_what_was_read_by_another_rule_is_read_again(path: Path) -> None:
    reader = Reader()
    for form in ("keys: a", "keys: a b", "keys: a b"):
        kept.value(path, reader, form)
    assert len(reader.sources) == 2


@pytest.mark.parametrize("damage", [b"", b"[", b"[1]", b'["other", 1]', b"\xff", b"null"])
def test_what_was_damaged_is_made_again(path: Path, damage: bytes) -> None:
    reader = Reader()
    kept.value(path, reader)
    kept_file(path).write_bytes(damage)
    assert kept.value(path, reader) == kept.value(path, reader) == 42
    assert len(reader.sources) == 2


def test_where_nothing_can_be_kept_nothing_is_said(path: Path) -> None:
    (path.parent / "__pycache__").write_text("in the way")
    reader = Reader()
    assert kept.value(path, reader) == kept.value(path, reader) == 42
    assert len(reader.sources) == 2


def test_it_keeps_nothing_where_python_keeps_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    kept.value(path, Reader())
    assert [file.name for file in path.parent.iterdir()] == ["own.yaml"]


def test_it_lies_where_bytecode_lies(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "prefix"))
    kept.value(path, Reader())
    assert not (path.parent / "__pycache__").exists()
    assert list((tmp_path / "prefix").rglob("own.*.json"))


def test_a_reader_that_fails_keeps_nothing(path: Path) -> None:
    def fails(_: bytes) -> Any:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept.value(path, fails)
    assert kept.value(path, Reader()) == 42


@pytest.mark.parametrize("name", ["evolink.yaml", "files.yaml", "control.yaml"])
def test_what_was_kept_says_what_the_document_says(path: Path, name: str) -> None:
    from mockserver.contract.document.document import read_value

    path.write_bytes(data("openapi", name).read_bytes())
    assert kept.value(path, read_value) == kept.value(path, Reader()) == read_value(path.read_bytes())
