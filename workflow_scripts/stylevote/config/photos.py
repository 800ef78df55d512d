"""Settings of photos, from their download to the manifests of epochs."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from stylevote.config.base import WITH_HOME, Model, Seed, Text, UserPath
from stylevote.config.label_table import LabelTable, spelt_out_table


def rise(values: Sequence[float] | None) -> Sequence[float] | None:
    """Return a range; refuse one that does not rise."""
    if values and values[0] >= values[1]:
        raise ValueError(f"found {list(values)}, expected the value that is black, then a higher one that is white")
    return values


Value = Annotated[float, Field(allow_inf_nan=False)]
ValueRange = Annotated[list[Value] | None, Field(min_length=2, max_length=2), AfterValidator(rise)]


class Photoset(Model):
    """A set of photos.

    Attributes:
        photos: folder of photos. {results} stands for the results folder.
        labels: path of a table of file names and labels; or its description, {file: ..., ...}; or null: all photos of
            the folder, without labels.
        download: fetch missing photos from the table's URLs (id,url,... without a header, or a column of URLs).
        masks: folder of masks (<name of the photo>.png, a class number per pixel), or null.
        mask_labels: table of the masks' classes (value,name,group; the groups are background, body, clothing and
            accessory), or null: all numbers above 0 are the person.
        links: inside (links to files elsewhere are refused) or anywhere (photos may be symbolic links to any file).
        range: the values that are black and white ([0, 4095]) in photos of more than 8 bits, or, if there are none, in
            all photos; null: the smallest usual range that holds all photos of a kind. The log and the summary say it.
    """

    photos: UserPath
    labels: Annotated[
        LabelTable | None, BeforeValidator(spelt_out_table, json_schema_input_type=str | LabelTable | None)
    ] = None
    download: bool = False
    masks: UserPath | None = None
    mask_labels: UserPath | None = None
    links: Literal["inside", "anywhere"] = "inside"
    range: ValueRange = None


class Demo(Model):
    """The drawn photos of the demo.

    Attributes:
        train: number of training photos.
        test: number of test photos.
        min_positives: minimum of training photos per label.
        side: average of the photos' shorter sides in pixels.
        seed: seed of the drawings.
    """

    train: int = Field(600, ge=30, le=999999)
    test: int = Field(200, ge=30, le=999999)
    min_positives: int = Field(6, ge=2)
    side: int = Field(170, ge=64, le=350)
    seed: Seed = 2018


class Downloads(Model):
    """How photos are downloaded. A change recomputes nothing.

    Attributes:
        parallel: number of photos at a time.
        attempts: maximum of attempts per photo, if its host is overloaded, out of order or unreachable.
        pause: seconds before the second attempt. The pause doubles with each attempt, plus or minus half of it.
        seconds: maximum of seconds per attempt.
        megabytes: maximum of megabytes per photo.
        internal: hosts (`name` or `name:port`) in private networks that may be asked. All others there are refused.
        proxy_resolves: if http_proxy or https_proxy is set, let the proxy look up the names of hosts. Its own rules
            must then keep hostile URLs from private networks. Without it, the proxy gets addresses checked here.
    """

    parallel: int = Field(8, ge=1, le=256)
    attempts: int = Field(5, ge=1, le=100)
    pause: float = Field(1, ge=0, le=300)
    seconds: float = Field(60, gt=0, le=86400)
    megabytes: float = Field(50, gt=0, le=200)
    internal: list[Text] = Field([])
    proxy_resolves: bool = False


class NearDuplicates(Model):
    """Photos of the same picture: mirrored, cropped, resized, compressed, brightened or with a border.

    Those of the training photos stay together in folds, holdout photos and resamples.

    Attributes:
        max_difference: maximum difference of small pictures, at the places where they differ most, as a fraction of the
            contrast there. A higher value finds photos that are less alike; 0 turns this off: only files of the same
            content count.
        divided: reaction to near-duplicates of training photos in other photosets, and to photos that stay together
            but are in different folds of `folds.table`: warn or fail. Both make scores too high.
    """

    max_difference: float = Field(0.15, ge=0, le=0.5)
    divided: Literal["warn", "fail"] = "warn"


class Folds(Model):
    """Cross-validation.

    Attributes:
        count: number of folds. Nested estimates need three.
        table: table of the training photos' folds (columns `image_id` and `fold`, from 0 to `count` - 1), or null: they
            are divided with an equal share of every label.
        seed: seed of the division into folds.
    """

    count: int = Field(5, ge=3, le=20)
    table: UserPath | None = None
    seed: Seed = 1

    def used(self) -> dict[str, Any]:
        """Return the settings that have an effect, as JSON values. Of a table, the content counts, and not the path."""
        return self.only("count", "seed")


class Holdout(Model):
    """Training photos for a final evaluation, in addition to cross-validation.

    Attributes:
        share: fraction of training photos held out for the final evaluation. They form the photoset `holdout`.
        seed: seed of the choice of these photos.
    """

    share: float = Field(0, ge=0, le=0.5)
    seed: Seed = 1


class MaskRCNN(Model):
    """Settings of Mask R-CNN.

    Attributes:
        weights: pretrained (COCO, from torchvision), or the path of a .pth or .safetensors file.
        shorter_side: shorter side of the network's input in pixels.
        score: minimum score of a detected person.
    """

    weights: Annotated[str, WITH_HOME] = Field("pretrained", pattern=r"^(pretrained|.*\.(pth|safetensors))$")
    shorter_side: int = Field(800, ge=32, le=2048)
    score: float = Field(0.5, ge=0, le=1)


class SegmentationNetwork(Model):
    """A network of segmentation-models-pytorch, and its training.

    Attributes:
        architecture: unet, or another architecture of the library.
        encoder: an encoder of the library.
        args: further arguments of the library's create_model.
        weights: weights of the encoder: none, pretrained (downloaded) or the path of a .safetensors file.
        size: side of the square input in pixels.
        epochs: number of epochs.
        batch: photos per step.
        lr: maximum learning rate.
        held_out: fraction of masks held out to measure the network.
        seed: seed of the training.
    """

    architecture: str = Field("unet", min_length=1)
    encoder: str = Field("mobilenet_v2", min_length=1)
    args: dict[str, Any] = Field({})
    weights: Annotated[str, WITH_HOME] = Field("pretrained", pattern=r"^(none|pretrained|.*\.safetensors)$")
    size: int = Field(256, ge=32, le=1024, multiple_of=32)
    epochs: int = Field(20, ge=1, le=1000)
    batch: int = Field(8, ge=2, le=1024)
    lr: float = Field(0.001, gt=0, le=10)
    held_out: float = Field(0.2, gt=0, lt=1)
    seed: Seed = 1


class Segmentation(Model):
    """Masks of the training photos, for recolouring.

    Attributes:
        model: none, maskrcnn (finds persons), smp (trained on the training photos' masks) or given (those masks).
        region: person, or clothing (if the table of the masks' classes tells it from skin).
        size: maximum of the shorter side of masks, and of photos in which garments are sought, in pixels.
        shards: number of files for masks and for new colours. Each is a job.
    """

    model: Literal["none", "maskrcnn", "smp", "given"] = "none"
    region: Literal["person", "clothing"] = "person"
    size: int = Field(512, ge=32, le=2048)
    shards: int = Field(8, ge=1, le=10000)
    maskrcnn: MaskRCNN = Field({})
    smp: SegmentationNetwork = Field({})

    def used(self) -> dict[str, Any]:
        """Return the settings that all models have, and those of the chosen model, as JSON values."""
        return self.only("model", "region", "size", "shards", self.model)


class Features(Model):
    """Features of photos, for probes.

    Attributes:
        shards: number of files per photoset. Each is a job, and a call that was killed keeps finished files. A change
            computes the features again.
    """

    # Those of photos and of recoloured photos are open together, and systems allow 1024 files.
    shards: int = Field(1, ge=1, le=400)


class Gates(Model):
    """Limits for recoloured photos. A photo outside them is dropped and counted.

    Attributes:
        min_clothing_change: minimum of the mean deltaE (CIE 1976) of recoloured clothing.
        skin_change: maximum of the mean deltaE of skin.
        background_change: maximum of the mean deltaE outside the mask.
        edge_ratio: maximum ratio of the gradients at the mask's border, after to before.
        clipped: maximum fraction of changed pixels that were clipped.
    """

    min_clothing_change: float = Field(15, ge=0)
    skin_change: float = Field(2, ge=0)
    background_change: float = Field(6, ge=0)
    edge_ratio: float = Field(1.5, ge=0)
    clipped: float = Field(0.05, ge=0, le=1)


class Recolor(Model):
    """Recoloured copies of photos with a rare label.

    Attributes:
        labels: labels whose photos are recoloured, or null: all labels rarer than `rarer_than`.
        rarer_than: fraction of training photos below which a label is rare.
        total: number of recoloured photos.
        copies: maximum of attempts per photo.
        per_epoch: maximum of recoloured photos per epoch. Recipes can override it.
        mode: full_image (as in the paper: no edges) or masked (within the feathered mask).
        neutral: leave, or lab: shift black, white and grey clothes in Lab within the mask.
        garments: maximum of garments of different hue that are recoloured in a photo.
        min_share_of_mask: minimum fraction of the mask that a garment's colour covers.
        min_share_of_image: minimum fraction of the photo that a garment's colour covers.
        min_hue_change: minimum change of hue in degrees. Other new hues are equally likely, unless they would make the
            garment look like skin.
        saturation: bounds of the factor of saturation.
        seed: seed of the hues.
    """

    labels: list[str] | None = Field(None, min_length=1)
    rarer_than: float = Field(0.15, gt=0, le=1)
    total: int = Field(10000, ge=1)
    copies: int = Field(5, ge=1, le=1000)
    per_epoch: int = Field(10000, ge=1)
    mode: Literal["full_image", "masked"] = "full_image"
    neutral: Literal["leave", "lab"] = "leave"
    garments: int = Field(2, ge=1, le=5)
    min_share_of_mask: float = Field(0.15, ge=0, le=1)
    min_share_of_image: float = Field(0.02, ge=0, le=1)
    min_hue_change: float = Field(60, ge=0, le=140)
    saturation: list[Annotated[float, Field(ge=0, le=3)]] = Field([0.8, 1.2], min_length=2, max_length=2)
    gates: Gates = Field({})
    seed: Seed = 1

    def used(self) -> dict[str, Any]:
        """Return the settings of recoloured photos as JSON values. Recipes use `per_epoch`, not the photos."""
        return self.only(*type(self).model_fields.keys() - {"per_epoch"})


class Repeat(Model):
    """Photos with one of `labels` occur `times` times per epoch.

    Attributes:
        labels: names of labels.
        times: number of times.
    """

    labels: list[str] = Field(min_length=1)
    times: int = Field(ge=2, le=1000)


class Drop(Model):
    """Of the photos with exactly one of these sets of labels, each epoch keeps a random fraction.

    Attributes:
        label_sets: sets of labels.
        largest: number of sets: the most frequent ones without a rare label.
        rarer_than: fraction of training photos below which a label is rare, for `largest`; 0 makes no label rare.
        keep: fraction of photos to keep.
    """

    label_sets: list[Annotated[list[str], Field(min_length=1)]] | None = Field(None, min_length=1)
    largest: int | None = Field(None, ge=1)
    rarer_than: float = Field(0.2, ge=0, le=1)
    keep: float = Field(ge=0, le=1)


class Balanced(Model):
    """Photos are drawn by the rarity of their rarest label.

    Attributes:
        power: exponent of the rarity; 0 draws all photos alike.
    """

    power: float = Field(0.5, ge=0, le=2)


class RecoloredUse(Model):
    """Recoloured photos in a recipe.

    Attributes:
        labels: labels whose recoloured photos are added, or null: all.
        per_epoch: maximum of recoloured photos per epoch, or null: `recolor.per_epoch`.
    """

    labels: list[str] | None = Field(None, min_length=1)
    per_epoch: int | None = Field(None, ge=1)


def spelt_out_use(value: Any) -> Any:
    """Return the use of recoloured photos as a mapping or None, also if the configuration has true or false."""
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


class Recipe(Model):
    """The photos that each epoch sees.

    Attributes:
        seed: seed of the order and of random choices.
        recolored: add recoloured photos: true, false, or {labels: [...], per_epoch: N} for some of them.
    """

    seed: Seed = 1
    recolored: Annotated[
        RecoloredUse | None, BeforeValidator(spelt_out_use, json_schema_input_type=bool | RecoloredUse)
    ] = Field(False)
    repeat: Repeat | None = None
    drop: Drop | None = None
    balanced: Balanced | None = None
