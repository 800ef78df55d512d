"""Files from the future come to the present; others stay as they are."""

import os
import time

from stylevote.machine.clock import bring_to_present


def test_what_is_still_to_come_becomes_present(tmp_path):
    now = time.time()
    (tmp_path / "deep").mkdir()
    ahead, past, soon = (tmp_path / "deep" / name for name in ("ahead", "past", "soon"))
    for path, moment in [(ahead, now + 3600), (past, now - 3600), (soon, now + 10)]:
        path.write_text("x")
        os.utime(path, (moment, moment))
    (tmp_path / "link").symlink_to(ahead)
    before = {path: path.stat().st_mtime for path in (past, soon)}
    assert bring_to_present(tmp_path) == 1
    assert now - 1 <= ahead.stat().st_mtime <= time.time() + 1
    assert {path: path.stat().st_mtime for path in (past, soon)} == before


def test_no_folder_is_no_work(tmp_path):
    assert bring_to_present(tmp_path / "none") == 0
