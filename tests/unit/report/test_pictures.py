"""Pictures are found by their paths, whatever a label is called."""

from stylevote.config.identity import slug
from stylevote.report.pictures import read_pictures, write_label_picture, write_picture


def test_pictures_are_read_by_name_run_and_label(tmp_path):
    labels = ["red", "{round}", "dark sky / night", "not drawn"]
    for folder in ("thresholds/a", "thresholds/b", "training"):
        (tmp_path / folder).mkdir(parents=True)
    write_picture("<svg>all</svg>", tmp_path / "scores.svg")
    write_picture("<svg>a run</svg>", tmp_path / "training" / "resnet50-224.svg")
    for label, block in zip(labels[:3], "aab", strict=True):
        write_label_picture(f"<svg>{slug(label)}</svg>", tmp_path / "thresholds" / block, label)
    write_label_picture("<svg></svg>", tmp_path / "thresholds" / "a", "a label of a former configuration")
    paths = ["scores.svg", "training/resnet50-224.svg", "thresholds/a", "thresholds/b"]
    pictures = read_pictures([tmp_path / path for path in paths], labels)
    assert pictures["scores"].strip() == "<svg>all</svg>"
    assert pictures["training"]["resnet50-224"].strip() == "<svg>a run</svg>"
    assert {label: picture.strip() for label, picture in pictures["thresholds"].items()} == {
        label: f"<svg>{slug(label)}</svg>" for label in labels[:3]
    }
