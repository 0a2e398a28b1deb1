"""Control characters that are bytes of Windows: U+0080 to U+009F, where cp1252 has letters."""

import re

# Five of the 32 mean nothing in cp1252 and are left as they are.
CP1252 = {
    number: bytes([number]).decode("cp1252")
    for number in range(0x80, 0xA0)
    if number not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
# What str.strip() removes, but U+0085.
BLANKS = "".join(
    chr(number) for number in range(0x3001) if chr(number).isspace() and number != 0x85
)
MISREAD = re.compile(f"[{''.join(map(chr, CP1252))}]")


def misread_characters(text: str) -> list[str]:
    """The control characters of a text that stand for characters of cp1252, in their order."""
    return MISREAD.findall(text)


def as_cp1252(text: str) -> str:
    """The text with the characters that its control characters stand for in cp1252.

    They come from text in cp1252 that was read as Latin-1: U+0092 is ``’``, U+0085 ``…``.
    """
    return text.translate(CP1252)


def without_blanks(text: str) -> str:
    """The text without surrounding blanks; U+0085 may be ``…`` and does not count as one."""
    return text.strip(BLANKS)
