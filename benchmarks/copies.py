"""Whether a network can tell a recoloured copy from its photo by something else than its colours.

If it can, it learns that photos with such traces have rare labels. Copies are made with no change of colour, so that
nothing but the way they are made is left to be told: as the workflow makes them, and for comparison resized and encoded
once more (at a quality of 95, colours in full resolution) before they are resized for training. The same is measured of
copies with drawn colours, which are rarer colours of clothes. Probes are logistic regressions on statistics of 8 x 8
cosine transforms, which hold traces of resizing and encoding; on the layers of a network with weights of ImageNet; and
on the frequencies of colours alone. They are judged on photos that they were not trained on. Shown is the AUC, with a
95 % interval over photos: 0.5 if copies cannot be told, also if they are equal to their photos, byte by byte.

The folder holds photos in images/, masks of the same names in masks/, and a table of the masks' classes.
"""

import io
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from bench import make_parser
from PIL import Image
from scipy.fft import dctn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stylevote.augment.garments import Unsuitable, find_garments
from stylevote.augment.masks import read_given, read_region
from stylevote.augment.recolor import draw_recoloring, recolor
from stylevote.cnn.backbones import create_backbone
from stylevote.config.photos import Recolor
from stylevote.photos.decoding import decode_photo
from stylevote.photos.pixels import resize_photo

WAYS = ("resized and encoded again", "this workflow", "this workflow, drawn colours")
BLOCK = 8  # pixels of a side
# Luma and two differences of colours, of a JPEG (ITU-R BT.601).
YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
FOLDS, SAMPLES = 5, 500

Features = Callable[[np.ndarray], np.ndarray]


def photos_and_copies(folder: Path, options: Namespace) -> Iterator[list[np.ndarray]]:
    """Yield photos of the folder at the size of training, each with its copies in the order of `WAYS`."""
    settings, region = Recolor(), read_region("person", folder / "mask_labels.csv")
    masks = {path.stem: path for path in (folder / "masks").glob("*.png")}
    paths = [path for path in sorted((folder / "images").rglob("*.jpg")) if path.stem in masks]
    for number, path in enumerate(paths):
        data = path.read_bytes()
        whole = decode_photo(data, options.mask_size)
        side = min(options.mask_size, whole.width, whole.height)
        photo = resize_photo(whole, side)
        mask = read_given(masks[path.stem], region, (whole.width, whole.height), photo.shape[:2])
        try:
            garments = find_garments(photo, mask, settings)
        except Unsuitable:
            continue
        drawn = draw_recoloring(photo, mask, garments, settings, np.random.default_rng(number))
        same = replace(drawn, hues_to=drawn.hues_from, factors=np.ones(len(garments)))
        buffer = io.BytesIO()
        Image.fromarray(recolor(photo, same)[0]).save(buffer, "JPEG", quality=95, subsampling=0)
        again = resize_photo(decode_photo(buffer.getvalue(), options.size), options.size)
        original = resize_photo(decode_photo(data, options.size), options.size)
        yield [original, again, recolor(original, same)[0], recolor(original, drawn)[0]]


def cosine_statistics(photo: np.ndarray) -> np.ndarray:
    """Return the mean amount of each frequency of each channel, in logarithms, and how often it is nearly absent."""
    rows, columns = (BLOCK * (side // BLOCK) for side in photo.shape[:2])
    blocks = (photo[:rows, :columns] @ YCC.T).reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK, 3)
    amounts = np.abs(dctn(blocks, axes=(1, 3), norm="ortho"))
    return np.concatenate([np.log(amounts.mean(axis=(0, 2)) + 0.01), (amounts < 0.5).mean(axis=(0, 2))], axis=None)


def color_histogram(photo: np.ndarray) -> np.ndarray:
    """Return how frequent colours are, in 8 x 8 steps of the two differences of colours, in logarithms."""
    steps = (np.clip(photo.reshape(-1, 3) @ YCC[1:].T, -63, 63) + 64) // 16
    return np.log(np.histogram2d(*steps.T, bins=8, range=[(0, 8), (0, 8)])[0].ravel() / len(steps) + 1e-3)


def network_features(weights: Path) -> Features:
    """Return a function that returns means and deviations of MobileNetV2's layers, and its last features."""
    network, mean, std = create_backbone("mobilenetv2_100", str(weights), {"pad_type": "same"})
    network.eval()
    seen: list[np.ndarray] = []

    def note(_module: torch.nn.Module, _inputs: tuple, output: torch.Tensor) -> None:
        seen.extend(values[0].numpy() for values in (output.mean((2, 3)), output.std((2, 3))))

    for layer in (network.conv_stem, *network.blocks):
        layer.register_forward_hook(note)

    @torch.no_grad()
    def features(photo: np.ndarray) -> np.ndarray:
        seen.clear()
        colors = (torch.from_numpy(photo.copy()) / 255 - torch.tensor(mean)) / torch.tensor(std)
        last = network(colors.permute(2, 0, 1)[None])
        return np.concatenate([*seen, last[0].numpy()])

    return features


def told(photos: np.ndarray, copies: np.ndarray) -> str:
    """Return the AUC of a probe for copies, and its interval; features of shape (photos, features)."""
    count, rng = len(photos), np.random.default_rng(0)
    groups, truth = np.tile(rng.permutation(count), 2), np.repeat([0, 1], count)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    features, folds = np.concatenate([photos, copies]), GroupKFold(FOLDS)
    scores = cross_val_predict(probe, features, truth, groups=groups, cv=folds, method="decision_function")
    draws = rng.integers(count, size=(SAMPLES, count))
    aucs = [roc_auc_score(truth, scores[np.concatenate([draw, draw + count])]) for draw in draws]
    low, high = np.quantile(aucs, [0.025, 0.975])
    return f"{roc_auc_score(truth, scores):.3f} ({low:.3f} to {high:.3f})"


def main(options: Namespace) -> None:
    """Print one table."""
    torch.set_num_threads(1)
    probes: dict[str, Features] = {
        "frequencies": cosine_statistics,
        "network": network_features(options.weights),
        "colours": color_histogram,
    }
    equal: list[list[bool]] = []
    features: dict[str, list[list[np.ndarray]]] = {name: [] for name in probes}
    for photos in photos_and_copies(options.folder, options):
        equal.append([np.array_equal(photos[0], copy) for copy in photos[1:]])
        for name, probe in probes.items():
            features[name].append([probe(photo) for photo in photos])
        if len(equal) == options.photos:
            break
    print(f"{len(equal)} photos at {options.size} pixels, masks at up to {options.mask_size} pixels")
    print(f"{'copies':<32}{'equal':>6}  " + "".join(f"{name:<26}" for name in probes))
    for number, way in enumerate(WAYS, 1):
        columns = {name: np.stack(rows, axis=1) for name, rows in features.items()}
        aucs = "".join(f"{told(values[0], values[number]):<26}" for values in columns.values())
        print(f"{way:<32}{np.mean(equal, axis=0)[number - 1]:>6.0%}  {aucs}", flush=True)


if __name__ == "__main__":
    shared = Path(__file__).resolve().parents[2] / "shared"
    parser = make_parser(__doc__)
    parser.add_argument("--folder", type=Path, default=shared / "data" / "real_small", help="photos and masks")
    weights = shared / "weights" / "mobilenetv2_100_in1k_fp16.safetensors"
    parser.add_argument("--weights", type=Path, default=weights, help="of MobileNetV2")
    parser.add_argument("--photos", type=int, default=400, help="how many (default 400)")
    parser.add_argument("--size", type=int, default=128, help="shorter side for training, in pixels (default 128)")
    parser.add_argument("--mask-size", type=int, default=512, help="maximum of the masks' shorter side (default 512)")
    main(parser.parse_args())
