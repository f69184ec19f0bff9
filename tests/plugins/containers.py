"""PostgreSQL in a container, through testcontainers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.plugins.scratch import SETTINGS

__all__ = ["container"]


@contextmanager
def container(image: str, *, user: str) -> Iterator[dict[str, str | int | None]]:
    """Run a container of the image; give its superuser's libpq parameters; remove it at the end.

    Arguments:
        image: name and tag; it has to be on the Docker engine already, nothing is pulled.
        user: name of the bootstrap superuser.
    """
    import docker  # type: ignore[import-untyped]
    from docker.errors import DockerException, ImageNotFound  # type: ignore[import-untyped]
    from testcontainers.community.postgres import PostgresContainer

    try:
        engine = docker.from_env()
        engine.images.get(image)
        engine.close()
    except ImageNotFound:
        pytest.exit(f"--postgres docker:{image}: no such image; build or pull it first", 4)
    except DockerException as error:
        pytest.exit(f"--postgres docker:{image}: no Docker engine answers: {error}", 4)
    options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    server = PostgresContainer(
        image, username=user, password="in-the-container", dbname="postgres", driver=None
    )
    server.with_command(["postgres", *options])
    # In memory, as the scratch servers are: databases are cloned many times.
    server.with_tmpfs_mount("/var/lib/postgresql")
    with server as running:
        yield {
            "user": user,
            "password": "in-the-container",
            "host": running.get_container_host_ip(),
            "port": str(running.get_exposed_port(5432)),
        }
