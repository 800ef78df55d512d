"""Views of a photo, over which scores or features are averaged: crops and mirror images."""

TEN_CROP_SHARE = 0.875  # of each side: 224 of 256 pixels (Krizhevsky, Sutskever and Hinton 2012, section 4.1)
_FAR = 1 - TEN_CROP_SHARE
# Boxes of the views as left, top, width and height in shares of the photo's sides, and whether to mirror them too.
VIEWS = {
    "none": ([(0, 0, 1, 1)], False),
    "mirror": ([(0, 0, 1, 1)], True),
    "ten_crop": (
        [
            (left, top, TEN_CROP_SHARE, TEN_CROP_SHARE)
            for left, top in ((0, 0), (_FAR, 0), (0, _FAR), (_FAR, _FAR), (_FAR / 2, _FAR / 2))
        ],
        True,
    ),
}
