"""The program: `carecli`, and `python -m carecli`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import NoReturn

__all__ = ["run"]


def run() -> NoReturn:
    """Run the command line, as fast as a program that lives for a moment can start and end.

    Most of a short command's time is the start of Python. Loading modules makes many objects and
    no garbage, so the collector is let wait; and what the process holds at its end goes with it,
    so the interpreter is not taken down piece by piece.
    """
    gc.set_threshold(100_000, 50, 50)
    _keep_from_asking_for_versions()
    for unused in ("importlib_metadata", "sqlparse"):
        _load_when_called(unused)
    from carecli.cli import main

    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            # A stream that was closed by whoever started us is None.
            if stream is not None:
                stream.flush()
        except BrokenPipeError:
            # The reader of our output went away (`carecli log | head`): nothing to tell it.
            pass
        except OSError as error:
            os.write(2, f"Error: the output could not be written: {error.strerror}\n".encode())
            code = code or 1
    os._exit(code)


def _keep_from_asking_for_versions() -> None:
    """Spare psycopg the reading of its own metadata, which takes a tenth of a short command.

    Both its packages ask importlib.metadata, which loads the parser of e-mails, for a version that
    nobody here reads. They can do without, as they do where they are not installed from a wheel.
    """
    for package in ("psycopg", "psycopg_binary"):
        module = ModuleType(f"{package}.version")
        vars(module)["__version__"] = "unknown"
        sys.modules[module.__name__] = module


def _load_when_called(name: str) -> None:
    """Spare yoyo a module of functions that it imports at once and calls for nothing we ask of it.

    Arguments:
        name: of the module, which is loaded when one of its functions is called.
    """
    module = ModuleType(name)

    def function(wanted: str) -> Callable[..., object]:
        # The import machinery looks for what a module of this kind does not have.
        if wanted.startswith("__"):
            raise AttributeError(wanted)

        def load_and_call(*arguments: object, **named: object) -> object:
            if sys.modules.get(name) is module:
                del sys.modules[name]
            return getattr(import_module(name), wanted)(*arguments, **named)

        return load_and_call

    vars(module)["__getattr__"] = function
    sys.modules[name] = module


if __name__ == "__main__":
    run()
