"""What the users' Secrets hold, or what is wrong with them in words that help."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from saleor_segment_operator.errors import Blocked
from saleor_segment_operator.reconcile.ports import AppRecord, Secrets
from saleor_segment_operator.reconcile.state import Problem
from saleor_segment_operator.resource import Reason, Spec
from saleor_segment_operator.saleor import StaffCredentials


@dataclass(frozen=True, slots=True)
class Login:
    """How an integration is known to Saleor."""

    staff: StaffCredentials | None = field(default=None, repr=False)
    """A staff user, for a managed app."""
    token: str | None = field(default=None, repr=False)
    """The app's token, where there is one."""
    problem: Problem | None = None
    """What is wrong with the Secret."""


async def login(secrets: Secrets, namespace: str, spec: Spec, record: AppRecord | None) -> Login:
    """Read how an integration is known to Saleor: its Secret, and our record of its app.

    A Secret that may not be read is a problem like one that is missing: our own token may do.
    """
    try:
        return await _login(secrets, namespace, spec, record)
    except Blocked as error:
        return Login(token=record.token if record else None, problem=Problem.of(error))


async def _login(secrets: Secrets, namespace: str, spec: Spec, record: AppRecord | None) -> Login:
    app = spec.saleor.app
    if app.existing is not None:
        ref = app.existing.token_secret_ref
        token = await read(secrets, namespace, ref.name, ref.key)
        return Login(problem=token) if isinstance(token, Problem) else Login(token=token)
    name = app.managed.credentials_secret_ref.name if app.managed else ""
    staff = await _staff(secrets, namespace, name)
    kept = record.token if record else None
    if isinstance(staff, Problem):
        return Login(token=kept, problem=staff)
    return Login(staff=staff, token=kept)


async def read(secrets: Secrets, namespace: str, name: str, key: str) -> str | Problem:
    """Read one value, white space around it dropped: editors and ``echo`` leave newlines."""
    data = await secrets.read(namespace, name)
    if data is None:
        return _missing(namespace, name, f"the key {key}")
    text = _text(namespace, name, data, key)
    return text if isinstance(text, Problem) else text.strip()


async def _staff(secrets: Secrets, namespace: str, name: str) -> StaffCredentials | Problem:
    data = await secrets.read(namespace, name)
    if data is None:
        return _missing(namespace, name, "the keys email and password of a staff user")
    email = _text(namespace, name, data, "email")
    password = _text(namespace, name, data, "password")
    if isinstance(email, Problem):
        return email
    if isinstance(password, Problem):
        return password
    return StaffCredentials(email.strip(), password.rstrip("\r\n"))  # spaces may belong to it


def _missing(namespace: str, name: str, holding: str) -> Problem:
    message = f"Secret {namespace}/{name} does not exist: create it with {holding}."
    return Problem(Reason.SECRET_MISSING, message)


def _text(namespace: str, name: str, data: Mapping[str, bytes], key: str) -> str | Problem:
    where = f"Secret {namespace}/{name}"
    if key not in data:
        message = f"{where} has no key {key}: add it, or name another in the spec."
        return Problem(Reason.SECRET_KEY_MISSING, message)
    try:
        text = data[key].decode()
    except UnicodeDecodeError:
        text = ""
    if not text.strip():
        message = f"{where}: key {key} is blank or no text: store the right value there."
        return Problem(Reason.SECRET_VALUE_INVALID, message)
    return text
