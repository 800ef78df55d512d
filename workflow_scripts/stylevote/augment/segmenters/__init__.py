"""What finds the person, or the clothing, in photos: one module a model, chosen by its name in the settings.

Each module holds a class ``Segmenter`` with the same interface. It is made from the settings of a segmentation (a
``region``, and a branch under the model's own name), the files that it may need (`stylevote.augment.masks.Sources`) and
the processor threads to use. ``photos_at_once`` says how many photos it wants together. ``segment`` takes that many
(uint8, shape (height, width, 3)) with their rows of the manifest, and returns what it found in each
(`stylevote.augment.masks.Found`).
"""
