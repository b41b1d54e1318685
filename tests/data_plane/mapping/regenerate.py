"""Write the golden files anew: ``python -m tests.data_plane.mapping.regenerate``.

Run it after a wanted change of the mapping, and review the difference as code.
"""

from tests.data_plane.mapping.golden import FOLDER, golden_path, rendered


def main() -> None:
    files = dict(rendered())
    for stale in set(FOLDER.glob("**/*.json")) - {golden_path(name) for name in files}:
        stale.unlink()
    for name, text in files.items():
        golden_path(name).parent.mkdir(parents=True, exist_ok=True)
        golden_path(name).write_text(text)
    print(f"{len(files)} golden files in {FOLDER.name}/")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
