"""Faults on demand: what goes wrong with the shop's server until it is healed."""

from dataclasses import dataclass, fields


@dataclass
class Faults:
    """What is wrong now; the default is nothing."""

    graphql_down: bool = False
    """Connections to the API are closed without an answer."""
    graphql_status: int = 0
    """The API answers this status, with an HTML page, as a proxy before it would."""
    graphql_plain_text: bool = False
    """The API answers 200 with plain text, as a wrong address may."""
    graphql_delay: float = 0.0
    """Seconds the API waits before it answers."""
    lose_answer_to: str = ""
    """A mutation, as in ``appCreate``: it is carried out, and the connection closed."""
    login_error: str = ""
    """Logins are refused with this code, as in ``INVALID_CREDENTIALS``."""
    jwks_down: bool = False
    """The key set is answered with 503."""
    hold_deliveries: bool = False
    """No worker sends anything; deliveries wait."""
    deliver_twice: bool = False
    """What was acknowledged is sent once more, as after a worker's death."""
    lose_answers: float = 0.0
    """The share of deliveries whose answer is lost on its way: Saleor tries them again."""
    wrong_signature: bool = False
    """Deliveries carry a signature of another body."""

    def change(self, **changes: bool | float | str) -> None:
        """Set some of them. Raise ``ValueError`` or ``TypeError`` for what is none."""
        known = {field.name: type(field.default) for field in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"there is no fault {name!r}: there are {', '.join(known)}")
            if not isinstance(value, (int, float) if known[name] is float else known[name]):
                raise TypeError(f"fault {name!r} takes a {known[name].__name__}")
            setattr(self, name, value)

    def heal(self) -> None:
        """Set everything right."""
        for field in fields(self):
            setattr(self, field.name, field.default)
