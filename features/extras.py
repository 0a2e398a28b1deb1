"""Packages that only some features need: those of requirements-extra.txt."""

from importlib.util import find_spec

from features.errors import ProjectError

INSTALL = "pip install -r requirements-extra.txt -c constraints.txt"


def require_extra(feature: str, module: str, package: str) -> None:
    """Refuse a feature whose module is not installed, with the command that installs its package.

    Call it before the module is imported.
    """
    try:
        is_installed = find_spec(module) is not None
    except ModuleNotFoundError:
        is_installed = False
    if not is_installed:
        raise ProjectError(f"{feature} needs the package {package}; install it with: {INSTALL}")
