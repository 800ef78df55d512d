"""Segmenters, which find the person or the clothing in photos: a module per model, chosen by its name in the settings.

Each module has a class ``Segmenter``. Its arguments are the settings of a segmentation, the files that it may need
(`stylevote.augment.masks.Sources`) and the processor threads to use. ``photos_at_once`` is the number of photos of a
batch. ``segment`` takes a batch (uint8, shape (height, width, 3)) with its rows of the manifest, and returns a
`stylevote.augment.masks.Detection` per photo.
"""
