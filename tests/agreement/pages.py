"""Write the generated pages anew: ``python -m tests.agreement.pages``; read the difference."""

from collections.abc import Callable, Mapping

from tests.agreement import destinations_page, events_page
from tests.agreement.layout import ROOT

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/events.md": events_page.page,
    "docs/destinations.md": destinations_page.page,
}


def main() -> None:
    for name, page in PAGES.items():
        (ROOT / name).write_text(page())
        print(name)  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
