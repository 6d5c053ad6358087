"""`wasmcp deploy`: write the manifests of a deployment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wasmcp.cli.parameters import FilePath
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.deploy.request import Bundle, Mount, Request
    from wasmcp.deploy.subject import Subject

_Command = TypeVar("_Command", bound=Callable[..., Any])
_REPLICAS = click.IntRange(1, 1000)
_PORT = click.IntRange(1, 65535)

_NAME = click.option("--name", metavar="NAME", help="Name of the deployment, a DNS label.  [default: the server's]")
_OUTPUT = click.option(
    "-o",
    "--output",
    type=FilePath(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Folder of the files.  [default: deploy/TARGET]",
)
_SERVER = click.option("--server", help="The server's name in a wheel.  [default: default]")
_ENV = click.option("--env", "values", multiple=True, metavar="NAME=VALUE", help="A setting, or a variable.")
_FORCE = click.option("--force", is_flag=True, help="Replace files that were changed.")
_HOST = click.option("--host", "hosts", multiple=True, metavar="NAME", help="Name by which clients reach the server.")
_IMAGE = click.option("--image", default="", metavar="REFERENCE", help="Reference under which the image is pushed.")
_REPLICA_COUNT = click.option("--replicas", type=_REPLICAS, default=1, show_default=True, metavar="N")
_BASE_IMAGE = click.option(
    "--base-image", default="python:3.13-slim", show_default=True, metavar="REFERENCE", help="Image with Python."
)
_NAMESPACE = click.option("--namespace", default="", metavar="NAME", help="Namespace.  [default: that of kubectl]")


def _secret(reference: str) -> Callable[[_Command], _Command]:
    text = f"A secret setting or variable, by reference.  [default: {reference}]"
    return click.option("--secret", "secrets", multiple=True, metavar="NAME[=REFERENCE]", help=text)


def _directory(source: str) -> Callable[[_Command], _Command]:
    text = f"Directory of the server, and its source: {source}."
    return click.option("--dir", "folders", multiple=True, metavar="PATH=SOURCE[:ro]", help=text)


def _port(text: str, default: int) -> Callable[[_Command], _Command]:
    return click.option("--port", type=_PORT, default=default, show_default=True, help=text)


def _all(*decorators: Callable[[Any], Any]) -> Callable[[_Command], _Command]:
    def decorate(command: _Command) -> _Command:
        for one in reversed((click.argument("server_file", metavar="FILE"), *decorators, _OUTPUT, _SERVER, _FORCE)):
            command = one(command)
        return command

    return decorate


@click.group("deploy")
def deploy_command() -> None:
    """Write the manifests of a deployment.

    They are made of a composed server, or a wheel with one, and of the grants of its components. Secrets are
    written as references only. Files that were changed after they were written are kept; --force replaces them.
    """


@deploy_command.command("kubernetes")
@_all(
    _IMAGE,
    _NAME,
    _NAMESPACE,
    _REPLICA_COUNT,
    _port("Port of the Service.", 80),
    _HOST,
    _ENV,
    _secret("the key NAME of the Secret with the deployment's name; SECRET/KEY"),
    _directory("a PersistentVolumeClaim"),
    click.option("--egress", type=_PORT, multiple=True, metavar="PORT", help="Port that the process connects to."),
    click.option("--memory", default="512Mi", show_default=True, metavar="QUANTITY", help="Memory of a replica."),
    click.option("--storage", default="1Gi", show_default=True, metavar="QUANTITY", help="Size of the store's volume."),
    _BASE_IMAGE,
)
def kubernetes(**options: Any) -> None:
    """Write a Deployment, a Service, a NetworkPolicy and a Dockerfile.

    FILE is a composed server or a wheel. Validated against the schemas of Kubernetes, not run.
    """
    from wasmcp.deploy.containers import kubernetes as deploy

    _write("kubernetes", deploy, options, lambda name, variable: f"{name}/{variable}")


@deploy_command.command("compose")
@_all(
    _IMAGE,
    _NAME,
    _port("Port on 127.0.0.1.", 8000),
    _HOST,
    _ENV,
    _secret("the environment variable NAME"),
    _directory("a volume, or a path"),
    _BASE_IMAGE,
)
def compose(**options: Any) -> None:
    """Write a project of Docker Compose and a Dockerfile.

    FILE is a composed server or a wheel. Validated against the schema of Compose, not run.
    """
    from wasmcp.deploy.containers import docker_compose as deploy

    _write("compose", deploy, options, lambda _name, variable: variable)


@deploy_command.command("spin")
@_all(
    _NAME,
    _port("Port on 127.0.0.1.", 3000),
    _HOST,
    _ENV,
    _secret("the environment variable NAME of `spin up`"),
    _directory("a folder; with `:ro`"),
)
def spin(**options: Any) -> None:
    """Write a `spin.toml`.

    FILE is a server composed with --runtime spin, or a wheel with one. Validated, not run.
    """
    from wasmcp.deploy.runtimes import spin as deploy

    _write("spin", deploy, options, lambda _name, variable: variable)


@deploy_command.command("wasmcloud")
@_all(
    _IMAGE,
    _NAME,
    _NAMESPACE,
    _REPLICA_COUNT,
    _HOST,
    _ENV,
    _secret("the key NAME of the Secret with the deployment's name; SECRET/NAME"),
    _directory("a path of the hosts"),
    click.option("--host-group", default="default", show_default=True, metavar="GROUP", help="Group of hosts."),
)
def wasmcloud(**options: Any) -> None:
    """Write a WorkloadDeployment of wasmCloud 2.

    FILE is a server composed with --runtime wasmcloud, or a wheel with one.
    """
    from wasmcp.deploy.runtimes import wasmcloud as deploy

    _write("wasmcloud", deploy, options, lambda name, variable: f"{name}/{variable}")


def _write(
    target: str,
    deploy: Callable[[Request, Subject], Bundle],
    options: dict[str, Any],
    reference: Callable[[str, str], str],
) -> None:
    """Write the files of a deployment, and print the commands that deploy them.

    Args:
        target: The kind of deployment.
        deploy: Returns its files.
        options: The options of the command.
        reference: Returns the default reference to a secret, of the deployment's name and the variable.
    """
    from wasmcp.deploy.request import Request, default_name
    from wasmcp.deploy.subject import read_subject

    path, server = Path(options.pop("server_file")), options.pop("server")
    output: Path = options.pop("output") or Path("deploy") / target
    force: bool = options.pop("force")
    values = _pairs(options.pop("values"), "--env", "NAME=VALUE")
    given = _pairs(options.pop("secrets"), "--secret", "NAME[=REFERENCE]", optional=True)
    mounts = _mounts(options.pop("folders"))
    if server is not None and path.suffix != ".whl":
        raise click.UsageError(
            f"--server is the name of a server of a wheel, and `{path}` is not a wheel: leave it out"
        )
    subject = read_subject(path, server or "default")
    name = options.pop("name") or default_name(subject)
    secrets = {variable: found or reference(name, variable) for variable, found in given.items()}
    request = Request(name, values=values, secrets=secrets, mounts=mounts, **options)
    bundle = deploy(request, subject)
    written = bundle.write(output, force=force)
    for file in written:
        click.echo(f"wrote {printable(str(file))}")
    if not written:
        click.echo(f"{printable(str(output))}: nothing has changed")
    for note in bundle.notes:
        click.echo(f"note: {printable(note)}")
    click.echo(f"deploy it, in {printable(str(output))}:")
    for line in bundle.commands:
        click.echo(f"  {printable(line)}")


def _pairs(given: Sequence[str], option: str, form: str, *, optional: bool = False) -> dict[str, str]:
    found: dict[str, str] = {}
    problems = []
    for item in given:
        name, separator, value = item.partition("=")
        if not name or not (separator or optional):
            problems.append(f"{option} must be {form}, not `{printable(name)}`")
        elif name in found:
            problems.append(f"{option} {printable(name)} is given twice")
        found[name] = value
    if problems:
        raise click.UsageError("; ".join(problems))
    return found


def _mounts(given: Sequence[str]) -> tuple[Mount, ...]:
    from wasmcp.deploy.request import Mount

    found = []
    for item in given:
        guest, _, source = item.partition("=")
        writable = not source.endswith(":ro")
        found.append(Mount(guest, source if writable else source[: -len(":ro")], writable=writable))
    return tuple(found)
