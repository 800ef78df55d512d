"""Settings of the ensemble: its members, and how it decides."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from stylevote.config.base import Model, OneOf, Seed, Text, refuse_equal

Combiner = Literal["xgboost", "logistic", "ridge", "mean", "rank_mean"]
Penalties = Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)]


class Members(Model):
    """Whose scores are combined, besides the runs'.

    Attributes:
        external: folders of predictions that other programs made, each a candidate as a run is, by its folder's
            name: fold{k}/validation.parquet (that fold's training photos, scored without having been seen) and
            fold{k}/{photoset}.parquet, with the columns image_id, epoch and one per label in 0..1.
    """

    external: Annotated[list[Text], AfterValidator(refuse_equal)] = Field([])


def twins_apart(number: int) -> int:
    """Refuse that every member copies the one before it."""
    if number == 1:
        raise ValueError("1 is less than the minimum of 2, and is not 0")
    return number


class Simulation(Model):
    """A simulated bank in the place of photosets and runs, or null: photos that are label sets alone, and external
    members whose scores follow a known law, to try the ensemble without a photo.

    Attributes:
        label_sets: challenge (as the JD AI Fashion Challenge 2018 had them: `labels` are its labels or some of
            them) or zipf (any labels, each by itself, the first on 30 % of the photos, the others on fewer and
            fewer).
        photos: training photos.
        test: test photos, whose labels are known.
        min_positives: least positives of a label among the training photos.
        members: members of the bank; more leave the others as they are.
        epochs: epochs of each.
        families: families of backbones; members of the same one are more alike.
        twins: every so-manyth member copies the one before it but for a little noise; 0: none does.
        skill: how far the most able CNN comes at a label, as a share of the way from the F2 of giving it to every
            photo to 1.
        skills: the same for single labels.
        seed: another seed draws everything else.
    """

    label_sets: Literal["challenge", "zipf"] = "challenge"
    photos: int = Field(54908, ge=30, le=999999)
    test: int = Field(10000, ge=30, le=999999)
    min_positives: int = Field(20, ge=2)
    members: int = Field(60, ge=1, le=1000)
    epochs: int = Field(8, ge=1, le=1000)
    families: int = Field(8, ge=1)
    twins: Annotated[int, Field(ge=0), AfterValidator(twins_apart)] = 10
    skill: float = Field(0.4, gt=0, le=0.99)
    skills: dict[str, Annotated[float, Field(gt=0, le=0.99)]] = Field({})
    seed: Seed = 1


class Target(Model):
    """{tolerance: ...}: the ensemble is as small as its honest macro F-beta allows, or null: `selection` alone says how
    large it is.

    Attributes:
        tolerance: how much less than that of the best size (1, 2, 5, 10, 20, 40 members a label or every run) is good
            enough.
    """

    tolerance: float = Field(ge=0, le=1)


class Abstain(Model):
    """{precision: ...}: `details.csv` says of each label that a photo is given whether it is given by a score from
    which on it is right so often, or null: it says nothing of that.

    Attributes:
        precision: share of the training photos of such a score, or a higher one, that have the label (out-of-fold
            scores; the last ten photos or more).
    """

    precision: float = Field(gt=0, lt=1)


class Bundle(OneOf):
    """How large results/bundle is: {members: N} (members of a label at most) or {tolerance: ...} (as `target` says), or
    null: the whole ensemble.

    Attributes:
        members: members of a label at most, the first of the ensemble's; stacked and cut anew.
        tolerance: how much less than that of the best size (1, 2, 5, 10, 20, 40 members a label, if the ensemble has
            more, or the whole ensemble) is good enough.
    """

    members: int | None = Field(None, ge=1, le=100000)
    tolerance: float | None = Field(None, ge=0, le=1)


class Greedy(Model):
    """Forward selection with replacement (Caruana et al. 2004).

    Attributes:
        bags: it is done so often, each time among other runs drawn at random; what is taken is added up.
        share: of the runs that are drawn.
        start: most of the best runs to start with; as many as give the best mean.
        max_members: most members a label, a member that is taken several times counting as often; of a bag, too.
        seed: another seed draws other runs.
    """

    bags: int = Field(20, ge=1, le=1000)
    share: float = Field(0.5, gt=0, le=1)
    start: int = Field(5, ge=1)
    max_members: int = Field(50, ge=1, le=1000)
    seed: Seed = 1


class Selection(Model):
    """Each label's members.

    Attributes:
        method: of each run its best epoch, and of these top_n (the best that differ), greedy (those whose mean is
            best) or all.
        top_n: of top_n: most members a label.
        correlation: of top_n: a member's out-of-fold scores correlate with no better member's above this.
    """

    method: Literal["top_n", "greedy", "all"] = "top_n"
    top_n: int = Field(20, ge=1)
    correlation: float = Field(0.9, gt=0, le=1)
    greedy: Greedy = Field({})

    def used(self) -> dict[str, Any]:
        """Return the method and its settings, as JSON values."""
        keys = {"top_n": ["top_n", "correlation"], "greedy": ["greedy"]}
        return self.only("method", *keys.get(self.method, []))


class Auto(Model):
    """For each label, the simplest combiner whose nested estimate is within a standard error of the best one's.

    Attributes:
        among: combiners, from the simplest; their settings are those below.
        seed: seed of the bootstrap that gives the standard error.
    """

    among: Annotated[list[Combiner], Field(min_length=2), AfterValidator(refuse_equal)] = Field(
        ["mean", "logistic", "xgboost"]
    )
    seed: Seed = 1


class Grid(Model):
    """The settings tried; the best by F2 is kept.

    Attributes:
        eta: learning rates.
        max_depth: depths of a tree.
        min_child_weight: least weight of a leaf.
    """

    eta: list[Annotated[float, Field(gt=0, le=1)]] = Field([0.05, 0.1, 0.15, 0.2], min_length=1)
    max_depth: list[Annotated[int, Field(ge=1, le=20)]] = Field([2, 3, 4, 5, 6, 7, 8, 9, 10], min_length=1)
    min_child_weight: list[Annotated[float, Field(ge=0)]] = Field([1, 2, 3, 4, 5], min_length=1)


class XGBoost(Model):
    """The boosted trees.

    Attributes:
        search: race (settings compete on samples of the photos, the best are fitted on all; a rare label's all on a
            sample; up to 8,000 photos, the same as all) or all (every setting is fitted on all photos, as in the
            paper: about ten times the work).
        rounds: most trees.
        patience: trees without improvement before boosting stops.
        seed: seed of the boosters.
    """

    grid: Grid = Field({})
    search: Literal["race", "all"] = "race"
    rounds: int = Field(1000, ge=1)
    patience: int = Field(20, ge=1)
    seed: int = Field(1, ge=0, le=2147483647)


class Logistic(Model):
    """Logistic regression on the members' log odds.

    Attributes:
        alpha: L2 penalties tried (1 / C of scikit-learn); the best by log loss is kept.
    """

    alpha: Penalties = Field([0.1, 1, 10, 100, 1000])


class Ridge(Model):
    """Ridge regression on the members' probabilities.

    Attributes:
        alpha: L2 penalties tried; the best by squared error is kept.
    """

    alpha: Penalties = Field([0.01, 0.1, 1, 10, 100])


class Stack(Model):
    """What makes one score of a label's members, from their out-of-fold scores.

    Attributes:
        combiner: xgboost (boosted trees), logistic (regression on log odds), ridge (regression on probabilities),
            mean (of the probabilities) or rank_mean (of their ranks among the training photos'); nothing is fitted
            in the last two; or auto (for each label one of `auto.among`).
        features: whose members a label's score is made of: its own, or all labels' (with xgboost, logistic and
            ridge).
    """

    combiner: Literal[Combiner, "auto"] = "logistic"
    features: Literal["own", "all"] = "own"
    auto: Auto = Field({})
    xgboost: XGBoost = Field({})
    logistic: Logistic = Field({})
    ridge: Ridge = Field({})

    @property
    def combiners(self) -> list[str]:
        """The combiners that may make a score: the chosen one, or all that auto chooses among."""
        return self.auto.among if self.combiner == "auto" else [self.combiner]

    def used(self) -> dict[str, Any]:
        """Return the combiner and the settings of all `combiners`, as JSON values; `features` are not among them."""
        return self.only("combiner", "auto" if self.combiner == "auto" else "", *self.combiners)


class Threshold(Model):
    """How a label's threshold is searched.

    Attributes:
        method: greedy (the paper's steps over 0 to 1), exact (every cut), lbfgs (the highest smoothed F2), plug_in
            (the best if the calibrated scores are probabilities), shrunk (exact, drawn towards plug_in for labels
            with few positives) or bootstrap (the median of resamples' exact thresholds).
        steps: steps of the greedy search.
        resamples: resamples of the bootstrap.
        shrink: positives at which shrunk lies halfway between exact and plug_in.
        seed: seed of the bootstrap.
    """

    method: Literal["greedy", "exact", "lbfgs", "plug_in", "shrunk", "bootstrap"] = "shrunk"
    steps: int = Field(100, ge=2, le=100000)
    resamples: int = Field(200, ge=1, le=100000)
    shrink: float = Field(300, gt=0)
    seed: Seed = 0

    def used(self) -> dict[str, Any]:
        """Return the method and its settings, as JSON values."""
        keys = {"greedy": ["steps"], "shrunk": ["shrink"], "bootstrap": ["resamples", "seed"]}
        return self.only("method", *keys.get(self.method, []))


class Votes(Model):
    """What is made of the outputs for a new photo, which each fold's networks and each fold's stacker give.

    Attributes:
        aggregation: average_scores (the mean of all is cut at the threshold), average_then_vote (the paper's:
            averaged for each fold's networks, cut, and these folds vote), average_cnn_first (members averaged over
            the networks' folds, then stacked, averaged and cut) or vote_all (each is cut and votes).
        min_labels: least labels of a photo: with fewer, those nearest to their thresholds (in log odds) are added.
        max_labels: most labels of a photo: with more, those least above their thresholds (in log odds) are dropped;
            null: no limit.
    """

    aggregation: Literal["average_scores", "average_then_vote", "average_cnn_first", "vote_all"] = "average_scores"
    min_labels: int = Field(0, ge=0)
    max_labels: int | None = Field(None, ge=1)
