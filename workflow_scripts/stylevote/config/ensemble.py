"""Settings of the ensemble: its members, its stackers and its decisions."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from stylevote.config.base import Model, OneOf, Seed, UserPath, refuse_equal

Combiner = Literal["xgboost", "logistic", "ridge", "mean", "rank_mean"]
Penalties = Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)]


class Members(Model):
    """Members from other programs.

    Attributes:
        external: folders of predictions. Each folder is a candidate with the folder's name. It holds
            fold{k}/validation.parquet (out-of-fold scores of the fold's photos) and fold{k}/{photoset}.parquet, with
            the columns image_id, epoch and one per label in 0..1.
    """

    external: Annotated[list[UserPath], AfterValidator(refuse_equal)] = Field([])


def refuse_one(number: int) -> int:
    """Refuse 1: all members would be copies."""
    if number == 1:
        raise ValueError("1 is less than the minimum of 2, and is not 0")
    return number


class Simulation(Model):
    """Label sets and scores of known distributions in the place of photos and networks, to try the ensemble; or null.

    Attributes:
        label_sets: challenge (label sets as frequent as in the JD AI Fashion Challenge 2018; `labels` are its labels or
            some of them) or zipf (independent labels of falling frequency; the first has 30 % of the photos).
        photos: number of training photos.
        test: number of test photos. Their labels are known.
        min_positives: minimum of training photos per label.
        members: number of members. More members leave the others as they are.
        epochs: number of epochs per member.
        families: number of families of backbones. Members of a family have similar scores.
        twins: every N-th member is a noisy copy of the previous one; 0: none.
        agreement: how far labels agree which members and epochs are good: from 0 (not at all) to 1 (fully).
        skill: skill of the best CNN: 0 is the F2 of giving a label to all photos, 1 is perfect.
        skills: skill by label, for labels that differ.
        seed: seed of all random values.
    """

    label_sets: Literal["challenge", "zipf"] = "challenge"
    photos: int = Field(54908, ge=30, le=999999)
    test: int = Field(10000, ge=30, le=999999)
    min_positives: int = Field(20, ge=2)
    members: int = Field(60, ge=1, le=1000)
    epochs: int = Field(8, ge=1, le=1000)
    families: int = Field(8, ge=1)
    twins: Annotated[int, Field(ge=0), AfterValidator(refuse_one)] = 10
    agreement: float = Field(0, ge=0, le=1)
    skill: float = Field(0.4, gt=0, le=0.99)
    skills: dict[str, Annotated[float, Field(gt=0, le=0.99)]] = Field({})
    seed: Seed = 1


class Target(Model):
    """{tolerance: ...}: the ensemble is as small as its nested macro F-beta allows; or null: `selection` sets its size.

    Attributes:
        tolerance: allowed loss of F-beta to the best size (1, 2, 5, 10, 20, 40 members per label, or all runs).
    """

    tolerance: float = Field(ge=0, le=1)


class Abstain(Model):
    """{precision: ...}: `details.csv` tells which labels are given with this precision; or null: it does not.

    Attributes:
        precision: fraction with the label among training photos with the same or a higher out-of-fold score (at least
            ten photos).
    """

    precision: float = Field(gt=0, lt=1)


class Bundle(OneOf):
    """Size of results/bundle: {members: N} or {tolerance: ...}; or null: the whole ensemble.

    Attributes:
        members: maximum of members per label: the first ones of the ensemble. Stackers and thresholds are fitted again.
        tolerance: allowed loss of F-beta to the best size up to the whole ensemble, as in `target`.
    """

    members: int | None = Field(None, ge=1, le=100000)
    tolerance: float | None = Field(None, ge=0, le=1)


class Greedy(Model):
    """Forward selection with replacement (Caruana et al. 2004).

    Attributes:
        bags: number of repetitions, each with random runs. Their results are added.
        share: fraction of runs per bag.
        start: maximum of best runs to start with; as many are used as give the best mean.
        max_members: maximum of members per bag and per label. A member that is taken N times counts N times.
        seed: seed of the random runs.
    """

    bags: int = Field(20, ge=1, le=1000)
    share: float = Field(0.5, gt=0, le=1)
    start: int = Field(5, ge=1)
    max_members: int = Field(50, ge=1, le=1000)
    seed: Seed = 1


class Selection(Model):
    """Selection of each label's members.

    Attributes:
        by: photos (one selection by all training photos; a member is its CNNs of all folds) or fold (as the first-place
            team did: each fold's own photos select among its CNNs; a fold's N-th member is one CNN, and the stackers
            take the N-th members of all folds for the same).
        method: top_n (the best runs that differ), greedy (the runs with the best mean), each_backbone (the best run of
            each backbone; an external member counts as a backbone of its own) or all; each run at its best epoch.
        top_n: maximum of members per label (top_n).
        correlation: maximum correlation of a member's out-of-fold scores with those of a better member (top_n).
        correlation_of: scores, or decisions (0 or 1, at each candidate's best threshold: as in the first-place team's
            code; top_n).
    """

    by: Literal["photos", "fold"] = "photos"
    method: Literal["top_n", "greedy", "each_backbone", "all"] = "top_n"
    top_n: int = Field(20, ge=1)
    correlation: float = Field(0.9, gt=0, le=1)
    correlation_of: Literal["scores", "decisions"] = "scores"
    greedy: Greedy = Field({})

    def used(self) -> dict[str, Any]:
        """Return the method and its settings, and ``by`` if it is not the default, as JSON values."""
        return ({} if self.by == "photos" else {"by": self.by}) | self.arguments()

    def arguments(self) -> dict[str, Any]:
        """Return the method and its settings, ``correlation_of`` if it is not the default, as JSON values."""
        compared = [] if self.correlation_of == "scores" else ["correlation_of"]
        keys = {"top_n": ["top_n", "correlation", *compared], "greedy": ["greedy"]}
        return self.only("method", *keys.get(self.method, []))


class Auto(Model):
    """The simplest combiner per label whose nested estimate is within a standard error of the best one's.

    Attributes:
        among: combiners, the simplest first. They have their own settings.
        seed: seed of the bootstrap that gives the standard error.
    """

    among: Annotated[list[Combiner], Field(min_length=2), AfterValidator(refuse_equal)] = Field(
        ["mean", "logistic", "xgboost"]
    )
    seed: Seed = 1


class Grid(Model):
    """Settings to try. The best by F2 is kept.

    Attributes:
        eta: learning rates.
        max_depth: depths of a tree.
        min_child_weight: minimum weights of a leaf.
    """

    eta: list[Annotated[float, Field(gt=0, le=1)]] = Field([0.05, 0.1, 0.15, 0.2], min_length=1)
    max_depth: list[Annotated[int, Field(ge=1, le=20)]] = Field([2, 3, 4, 5, 6, 7, 8, 9, 10], min_length=1)
    min_child_weight: list[Annotated[float, Field(ge=0)]] = Field([1, 2, 3, 4, 5], min_length=1)


class XGBoost(Model):
    """Boosted trees.

    Attributes:
        search: race (settings compete on samples of the photos; equal to all up to 8,000 photos) or all (every setting
            on all photos, as in the paper: about ten times the work).
        rounds: maximum of trees.
        patience: trees without improvement before boosting stops.
        choose: label (one setting for the stackers of all folds) or fold (each stacker has the setting that is best on
            its own fold: as in the first-place team's code).
        seed: seed of the boosters.
    """

    grid: Grid = Field({})
    search: Literal["race", "all"] = "race"
    rounds: int = Field(1000, ge=1)
    patience: int = Field(20, ge=1)
    choose: Literal["label", "fold"] = "label"
    seed: int = Field(1, ge=0, le=2147483647)


class Logistic(Model):
    """Logistic regression on the members' log odds.

    Attributes:
        alpha: L2 penalties to try (1 / C of scikit-learn). The best by log loss is kept.
    """

    alpha: Penalties = Field([0.1, 1, 10, 100, 1000])


class Ridge(Model):
    """Ridge regression on the members' probabilities.

    Attributes:
        alpha: L2 penalties to try. The best by squared error is kept.
    """

    alpha: Penalties = Field([0.01, 0.1, 1, 10, 100])


class Stack(Model):
    """The combination of a label's members into one score, fitted to their out-of-fold scores.

    Attributes:
        combiner: xgboost (boosted trees), logistic (regression on log odds), ridge (regression on probabilities), mean
            (of probabilities), rank_mean (of ranks among the training photos) or auto (one of `auto.among` per label).
        features: own (a label's score comes from its own members) or all (from all labels' members; with xgboost,
            logistic and ridge).
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
        """Return the combiner and the settings of all `combiners`, as JSON values, without `features`."""
        return self.only("combiner", self.combiner, *self.combiners)


class Threshold(Model):
    """The search for each label's threshold.

    Attributes:
        by: label (by all folds' stacked scores) or fold (each stacker has its own, by the scores of its fold: as in the
            first-place team's code; with votes.aggregation: stackers_vote).
        method: greedy (the paper's steps from 0 to 1), exact (all thresholds), lbfgs (the maximum of a smoothed F2),
            plug_in (the best if calibrated scores are probabilities), shrunk (between exact and plug_in, by the number
            of positives) or bootstrap (the median of exact thresholds of resamples).
        steps: number of steps (greedy).
        resamples: number of resamples (bootstrap).
        shrink: number of positives at which the threshold is halfway between exact and plug_in (shrunk).
        seed: seed of the resamples (bootstrap).
    """

    by: Literal["label", "fold"] = "label"
    method: Literal["greedy", "exact", "lbfgs", "plug_in", "shrunk", "bootstrap"] = "shrunk"
    steps: int = Field(100, ge=2, le=100000)
    resamples: int = Field(200, ge=1, le=100000)
    shrink: float = Field(300, gt=0)
    seed: Seed = 0

    def used(self) -> dict[str, Any]:
        """Return the method and its settings, and ``by`` if it is not the default, as JSON values."""
        return ({} if self.by == "label" else {"by": self.by}) | self.arguments()

    def arguments(self) -> dict[str, Any]:
        """Return the method and its settings, as JSON values."""
        keys = {"greedy": ["steps"], "shrunk": ["shrink"], "bootstrap": ["resamples", "seed"]}
        return self.only("method", *keys.get(self.method, []))


class Votes(Model):
    """Decisions for new photos from the scores of all folds' networks and stackers.

    Attributes:
        aggregation: average_scores (the mean of all scores meets the threshold), average_then_vote (as in the paper:
            each fold's networks decide by their mean, and folds vote), stackers_vote (as in the first-place team's
            code: each stacker decides by its mean over the folds' networks, and stackers vote), average_cnn_first
            (members are averaged over folds, then stacked and averaged) or vote_all (all networks and stackers vote).
        min_labels: minimum of labels per photo. Labels nearest to their thresholds (in log odds) are added.
        max_labels: maximum of labels per photo, or null. Labels least above their thresholds (in log odds) are dropped.
    """

    aggregation: Literal["average_scores", "average_then_vote", "stackers_vote", "average_cnn_first", "vote_all"] = (
        "average_scores"
    )
    min_labels: int = Field(0, ge=0)
    max_labels: int | None = Field(None, ge=1)
