"""`runbookctl approve`: answer a question with a signed statement when Slack is down (mission P5).

Shows the plan first, as the bot has it, and signs the digest that was shown. The bot checks the signature and the same
rules as for a click. Talks to the bot's own address; needs neither Slack nor the database.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from bot.cli.options import ConfigOption, JsonOption, configuration
from bot.errors import ConfigurationError, Transient

SECONDS = 15.0
KEY_FILE = "COUNTERSIGN_KEY"


def approve(
    approval: Annotated[
        str, typer.Argument(help="Id of the question; without one the open questions are listed.")
    ] = "",
    person: Annotated[str, typer.Option("--as", help="Your id in people.yaml.")] = "",
    key: Annotated[str, typer.Option(help=f"Your private key file; else {KEY_FILE}.")] = "",
    reject: Annotated[str, typer.Option(help="Reject it, with this reason.")] = "",
    digest: Annotated[str, typer.Option(help="The plan's digest (at least its first 12); then nothing is asked.")] = "",
    address: Annotated[str, typer.Option(help="The bot's address; else from the configuration.")] = "",
    new_key: Annotated[
        str, typer.Option(help="Make a key in this new file and say what to put into people.yaml.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve (or reject) a waiting plan with your key; also lists and shows what waits."""
    if new_key:
        _make_key(Path(new_key), as_json=as_json)
        return
    if not person:
        raise typer.BadParameter("say who you are", param_hint="--as")
    place = address or _address(config)
    private = _key_content(key or os.environ.get(KEY_FILE, ""))

    def ask(answer: str, of: str = "", reason: str = "") -> dict[str, Any]:
        return _send(place, _signed(private, person, answer, approval, of, reason))

    if not approval:
        _say(ask("list"), _listed, as_json=as_json)
        return
    shown = ask("show")
    if not shown["ok"]:
        _say(shown, _shown, as_json=as_json)
        return
    whole = str(shown["data"]["digest"])
    if digest:
        if len(digest) < 12 or not whole.startswith(digest):
            typer.echo(f"refused: the plan that waits is {whole[:12]}, not {digest[:12]}.", err=True)
            raise typer.Exit(1)
    else:
        typer.echo(_shown(shown["data"]), err=as_json)
        word = "Reject" if reject else "Approve"
        typer.confirm(f"{word} exactly this?", abort=True, err=as_json)
    _say(ask("reject" if reject else "approve", whole, reject), _said, as_json=as_json)


def _make_key(path: Path, *, as_json: bool) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from bot.signing import private_text, public_text

    private = Ed25519PrivateKey.generate()
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as out:
            out.write(private_text(private))
    except OSError as error:
        message = f"cannot be made ({error.strerror})."
        raise ConfigurationError(message, place=str(path), fix="name a file that does not exist yet.") from error
    public = public_text(private)
    text = f"Key made: {path} (keep it to yourself).\nPut this under your name in people.yaml:\n  key: {public}"
    typer.echo(json.dumps({"file": str(path), "key": public}) if as_json else text)


def _key_content(name: str) -> bytes:
    if not name:
        raise ConfigurationError("no key was named.", place=f"--key or {KEY_FILE}", fix="name your private key file.")
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read ({error.strerror}).", place=name, fix="name a readable file."
        ) from error


def _address(config: str | None) -> str:
    listen = configuration(config).file.listen
    host = "127.0.0.1" if listen.host in ("", "0.0.0.0", "::") else listen.host  # noqa: S104 - reason: compared, not bound
    return f"http://{host}:{listen.port}"


def _signed(private: bytes, person: str, answer: str, approval: str, digest: str, reason: str) -> bytes:
    from bot.signing import Statement, private_key, sign

    statement = Statement.model_validate(
        {
            "person": person,
            "answer": answer,
            "approval": approval,
            "digest": digest,
            "reason": reason,
            "at": datetime.now(UTC),
        }
    )
    signature = sign(statement, private_key(private, "--key"))
    return json.dumps({"statement": statement.model_dump(mode="json"), "signature": signature}).encode()


def _send(address: str, body: bytes) -> dict[str, Any]:
    if not address.startswith(("http://", "https://")):
        raise ConfigurationError("is not an http address.", place="--address", fix="write http://host:port.")
    request = urllib.request.Request(  # noqa: S310 - reason: the scheme was checked above
        f"{address.rstrip('/')}/answers", data=body, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - reason: as above
            return cast("dict[str, Any]", json.loads(answer.read(1_000_000)))
    except urllib.error.HTTPError as error:
        try:
            return cast("dict[str, Any]", json.loads(error.read(1_000_000)))
        except ValueError:
            raise Transient(f"the bot answered {error.code}") from error
    except (OSError, ValueError) as error:
        raise Transient(f"the bot at {address} cannot be reached ({error})") from error


def _say(reply: dict[str, Any], words: Any, *, as_json: bool) -> None:
    data = reply["data"]
    if as_json:
        typer.echo(json.dumps(reply))
    elif reply["name"] == "refused":
        typer.echo(f"refused ({data['code']}): {data['reason']} {data['remedy']}")
    else:
        typer.echo(words(data))
    raise typer.Exit(0 if reply["ok"] else 1)


def _listed(data: dict[str, Any]) -> str:
    lines = [
        f"{q['id']}  {q['kind']}  plan {q['digest'][:12]}  {q['message']}  until {q['expires_at']}"
        for q in data["questions"]
    ]
    return "\n".join(lines) or "Nothing waits for an answer."


def _shown(data: dict[str, Any]) -> str:
    plan = data["plan"]
    lines = [f"{data['message']}", f"{plan['runbook_title']} on {plan['service']} in {plan['environment']}", ""]
    for number, step in enumerate(plan["steps"], 1):
        target = step["act"]["target"]
        lines.append(f"{number}. {step['act']['shown']}")
        lines.append(f"   on {target['kind']} {target['name']} in {target['environment']}, risk {step['risk']}")
        check = step["check"]
        if check:
            lines.append(f"   success: {check['fact']} {check['expect']}, {check['required']} of {check['of']}")
        undo = "; ".join(act["shown"] for act in step["rollback"])
        lines.append(f"   undo: {undo or step['rollback_note'] or 'none'}")
    lines += ["", f"asked for by {plan['requester']}, until {data['expires_at']}", f"plan {data['digest']}"]
    return "\n".join(lines)


def _said(data: dict[str, Any]) -> str:
    return str(data["text"])
