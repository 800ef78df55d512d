"""Photos that a table gives by URL: what is fetched, what is tried again, and that nothing is computed again for it."""

import csv
import shutil

import pytest

from photo_server import PhotoServer, body, status
from stylevote.files.tables import read_json, read_table

FOLDS = "out/photos/train/folds.parquet"
COMPARED = "out/photos/shared_photos.parquet"


class Web:
    """The training photos of a checkout, on a server and no longer in its folder; its table says where they are."""

    def __init__(self, checkout, server):
        self.checkout, self.server = checkout, server
        self.photos = checkout.folder / "photos" / "train"
        self.table = checkout.folder / "photos" / "train.csv"
        self.bytes = {path.name: path.read_bytes() for path in sorted(self.photos.iterdir())}
        for name, data in self.bytes.items():
            server.give(f"/{name}", body(data, "image/png"))
        shutil.rmtree(self.photos)
        header, *rows = csv.reader(self.table.read_text().splitlines())
        self.write([[*header, "url"], *([*row, server.url(f"/{row[0]}")] for row in rows)])
        checkout.config["photosets"]["train"]["download"] = True
        checkout.config["downloads"] = {"internal": [server.host], "attempts": 1}

    def write(self, rows):
        with self.table.open("w", newline="") as file:
            csv.writer(file).writerows(rows)

    def rows(self):
        return list(csv.reader(self.table.read_text().splitlines()))

    def there(self):
        """What is in the folder."""
        return {path.name: path.read_bytes() for path in self.photos.iterdir()} if self.photos.exists() else {}

    def failures(self):
        """What could not be had, as the results say, and why."""
        table = read_table(self.checkout.folder / "out" / "photos" / "train" / "failed_downloads.parquet")
        return dict(zip(table["image_id"], table["problem"], strict=True))


@pytest.fixture
def web(fresh):
    with PhotoServer() as server:
        yield Web(fresh, server)


@pytest.mark.slow
def test_photos_are_fetched_once_and_nothing_is_computed_again(web):
    checkout = web.checkout
    before = checkout.plan(FOLDS)
    assert before == {"download_photos": 1, "ingest_photos": 1, "assign_folds": 1}
    assert web.there() == {}
    assert web.server.asked == []
    checkout.run(FOLDS)
    assert web.there() == web.bytes
    assert len(web.server.asked_since()) == 60
    assert web.failures() == {}
    assert checkout.plan(FOLDS) == {}
    checkout.run(FOLDS)
    # How photos are fetched, and whether, is nothing that results depend on; nor is where they lie now.
    checkout.config["downloads"] = {"parallel": 1, "seconds": 5}
    checkout.edit("workflow_scripts/photos/download_photos.py", "import signal", "import signal\nX = 1")
    checkout.edit("photos/train.csv", f"http://{web.server.host}", "https://other.example")
    assert checkout.plan(FOLDS) == {}
    checkout.config["photosets"]["train"]["download"] = False
    assert checkout.plan(FOLDS) == {}
    assert web.server.asked == []


@pytest.mark.slow
def test_what_failed_is_told_at_once_and_it_alone_is_tried_again(web):
    checkout = web.checkout
    web.server.give("/0003.png", status(404))
    web.server.give("/0005.png", body(b"<html>", "image/png"))
    done = checkout.snakemake("--cores", "2", "--", FOLDS, check=False)
    assert done.returncode != 0
    assert "2 photos of photoset train could not be downloaded" in done.stdout
    assert "train.csv, row 5: '0003.png': 404 Not Found" in done.stdout
    assert "train.csv, row 7: '0005.png': no photo that can be used" in done.stdout
    assert "Traceback" not in done.stdout
    assert set(web.failures()) == {"0003.png", "0005.png"}
    assert set(web.there()) == set(web.bytes) - {"0003.png", "0005.png"}
    web.server.asked_since()

    assert checkout.plan(FOLDS) == {"download_photos": 1, "ingest_photos": 1, "assign_folds": 1}
    web.server.give("/0003.png", body(web.bytes["0003.png"]))
    web.server.give("/0005.png", body(web.bytes["0005.png"]))
    checkout.run(FOLDS)
    assert web.server.asked_since() == ["/0003.png", "/0005.png"]
    assert web.there() == web.bytes
    assert checkout.plan(FOLDS) == {}


@pytest.mark.slow
def test_photos_that_cannot_be_had_can_be_left_out(web):
    checkout = web.checkout
    checkout.config["on_bad_photo"] = "skip"
    web.server.give("/0003.png", status(404))
    checkout.run(FOLDS, COMPARED)
    assert len(read_table(checkout.folder / FOLDS)) == 59
    (problem,) = read_table(checkout.folder / "out" / "photos" / "train" / "quarantine.parquet")["problem"]
    assert "row 5: '0003.png': no such file" in problem
    assert problem.endswith("it could not be downloaded: 404 Not Found")
    web.server.asked_since()

    # Left out is left out: a photo that came later would be a reason to compute everything again.
    assert checkout.plan(FOLDS, COMPARED) == {}
    checkout.run("out/photos/train/downloaded")
    checkout.run("out/photos/train/downloaded")
    assert web.server.asked_since() == ["/0003.png", "/0003.png"]
    assert checkout.plan(FOLDS, COMPARED) == {}

    checkout.run("unused", cores=1)
    assert read_json(checkout.folder / "out" / "unused.json") == {}

    # Where nothing may be left out any more, it is tried again, and what was made stays until it comes.
    checkout.config["on_bad_photo"] = "fail"
    done = checkout.snakemake("--cores", "2", "--", FOLDS, COMPARED, check=False)
    assert "1 photo of photoset train could not be downloaded" in done.stdout
    checkout.config["on_bad_photo"] = "skip"
    assert checkout.plan(FOLDS, COMPARED) == {}
    web.server.give("/0003.png", body(web.bytes["0003.png"]))
    checkout.run("out/photos/train/downloaded")
    assert checkout.plan(FOLDS) == {"ingest_photos": 1, "assign_folds": 1}


@pytest.mark.slow
def test_another_url_for_a_photo_that_was_left_out_is_tried(web):
    checkout = web.checkout
    checkout.config["on_bad_photo"] = "skip"
    web.server.give("/0003.png", status(404))
    checkout.run(FOLDS)
    web.server.asked_since()
    checkout.edit("photos/train.csv", "/0003.png", "/new/0003.png")
    web.server.give("/new/0003.png", body(web.bytes["0003.png"]))
    assert checkout.plan(FOLDS) == {"download_photos": 1, "ingest_photos": 1, "assign_folds": 1}
    checkout.run(FOLDS)
    assert web.server.asked_since() == ["/new/0003.png"]
    assert len(read_table(checkout.folder / FOLDS)) == 60


@pytest.mark.slow
def test_a_row_more_is_one_photo_to_fetch(web):
    checkout = web.checkout
    rows = web.rows()
    web.write(rows[:-1])
    checkout.run(FOLDS)
    web.server.asked_since()
    web.write(rows)
    checkout.run(FOLDS)
    assert web.server.asked_since() == ["/0059.png"]
    assert len(read_table(checkout.folder / FOLDS)) == 60
    assert checkout.plan(FOLDS) == {}


@pytest.mark.slow
def test_lost_photos_are_fetched_again_and_nothing_is_computed_again(web):
    checkout = web.checkout
    checkout.run(FOLDS)
    web.server.asked_since()
    (web.photos / "0003.png").unlink()
    done = checkout.snakemake("--dry-run", "--", FOLDS, check=False)
    assert done.returncode != 0
    assert "photosets.train: 1 photo missing after they were ingested, '0003.png' first" in done.stdout
    assert "Traceback" not in done.stdout
    checkout.run("out/photos/train/downloaded")
    assert web.server.asked_since() == ["/0003.png"]
    assert web.there() == web.bytes
    assert checkout.plan(FOLDS) == {}


@pytest.mark.slow
def test_photos_lost_before_they_were_read_are_fetched_on_the_way(web):
    checkout = web.checkout
    checkout.run("out/photos/train/downloaded")
    (web.photos / "0003.png").unlink()
    web.server.asked_since()
    checkout.run(FOLDS)
    assert web.server.asked_since() == ["/0003.png"]
    assert checkout.plan(FOLDS) == {}


@pytest.mark.slow
def test_photos_by_hand_are_not_asked_for(web):
    checkout = web.checkout
    web.photos.mkdir()
    for name, data in web.bytes.items():
        (web.photos / name).write_bytes(data)
    assert checkout.plan(FOLDS) == {"ingest_photos": 1, "assign_folds": 1}
    checkout.run(FOLDS)
    assert web.server.asked == []


def test_no_photo_is_fetched_from_the_own_network_on_a_tables_word(web):
    web.checkout.config["downloads"] = {"attempts": 1}
    done = web.checkout.snakemake("--cores", "2", "--", FOLDS, check=False)
    assert "127.0.0.1 is not on the public internet" in done.stdout
    assert web.server.asked == []


@pytest.mark.slow
def test_holdout_photos_are_fetched_too(web):
    checkout = web.checkout
    checkout.config["holdout"] = {"share": 0.2}
    checkout.run(FOLDS)
    assert web.there() == web.bytes
    assert checkout.plan(FOLDS) == {}
    assert "Nothing" in checkout.run(FOLDS)


def test_a_table_without_urls_is_named_before_anything_is_done(web):
    web.write([row[:-1] for row in web.rows()])
    done = web.checkout.snakemake("--cores", "2", "--", FOLDS, check=False)
    assert done.returncode != 0
    assert "photos/train.csv: no URLs, which photosets.train.download needs" in done.stdout
    assert "Traceback" not in done.stdout
