"""See to it that no photo was left out unless that was allowed, and that no training photo is in another photoset."""

import argparse

from stylevote.errors import InputError
from stylevote.photos.ingest import TRAIN, refuse_quarantine, shared_photos
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the table of shared photos."""
    names, paths = arguments.names, arguments.manifests
    if len(names) != len(paths) or len(set(names)) != len(names) or TRAIN not in names:
        raise InputError(f"--names {' '.join(names)}: expected a different name for each manifest, {TRAIN} among them")
    manifests = {name: read_table(path, ["image_id", "sha256"]) for name, path in zip(names, paths, strict=True)}
    on_bad_photo = arguments.spec["on_bad_photo"]
    if on_bad_photo == "fail":
        refuse_quarantine({name: read_table(path) for name, path in zip(names, arguments.quarantines, strict=True)})
    write_table(shared_photos(manifests, on_bad_photo), arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifests="manifests of the photosets...",
        quarantines="their quarantine tables...",
        output="to write: one row per shared photo",
    )
    options.add_argument("--names", nargs="+", required=True, help="names of the photosets, in the manifests' order")
    add_spec(options, '{"on_bad_photo": "fail" or "skip"}')
    run(options, main)
