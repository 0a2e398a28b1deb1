"""Files of text as they are saved: UTF-8, UTF-16, or cp1252, the Western code page of Windows."""

import codecs
import re
from collections.abc import Callable
from pathlib import Path

from features.errors import ProjectError

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# This much of a file shows whether every other byte is zero, as in UTF-16.
SAMPLE_BYTES = 4096
LINE_BREAK = re.compile(r"\r\n|\r|\n")
SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)


def read_text(path: Path) -> tuple[str, list[str]]:
    """The text of a file, and a note where it is read as cp1252, being neither UTF-8 nor UTF-16.

    Raises ProjectError where it cannot be read, has another encoding, or has a NUL character.
    """
    try:
        content, notes = path.read_bytes(), list[str]()
    except OSError as error:
        raise ProjectError(f"{path} cannot be read: {error}; check its permissions") from None
    encoding = _encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise ProjectError(
                f"{path} is not a table in {encoding.upper()}: {error}. Save it as UTF-8"
            ) from None
        text = _from_cp1252(path, content, error)
        line = line_at(text, error.start)
        word = re.split(LINE_BREAK, text)[line - 1].strip()[:60]
        notes.append(f"{path.name}: not UTF-8, so it is read as cp1252; line {line} is {word!r}")
    if "\0" in text:
        raise ProjectError(
            f"{path}, line {line_at(text, text.index(chr(0)))}: it has a NUL character, which text "
            "cannot contain. Save it as a table in UTF-8"
        )
    return text, notes


def read_lines(path: Path, note: Callable[[str], None]) -> list[str]:
    """The lines of a file of text; a note where it is not UTF-8. Raises what `read_text` raises."""
    text, notes = read_text(path)
    for line in notes:
        note(line)
    return LINE_BREAK.split(text)


def line_at(text: str, place: int) -> int:
    """The number of the line, from 1, that a place in a text is on."""
    return 1 + len(LINE_BREAK.findall(text, 0, place))


def _encoding(content: bytes) -> str:
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return encoding
    sample = content[:SAMPLE_BYTES]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if 4 * max(even, odd) > len(sample) and 10 * min(even, odd) < max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"


def _from_cp1252(path: Path, content: bytes, fault: UnicodeDecodeError) -> str:
    """The text, one character for each byte, so that places in it are those in the file."""
    num_high = sum(byte > 0x7F for byte in content)
    if 2 * sum(map(len, SEQUENCE.findall(content))) > num_high:
        line = 1 + content.count(b"\n", 0, fault.start)
        raise ProjectError(
            f"{path}, line {line}: it is not UTF-8, although the rest of the table is: "
            f"{fault}. Copy it again, or save it as UTF-8"
        )
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        raise ProjectError(
            f"{path} is not a table in UTF-8 ({fault}), nor in UTF-16 or cp1252. Save it as UTF-8"
        ) from None
