"""`serve`: the answers of a trained head over HTTP."""

from contextlib import suppress

import click

from app.devices import chosen_device
from features.extras import require_extra

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command()
@click.argument("head", metavar="BUNDLE")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535),
              help="Port to listen on.")  # fmt: skip
@click.option("--max-bytes", default=50_000_000, show_default=True, type=click.IntRange(1),
              help="Largest request, in bytes.")  # fmt: skip
@click.option("--max-seconds", default=60.0, show_default=True, type=click.FloatRange(0.1),
              help="Longest clip, in seconds.")  # fmt: skip
@click.option("--max-waiting", default=32, show_default=True, type=click.IntRange(1),
              help="Most requests that are answered or wait at a time.")  # fmt: skip
@click.option("--timeout", default=30.0, show_default=True, type=click.FloatRange(0.1),
              help="Seconds after which a request is refused.")  # fmt: skip
@click.option("--device", default="auto", help="auto (a GPU if there is one), cpu, cuda or cuda:N")
def serve(
    head: str,
    host: str,
    port: int,
    max_bytes: int,
    max_seconds: float,
    max_waiting: int,
    timeout: float,
    device: str,
) -> None:
    """Serve a bundle, or a trained head of this project, over HTTP.

    POST a form with a `file`, a `text` or both to /predict; GET /health and /schema. It listens on
    this machine only unless --host says otherwise, does not encrypt, and requires no password.
    """
    for module, package in (("fastapi", "fastapi"), ("uvicorn", "uvicorn")):
        require_extra("serve", module, package)
    require_extra("serve", "python_multipart", "python-multipart")
    import uvicorn

    from app.predict.models import read_model
    from app.predict.predictor import Predictor
    from app.serving.limits import Limits
    from app.serving.server import application
    from app.serving.service import Service

    limits = Limits(max_bytes, max_seconds, max_waiting, timeout)
    with Predictor(read_model(head), chosen_device(device)) as predictor:
        predictor.limit(max_seconds, max_bytes)
        predictor.load()
        hosts = list(LOOPBACK) if host in LOOPBACK else None
        application_ = application(Service(predictor, limits), hosts)
        settings = uvicorn.Config(
            application_, host=host, port=port, log_level="warning", timeout_keep_alive=5,
            limit_concurrency=8 * max_waiting, server_header=False,
        )  # fmt: skip
        server = uvicorn.Server(settings)
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        with suppress(KeyboardInterrupt):
            click.echo(f"{head}: listening on http://{place} (Ctrl-C stops it)")
            server.run()
