"""The files of the page, as they are served and exported."""

from pathlib import Path

MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
PAGE_FILES = {
    file.name: file.read_bytes() for file in sorted((Path(__file__).parent / "page").iterdir())
}
