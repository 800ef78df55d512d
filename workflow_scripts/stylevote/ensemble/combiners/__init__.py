"""What makes one score of a label's members: one module a combiner, chosen by its name in the settings.

Each module holds ``fit``, which takes the members' out-of-fold scores (float32, shape (photos, members)), the labels
(0/1) and the folds (both of shape (photos,)), and by their names the combiner's own settings and the processor threads
to use, and returns a `stylevote.ensemble.stack.Stack`; and ``load``, which makes a `stylevote.ensemble.stack.Stacker`
of the bytes of its file, to predict with so many threads.
"""
