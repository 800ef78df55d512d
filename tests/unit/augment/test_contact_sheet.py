"""The contact sheet: what it shows of each example, and how many."""

import numpy as np
import pytest

from stylevote.augment.contact_sheet import Example, draw_contact_sheet

BEFORE, AFTER = (30, 60, 170), (150, 40, 140)


def example(height=300, width=200, hues_from=(220.0,), hues_to=(300.0,)):
    """A square of cloth on grey."""
    before = np.full((height, width, 3), 120, dtype=np.uint8)
    mask = np.zeros((height, width), dtype=bool)
    mask[height // 4 : -(height // 4), width // 4 : -(width // 4)] = True
    after = before.copy()
    before[mask], after[mask] = BEFORE, AFTER
    return Example(before, mask, after, hues_from, hues_to)


def share(sheet, color, tolerance=3):
    pixels = np.asarray(sheet).astype(int)
    return (np.abs(pixels - color).max(axis=2) <= tolerance).mean() * pixels.shape[0] * pixels.shape[1]


def test_before_mask_and_after():
    sheet = draw_contact_sheet([example()])
    assert sheet.mode == "RGB"
    # The cloth is a quarter of a photo of 240 x 160 pixels: once on the photo, once under the mask, once recoloured.
    assert share(sheet, BEFORE) == pytest.approx(2 * 240 * 160 / 4, rel=0.1)
    assert share(sheet, AFTER) == pytest.approx(240 * 160 / 4, rel=0.1)
    assert share(sheet, (42, 42, 42)) == pytest.approx(3 / 4 * 240 * 160, rel=0.1)  # dimmed around the mask


def test_hues_have_swatches():
    sheet = np.asarray(draw_contact_sheet([example(hues_from=(220.0, np.nan), hues_to=(120.0, 0.0))]))
    below = sheet[-45:]
    hues = {"220": (54, 108, 217), "120": (54, 217, 54), "grey": (128, 128, 128), "0": (217, 54, 54)}
    for color in hues.values():
        assert (np.abs(below.astype(int) - color).max(axis=2) <= 2).sum() > 100


def test_grid_holds_24():
    sizes = {count: draw_contact_sheet([example()] * count).size for count in (1, 4, 5, 24, 25, 100)}
    assert sizes[1][0] < sizes[4][0] == sizes[5][0] == sizes[24][0]
    assert sizes[4][1] < sizes[5][1] < sizes[24][1]
    assert sizes[24] == sizes[25] == sizes[100]
    assert share(draw_contact_sheet([example()] * 30), AFTER) == pytest.approx(24 * 240 * 160 / 4, rel=0.1)


@pytest.mark.parametrize("shape", [(30, 20), (1000, 100), (100, 1000), (240, 240)])
def test_photos_of_any_shape(shape):
    sheet = draw_contact_sheet([example(), example(*shape)])
    assert share(sheet, AFTER) > 240 * 160 / 4
    assert max(sheet.size) < 1600


def test_no_examples():
    sheet = draw_contact_sheet([])
    assert min(sheet.size) > 10


def test_same_examples_same_bytes():
    assert draw_contact_sheet([example()] * 3).tobytes() == draw_contact_sheet([example()] * 3).tobytes()
