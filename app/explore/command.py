"""`explore`: a corpus, its clips and what heads predict for them, in a browser."""

import socket
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path

import click

from features.errors import ProjectError
from features.extras import require_extra

HOST = "127.0.0.1"
HOSTS = [HOST, "localhost"]


@click.command()
@click.argument("corpus", metavar="[CORPUS]", required=False)
@click.option("--port", default=8600, show_default=True, type=click.IntRange(0, 65535),
              help="Port to listen on; 0 takes any free one.")  # fmt: skip
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--export", "folder", metavar="DIR", type=click.Path(path_type=Path),
              help="Write the page into a folder for a web server instead.")  # fmt: skip
@click.option("--with-media", is_flag=True, help="Export the clips as well.")
def explore(
    corpus: str | None, port: int, no_browser: bool, folder: Path | None, with_media: bool
) -> None:
    """Explore a corpus in a browser: clips, mistakes, attention, stores.

    CORPUS is a name from params.yaml; without it, the one that the head `main` was trained on. The
    page is served on this machine only, shows what heads predicted when they were trained, and
    loads nothing from the network.
    """
    if with_media and folder is None:
        raise ProjectError("--with-media works only with --export DIR; give both")
    from app.explore.corpus import opened

    with opened(corpus) as explored:
        for line in explored.unusable:
            click.echo(line, err=True)
        if folder is not None:
            from app.explore.export import export

            count = export(explored, folder, with_media)
            click.echo(
                f"{folder / 'index.html'}: {len(explored.utterances)} utterances, {count} files"
            )
            return
        for module, package in (("starlette", "fastapi"), ("uvicorn", "uvicorn")):
            require_extra("explore", module, package)
        import uvicorn

        from app.explore.server import Explorer

        application = Explorer(explored).application(HOSTS)
        with _listening(port) as listening:
            address = f"http://{HOST}:{listening.getsockname()[1]}/"
            settings = uvicorn.Config(application, log_level="warning", server_header=False)
            with suppress(KeyboardInterrupt):
                click.echo(f"{explored.name}: {address} (Ctrl-C stops it)")
                if not no_browser:
                    # Some browsers end only when they are closed.
                    threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
                uvicorn.Server(settings).run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    """A socket of this machine alone; ProjectError where the port is taken."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise ProjectError(
            f"port {port} cannot be used ({error.strerror}); choose another with --port, or 0 "
            "for any free one"
        ) from None
    return listening
