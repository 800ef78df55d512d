"""Loss functions, one per module, so that a change of one retrains only the runs that use it.

A module has one function, ``make_loss``. It takes each label's number of positives and number of photos with a known
label, in all epochs together (both float32, shape (labels,), on the device of the logits), and the loss's own settings.
It returns a function of logits and targets, both float32 of shape (photos, labels). This returns the mean over photos
and labels, a scalar. A target between 0 and 1 counts as that share of a positive.
"""
