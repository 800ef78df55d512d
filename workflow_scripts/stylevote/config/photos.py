"""Settings of what is done with photos, from their download to the manifests of epochs."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from stylevote.config.base import Model, Seed, Text


class Photoset(Model):
    """A set of photos.

    Attributes:
        photos: folder of photos ({results} stands for the results folder).
        labels: table of file names and labels, or null for all photos of the folder.
        download: whether photos that the folder lacks are fetched from the table's URLs (id,url,... without a
            header, or a column `url`).
        masks: folder of masks (<name of the photo>.png, a class number per pixel), or null.
        mask_labels: table of the masks' class numbers (value,name,group: background, body, clothing, accessory), or
            null: above 0 is the person.
    """

    photos: str = Field(min_length=1)
    labels: str | None = None
    download: bool = False
    masks: str | None = None
    mask_labels: str | None = None


class Demo(Model):
    """The drawn demo's photos.

    Attributes:
        train: photos to draw for training.
        test: photos to draw for the test.
        min_positives: least positives of a label among the training photos.
        side: shorter side of the photos, in pixels, on average.
        seed: another seed draws other photos.
    """

    train: int = Field(600, ge=30, le=999999)
    test: int = Field(200, ge=30, le=999999)
    min_positives: int = Field(6, ge=2)
    side: int = Field(170, ge=64, le=350)
    seed: Seed = 2018


class Downloads(Model):
    """How photos are fetched if a photoset says `download`; nothing is computed again for another value.

    Attributes:
        parallel: photos at a time.
        attempts: how often a photo is asked for while its host is overloaded, out of order or cannot be reached.
        pause: seconds before the second attempt; twice as many before each further one, give or take a half.
        seconds: seconds that an attempt may take.
        megabytes: megabytes that a photo may have.
        internal: hosts (`name` or `name:port`) that may be asked although they are not on the public internet: all
            others of one's own host and network are refused, whatever a table says.
    """

    parallel: int = Field(8, ge=1, le=256)
    attempts: int = Field(5, ge=1, le=100)
    pause: float = Field(1, ge=0, le=300)
    seconds: float = Field(60, gt=0, le=86400)
    megabytes: float = Field(50, gt=0, le=200)
    internal: list[Text] = Field([])


class Folds(Model):
    """Cross-validation.

    Attributes:
        count: number of folds (nested estimates need three).
        seed: another seed gives another division.
    """

    count: int = Field(5, ge=3, le=20)
    seed: Seed = 1


class Holdout(Model):
    """What tells how good the decisions are, besides cross-validation.

    Attributes:
        share: share of the training photos that nothing sees before the end, when they are decided and scored as
            the photoset `holdout`; 0: none.
        seed: another seed locks other photos away.
    """

    share: float = Field(0, ge=0, le=0.5)
    seed: Seed = 1


class MaskRCNN(Model):
    """The Mask R-CNN.

    Attributes:
        weights: pretrained (COCO, from torchvision's hub) or the path of a .pth or .safetensors file.
        shorter_side: shorter side of what the network sees in pixels.
        score: least score of a detected person.
    """

    weights: str = Field("pretrained", pattern=r"^(pretrained|.*\.(pth|safetensors))$")
    shorter_side: int = Field(800, ge=32, le=2048)
    score: float = Field(0.5, ge=0, le=1)


class SegmentationNetwork(Model):
    """The network of segmentation-models-pytorch, and its training.

    Attributes:
        architecture: unet, or any other of the library's.
        encoder: any encoder of the library.
        args: further arguments of the library's create_model.
        weights: none, pretrained (from the library's hub) or the path of a .safetensors file of the encoder.
        size: side of the network's square input in pixels.
        epochs: number of epochs.
        batch: photos a step.
        lr: highest learning rate.
        held_out: share of the masks that only measures.
        seed: seed of the training.
    """

    architecture: str = Field("unet", min_length=1)
    encoder: str = Field("mobilenet_v2", min_length=1)
    args: dict[str, Any] = Field({})
    weights: str = Field("pretrained", pattern=r"^(none|pretrained|.*\.safetensors)$")
    size: int = Field(256, ge=32, le=1024, multiple_of=32)
    epochs: int = Field(20, ge=1, le=1000)
    batch: int = Field(8, ge=2, le=1024)
    lr: float = Field(0.001, gt=0, le=10)
    held_out: float = Field(0.2, gt=0, lt=1)
    seed: Seed = 1


class Segmentation(Model):
    """Masks of the training photos, for recolouring.

    Attributes:
        model: none, maskrcnn (torchvision's, COCO), smp (trained on the training photos' own masks) or given (those
            masks).
        region: person, or clothing (if the masks' table tells it from skin).
        size: shorter side of masks and of recoloured photos in pixels, at most.
        shards: files of masks and of recoloured photos; each is a job.
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


class Gates(Model):
    """What a recoloured photo must fulfil; what fails is dropped and counted.

    Attributes:
        min_clothing_change: least mean deltaE (CIE 1976) of the recoloured clothing.
        skin_change: greatest mean deltaE of skin.
        background_change: greatest mean deltaE outside the mask.
        edge_ratio: greatest ratio of the gradients at the mask's border, after to before.
        clipped: greatest share of changed pixels that were clipped.
    """

    min_clothing_change: float = Field(15, ge=0)
    skin_change: float = Field(2, ge=0)
    background_change: float = Field(6, ge=0)
    edge_ratio: float = Field(1.5, ge=0)
    clipped: float = Field(0.05, ge=0, le=1)


class Recolor(Model):
    """Recoloured copies of photos with a rare label.

    Attributes:
        labels: labels whose photos are recoloured, or null: those rarer than `rarer_than`.
        rarer_than: share of the training photos below which a label is rare.
        total: recoloured photos to make.
        copies: most attempts on one photo.
        per_epoch: most recoloured photos that an epoch uses if a recipe says nothing else.
        mode: full_image (the paper's: no cut edges) or masked (within the feathered mask).
        neutral: black, white and grey clothes: leave, or lab (offsets in Lab within the mask).
        garments: most garments of different hue that are recoloured in a photo.
        min_share_of_mask: share of the mask that a garment's colour covers at least.
        min_share_of_image: share of the photo that it covers at least.
        min_hue_change: least change of hue in degrees.
        saturation: bounds of the factor of saturation.
        seed: another seed draws other hues.
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
        """Return the settings that recoloured photos depend on, as JSON values: `per_epoch` is used by recipes."""
        return self.only(*(key for key in type(self).model_fields if key != "per_epoch"))


class Repeat(Model):
    """Photos that have one of `labels` stand `times` times in an epoch.

    Attributes:
        labels: names of labels.
        times: how often.
    """

    labels: list[str] = Field(min_length=1)
    times: int = Field(ge=2, le=1000)


class Drop(Model):
    """Of the photos with exactly one of these sets of labels, a share stays, drawn anew each epoch.

    Attributes:
        label_sets: sets of labels.
        largest: so many of the most frequent sets.
        keep: share that stays.
    """

    label_sets: list[Annotated[list[str], Field(min_length=1)]] | None = Field(None, min_length=1)
    largest: int | None = Field(None, ge=1)
    keep: float = Field(ge=0, le=1)


class Balanced(Model):
    """Photos are drawn by the rarity of their rarest label, to this power.

    Attributes:
        power: 0: all alike; 1: as often as the label is rare.
    """

    power: float = Field(0.5, ge=0, le=2)


class RecoloredUse(Model):
    """Which recoloured photos a recipe adds.

    Attributes:
        labels: names of labels, or null: all that were recoloured.
        per_epoch: most recoloured photos an epoch, or null: as `recolor.per_epoch` says.
    """

    labels: list[str] | None = Field(None, min_length=1)
    per_epoch: int | None = Field(None, ge=1)


def spelt_out_use(value: Any) -> Any:
    """Return true and false in full."""
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


class Recipe(Model):
    """What an epoch's manifest holds.

    Attributes:
        seed: another seed draws another order.
        recolored: true, false, or {labels: [...], per_epoch: N}: recoloured photos are added, of these labels only, at
            most so many an epoch.
    """

    seed: Seed = 1
    recolored: Annotated[
        RecoloredUse | None, BeforeValidator(spelt_out_use, json_schema_input_type=bool | RecoloredUse)
    ] = Field(False)
    repeat: Repeat | None = None
    drop: Drop | None = None
    balanced: Balanced | None = None
