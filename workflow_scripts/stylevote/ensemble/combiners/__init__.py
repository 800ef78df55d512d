"""Combiners, one per module. The settings name the module.

A module has two functions. ``fit`` takes the members' out-of-fold scores (float32, shape (photos, members)), the labels
(0/1) and the folds (both of shape (photos,)) and, as keywords, the combiner's own settings, ``beta`` (of the F-beta by
which a grid or `auto` chooses) and ``threads`` (for `xgboost`). It returns a `stylevote.ensemble.stack.FittedStack`.
``load`` makes a `stylevote.ensemble.stack.Stacker` from its stored bytes and a number of threads.
"""
