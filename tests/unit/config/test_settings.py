"""Labels are divided into blocks, one for each job."""

import pytest

from stylevote.config.identity import slug
from stylevote.config.settings import label_blocks


@pytest.mark.parametrize(
    ("count", "per_job", "sizes"),
    [
        (1, None, [1]),
        (13, None, [1] * 13),
        (16, None, [1] * 16),
        (17, None, [1, 2, 2, 2, 2, 2, 2, 2, 2]),
        (300, None, [18, 19, 19, 19] * 4),
        (1000, None, [62, 63] * 8),
        (13, 7, [6, 7]),
        (13, 1000, [13]),
        (6, 4, [3, 3]),
    ],
)
def test_labels_are_divided_into_blocks_by_their_list_alone(count, per_job, sizes):
    labels = [f"label {number}" for number in range(count)]
    blocks = label_blocks({label: slug(label) for label in labels}, per_job)
    assert [label for block in blocks.values() for label in block] == labels
    assert [len(block) for block in blocks.values()] == sizes
    assert len(blocks) <= 16 or per_job


def test_a_block_is_named_by_its_label_or_by_its_first_and_last():
    labels = ["sport", "T-shirt / top", "street"]
    one, several = (label_blocks({label: slug(label) for label in labels}, size) for size in (1, 2))
    assert list(one) == [slug(label) for label in labels]
    assert several == {"sport": ["sport"], f"{slug(labels[1])}_to_street": labels[1:]}
