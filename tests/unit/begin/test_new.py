"""The command `new`: what it writes, the workflow reads as the truth; nothing is left out or overwritten in silence."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from snakemake.common.configfile import load_configfile
from torch.utils.flop_counter import FlopCounterMode

from stylevote.begin import machine, new
from stylevote.begin.survey import SAMPLE, sample
from stylevote.cnn.backbones import create_backbone
from stylevote.config.resolve import resolve
from stylevote.errors import InputError
from stylevote.files.tables import UNKNOWN
from stylevote.photos.ingest import ingest_photos
from stylevote.photos.table_reader import Entry
from stylevote.tracking.set_costs import STORED, settings_of

LABELS = ["coat", "hat", "shoe"]
NAMES = [f"{number:03d}.png" for number in range(14)]
# A photo's labels, by its number: no two columns or rows of neighbours are the same.
TRUTH = np.array([[k % 2, k % 3 == 0, k % 4 == 1] for k in range(len(NAMES))], dtype=int)


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Path:
    """A folder of photos, in the present folder, on a machine whose networks take a hundredth of a second."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((48, 64), Image.Resampling.NEAREST).save(folder / name)
    (tmp_path / "to decide").mkdir()
    Image.new("RGB", (48, 64)).save(tmp_path / "to decide" / "a.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(new, "network_times", lambda *_: (lambda setting: (0.01, 0.03), "rough: made up"))
    return folder


def begin(photos: Path, table: Path | str, **options) -> dict:
    """Run the command; return the configuration as Snakemake reads it."""
    defaults = {
        "test": Path("to decide"),
        "output": Path("mine.yaml"),
        "hours": 8,
        "kind": "cpu",
        "measure": False,
        "threads": 1,
    }
    new.new(Path(photos), Path(table), **{**defaults, **options})
    return load_configfile(options.get("output", "mine.yaml"))


def ingested(config: dict) -> pd.DataFrame:
    """Return the training photos' manifest as the workflow makes it of a configuration."""
    settings = resolve(config).config
    train = settings.photosets["train"]
    options = {"folds": settings.folds.count, "on_bad_photo": settings.on_bad_photo, "links": train.links}
    return ingest_photos(Path(train.photos), train.labels, settings.labels, **options)[0]


def wide(rows=TRUTH, labels=LABELS, names=NAMES, yes="1", no="0") -> str:
    """Return a table with a column per label."""
    lines = [
        ["image", *labels],
        *([name, *(yes if value else no for value in row)] for name, row in zip(names, rows, strict=True)),
    ]
    return "".join(",".join(line) + "\n" for line in lines)


# `tests/unit/photos/test_table_guess.py` has all forms.
FORMS = {
    "columns of 0 and 1": wide(),
    "yes and no": wide(yes="yes", no="no"),
    "names below the folder": wide(names=[f"photos/{name}" for name in NAMES]),
    "words with spaces": "Image,tags\n"
    + "".join(
        f"{name},{' '.join(label for label, value in zip(LABELS, row, strict=True) if value)}\n"
        for name, row in zip(NAMES, TRUTH, strict=True)
    ),
    "a row per label": "file,label\n"
    + "".join(
        f"{n},{label}\n"
        for n, row in zip(NAMES, TRUTH, strict=True)
        for label, value in zip(LABELS, row, strict=True)
        if value
    ),
    "further columns": "\n".join(
        f"{line},{'note' if not k else 'seen by me'}" for k, line in enumerate(wide().splitlines())
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_workflow_reads_the_truth_from_what_is_written(photos, capsys, form):
    Path("labels.csv").write_text(FORMS[form])
    config = begin(photos, "labels.csv")
    assert sorted(config["labels"]) == LABELS
    manifest = ingested(config).set_index("path")
    truth = pd.DataFrame(TRUTH, NAMES, LABELS)
    if form == "a row per label":
        truth = truth[truth.any(axis=1)]  # others have no row
    assert manifest[LABELS].eq(truth.loc[manifest.index]).all(axis=None)
    assert len(manifest) == len(truth)
    printed = capsys.readouterr().out
    for label, count in truth.sum().items():
        assert re.search(rf"{label} +{count} ", printed)
    assert f"{NAMES[1]}  coat, shoe\n" in printed


@pytest.mark.parametrize("sign", ["-1", ""])
def test_unknown_labels_reach_the_manifest(photos, capsys, sign):
    rows = TRUTH.copy()
    rows[[2, 5], 1] = UNKNOWN  # two photos without a hat
    table = pd.DataFrame(rows, NAMES, LABELS).replace({UNKNOWN: sign})
    table.to_csv("labels.csv", index_label="image")
    config = begin(photos, "labels.csv")
    assert config["photosets"]["train"]["labels"]["values"] == {sign: "unknown"}
    assert ingested(config).sort_values("path")[LABELS].to_numpy().tolist() == rows.tolist()
    assert re.search("hat +5 .*, 2 unknown", capsys.readouterr().out)


def test_what_is_there_is_not_overwritten(photos):
    Path("labels.csv").write_text(wide())
    for name in ("mine.yaml", "mine_photos.png"):
        Path(name).write_text("mine")
        with pytest.raises(InputError, match=f"{name}: is there already"):
            begin(photos, "labels.csv")
        assert Path(name).read_text() == "mine"
        Path(name).unlink()
        assert sorted(path.name for path in Path().iterdir()) == ["labels.csv", "photos", "to decide"]


def test_labels_that_are_too_rare_or_on_all_photos_are_named_and_left_out(photos, capsys):
    rare = np.zeros((len(NAMES), 3), dtype=int)
    rare[:2, 0] = rare[:4, 1] = rare[:, 2] = 1
    Path("labels.csv").write_text(wide(np.hstack([TRUTH, rare]), [*LABELS, "rare", "four", "all"]))
    config = begin(photos, "labels.csv")
    assert config["labels"] == [*LABELS, "four"]
    assert config["folds"]["count"] == TRUTH[:, 2].sum() == 4
    assert "# 'rare': 2 photos\n  # 'all': 14 photos" in Path("mine.yaml").read_text()
    assert "and left out: 2 ('rare', 'all')\n" in capsys.readouterr().out
    assert ingested(config)["four"].sum() == 4


def test_near_duplicates_count_once(photos):
    for number in (1, 2):  # mirrored copies
        Image.open(photos / NAMES[0]).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(photos / NAMES[number])
    twice = np.zeros((len(NAMES), 1), dtype=int)
    twice[:4] = 1
    Path("labels.csv").write_text(wide(np.hstack([TRUTH, twice]), [*LABELS, "copies"]))
    assert begin(photos, "labels.csv")["labels"] == LABELS


def test_photos_that_are_missing_or_damaged_are_named_and_skipped(photos, capsys):
    (photos / NAMES[0]).unlink()
    (photos / NAMES[5]).write_bytes(b"no photo")
    (photos / "notes.heif.txt").write_text("no photo")
    Image.new("RGB", (30, 30)).save(photos / "extra.png")
    Path("labels.csv").write_text(wide())
    config = begin(photos, "labels.csv")
    assert config["on_bad_photo"] == "skip"
    assert sorted(ingested(config)["path"]) == sorted(set(NAMES) - {NAMES[0], NAMES[5]})
    text, printed = Path("mine.yaml").read_text(), capsys.readouterr().out
    for name in (NAMES[0], NAMES[5]):
        assert name in text and name in printed
    assert "notes.heif.txt" in printed
    assert "not in the table, and left out: 1 photo\n" in printed


def test_a_table_of_other_photos_is_refused(photos):
    Path("labels.csv").write_text(wide(names=[f"other{name}" for name in NAMES]))
    with pytest.raises(InputError, match=r"labels\.csv"):
        begin(photos, "labels.csv")
    assert not Path("mine.yaml").exists()


def test_missing_photos_with_urls_are_downloaded(photos):
    (photos / NAMES[3]).unlink()
    rows = wide().splitlines()
    lines = [f"{rows[0]},url", *(f"{row},https://a.example/{name}" for row, name in zip(rows[1:], NAMES, strict=True))]
    Path("labels.csv").write_text("\n".join(lines))
    config = begin(photos, "labels.csv")
    assert config["photosets"]["train"]["download"] is True
    assert config["on_bad_photo"] == "fail"


STRANGE = [
    "no",
    "1e-3",
    "null",
    "# a",
    "a: b",
    "'",
    '"',
    "{results}",
    "größe",
    "- x",
    "2018-01-01",
    "x\u2028y",
    "\u202ey",
    "~",
]


def test_names_of_labels_and_files_stay_text(photos, capsys):
    values = np.random.default_rng(0).integers(0, 2, (len(NAMES), len(STRANGE)))
    values[:5] = 1
    folder = photos.rename("Fotos 'für' \"uns\": #1")
    table = pd.DataFrame(values, columns=STRANGE)
    table.insert(0, "image", NAMES)
    table.to_csv("Tafel für: mich.csv", index=False)
    config = begin(folder.relative_to(folder.parent), "Tafel für: mich.csv")
    assert config["labels"] == STRANGE
    manifest = ingested(config)
    assert manifest[STRANGE].to_numpy().tolist() == values.tolist()
    assert all(line.isprintable() for line in capsys.readouterr().out.split("\n"))
    assert all(line.isprintable() for line in Path("mine.yaml").read_text().split("\n"))


@pytest.mark.parametrize("label", ["a\tb", "\x1b[2J", "x" * 101, "path"])
def test_labels_that_the_workflow_refuses_are_refused_before_anything_is_written(photos, label):
    table = pd.DataFrame(TRUTH, columns=["coat", "hat", label])
    table.insert(0, "image", NAMES)
    table.to_csv("labels.csv", index=False)
    with pytest.raises(InputError) as caught:
        begin(photos, "labels.csv")
    assert all(line.isprintable() for line in str(caught.value).split("\n"))
    assert not Path("mine.yaml").exists()


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        ({"hours": 1e-6}, "quick_cpu"),
        ({"hours": 1e6}, "large_cpu"),
        ({"kind": "gpu", "hours": 1e6}, "large"),
        ({"kind": "slurm", "hours": 1e-6}, "quick"),
    ],
)
def test_hours_and_devices_choose_the_set(photos, capsys, options, runs):
    Path("labels.csv").write_text(wide())
    assert begin(photos, "labels.csv", **options)["runs"][0] == runs
    printed = capsys.readouterr().out
    assert ("no set is done in" in printed) == (options["hours"] < 1)
    assert ("profiles/slurm" in printed) == (options.get("kind") == "slurm")


def test_photos_to_decide_that_cannot_be_read_are_named(photos, capsys):
    Path("labels.csv").write_text(wide())
    Path("to decide/cut.png").write_bytes(Path("to decide/a.png").read_bytes()[:60])
    begin(photos, "labels.csv")
    assert "  cannot be read: 1 ('cut.png': truncated" in capsys.readouterr().out


def test_photos_to_decide_may_be_absent(photos):
    Path("labels.csv").write_text(wide())
    assert list(begin(photos, "labels.csv", test=None)["photosets"]) == ["train"]


def test_photos_that_are_links_to_elsewhere_are_allowed_and_said(photos, capsys):
    (photos / NAMES[2]).rename("elsewhere.png")
    (photos / NAMES[2]).symlink_to(photos.parent / "elsewhere.png")
    Path("labels.csv").write_text(wide())
    config = begin(photos, "labels.csv")
    assert config["photosets"]["train"]["links"] == "anywhere"
    assert len(ingested(config)) == len(NAMES)
    assert "1 symbolic link to files elsewhere" in capsys.readouterr().out


def test_exchanged_arguments_and_other_mistakes_are_named(photos, tmp_path):
    Path("labels.csv").write_text(wide())
    with pytest.raises(InputError, match=r"expected the folder first: new photos labels\.csv"):
        begin("labels.csv", "photos")
    with pytest.raises(InputError, match=r"gone\.csv: expected a file with a table of labels, found nothing"):
        begin(photos, "gone.csv")
    with pytest.raises(InputError, match=r"expected a name that ends in \.yaml"):
        begin(photos, "labels.csv", output=Path("mine"))
    Path("empty").mkdir()
    with pytest.raises(InputError, match="empty: found no photos"):
        begin(photos, "labels.csv", test=Path("empty"))
    with pytest.raises(InputError, match="photos is the folder of the training photos"):
        begin(photos, "labels.csv", test=photos)
    assert not Path("mine.yaml").exists()


def test_the_contact_sheet_shows_photos_of_the_whole_table_in_its_order(photos):
    colours = [(19 * k, 255 - 15 * k, 100) for k in range(len(NAMES))]
    for name, colour in zip(NAMES, colours, strict=True):
        Image.new("RGB", (60, 60), colour).save(photos / name)
    values = np.ones((len(NAMES), 1), dtype=int)
    Path("labels.csv").write_text(wide(values, ["all"]).replace(f"{NAMES[5]},1", f"{NAMES[5]},0"))
    try:
        begin(photos, "labels.csv")
    except InputError:
        pytest.skip("plain photos are refused")
    sheet = np.asarray(Image.open("mine_photos.png"))
    cells = [sheet[130 + 346 * (k // 4), 130 + 260 * (k % 4)] for k in range(12)]
    shown = [colours.index(tuple(cell.tolist())) for cell in cells]
    assert shown == sorted(set(shown)) and shown[0] == 0 and shown[-1] == 13 and 5 not in shown


def test_of_many_photos_a_sample_and_all_rare_positives_are_opened():
    values = np.zeros((3 * SAMPLE, 2), dtype=np.uint8)
    values[::2, 0] = values[[7, 3000, 5999], 1] = 1
    chosen = sample([Entry(k, str(k), row.tobytes()) for k, row in enumerate(values)], 2)
    assert {7, 3000, 5999} <= set(chosen)
    assert SAMPLE <= len(chosen) <= SAMPLE + 3 and len(set(chosen)) == len(chosen)


def test_every_network_of_the_ready_sets_has_a_stored_cost():
    costs = yaml.safe_load(STORED.read_text())
    for kind, name in (("cpu", "large_cpu"), ("gpu", "large")):
        networks = {f"{setting['backbone']}-{setting['size']}" for setting in settings_of(name)}
        assert networks <= costs[kind]["costs"].keys()
        reference = costs[kind]["reference"]
        assert costs[kind]["costs"][f"{reference['backbone']}-{reference['size']}"] == [1, 1]


def test_stored_costs_of_networks_for_gpus_are_their_operations():
    costs = yaml.safe_load(STORED.read_text())["gpu"]["costs"]

    def operations(name: str) -> int:
        backbone, _, size = name.rpartition("-")
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            network = create_backbone(backbone, "none", {"img_size": int(size)} if "swin" in backbone else {})[0]
            network.eval()(torch.empty(1, 3, int(size), int(size)))
        return counter.get_total_flops()

    reference = operations("resnet50.a1_in1k-224")
    for name in ("resnet50.a1_in1k-288", "tf_efficientnetv2_s.in21k_ft_in1k-288"):
        assert costs[name] == [pytest.approx(operations(name) / reference, rel=0.05)] * 2


def test_hours_are_multiples_of_the_measured_network(monkeypatch):
    measured = {}

    def measure(device):
        return lambda setting: measured.setdefault(f"{setting['backbone']}-{setting['size']}", (2.0, 3.0))

    monkeypatch.setattr(machine, "measured", measure)
    seconds, basis = machine.network_times(machine.Machine(4, 2**30, []), "cpu", measure=False)
    costs = yaml.safe_load(STORED.read_text())["cpu"]["costs"]
    for setting in settings_of("large_cpu"):
        score, learn = costs[f"{setting['backbone']}-{setting['size']}"]
        assert seconds(setting) == (pytest.approx(2 * score / 4), pytest.approx(3 * learn / 4))
    assert list(measured) == ["mobilenetv2_100.ra_in1k-225"]
    assert basis.startswith("rough")
    assert machine.network_times(machine.Machine(1, 2**30, []), "gpu", measure=False)[1].startswith("rough")
