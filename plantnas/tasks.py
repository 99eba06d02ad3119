"""Frozen models of what a study learns: its data, their task, and what distillation minimises.

How networks are trained on it is said in config.py, which has these models as sections.
"""

from typing import Literal

from pydantic import Field

from plantnas.settings import (
    Amount,
    Divisors,
    Factor,
    ImageChannels,
    NamesWithArguments,
    Part,
    PerChannel,
    Settings,
    Switch,
    Weight,
)

Task = Literal["classification", "multilabel", "regression"]
Interpolation = Literal["nearest", "bilinear", "bicubic"]
LabelLossName = Literal["cross_entropy", "binary_cross_entropy", "mse", "l1"]


class Data(Settings):
    """The data set and its fixed augmented views."""

    name: str
    """The data set; `imagefolder` is your own: root/train/CLASS/* and root/test/CLASS/*. What is
    said of its files below holds for `elpv`, too."""
    task: Task | None = None
    """What networks answer: one class of several, several labels, each yes or no, or numbers. If
    not given, int64 targets are classes, floats of 0 and 1 labels, and other floats numbers."""
    root: str | None = None
    """Folder of the data set; if not given, `data`, or Debian's for fashion-mnist, or the Python
    package's for elpv, or `node_modules` for emoji."""
    download: Switch = False
    """Let torchvision download the data set into `root`."""
    train: Amount | None = None
    """Number of training images; all that validation leaves, if not given."""
    validation: Amount = 1000
    """Number of images taken from the training split to choose networks by."""
    stratify: Switch = False
    """Draw training and validation images so that each has every class's share of the images."""
    views: int = Field(default=2, strict=True, gt=0, le=1000)
    """Fixed views of each training image, the first being the image itself: the teacher sees what
    the student sees (Beyer et al. 2022)."""
    flip: Switch | None = None
    """Every other view is mirrored; if not given, that of uint8 images is."""
    shift: int = Field(default=0, strict=True, ge=0, le=1000)
    """Views but the first are shifted by up to this many pixels, at random. Inputs that are neither
    mirrored nor shifted nor augmented and no uint8 images have one view."""
    augment: NamesWithArguments = ()
    """What views but the first are changed by then: torchvision's transforms (transforms.v2) by
    name, one after another, or `NAME: {argument: value}`; last, `MixUp` or `CutMix` (Zhang et al.
    2018, Yun et al. 2019) mix each with another image's, and the labels, by a share that is of
    Beta(`alpha`, `alpha`)."""
    channels: ImageChannels | None = None
    """3 repeats the channel of grey images."""
    image_size: int | None = Field(default=None, strict=True, gt=0, le=4096)
    """imagefolder: images are resized and cropped to this height and width (default 64)."""
    interpolation: Interpolation | None = None
    """imagefolder: how images are resized (default `bilinear`). With pretrained weights of
    torchvision, timm or a hub: as for these, which goes for the keys below too."""
    resize: Literal["shorter", "longer", "both"] | None = None
    """imagefolder: `shorter`: the shorter side is given its length, and what the longer one has
    more is cropped (default). `longer`: the longer side is, and what the shorter one lacks is
    filled with the colour `mean`, or black. `both`: both sides are, whatever the image's shape."""
    crop: Part | None = None
    """imagefolder: share of the resized side that is left in the middle (default 1)."""
    mean: PerChannel | None = None
    """What is subtracted from pixels of 0 to 1, a number a channel; if not given, the mean of the
    training images. Inputs that are no uint8 images stay as they are."""
    std: Divisors | None = None
    """What is divided by then; if not given, their standard deviation."""
    memory_gigabytes: Factor = 1.0
    """imagefolder, and torch Datasets of yours: images of a split that would take more, in all
    their views, are read once into a file of the study's folder, from which batches are read;
    others are held in memory."""
    on_error: Literal["refuse", "skip"] = "refuse"
    """imagefolder: what is done about files that are no images: `refuse` lists them, `skip` leaves
    them out and says how many they are."""
    balance: Literal["none", "weights", "sampling"] = "none"
    """What is done about rare classes. `weights`: in the loss by labels a class, or the presence of
    a label, weighs the more the rarer it is among the training images. `sampling`: an epoch draws
    as many images of each class, with replacement."""
    unlabelled: Switch = False
    """Distil from images without labels too: stl10's unlabelled split; of other data sets, the
    training images that `train` and `validation` leave."""


class Distillation(Settings):
    """Knowledge distillation (Hinton, Vinyals and Dean 2015) from the teacher's logits."""

    loss: str | None = None
    """What is minimised, beside the loss by labels that `teacher.loss` names. `kd`: the divergence
    of the network's softened answers from the teacher's (Hinton, Vinyals and Dean 2015).
    `sigmoid-kd`: the same of each label by itself. `mse`: the mean squared difference of the logits
    (Ba and Caruana 2014). `dkd`: of classes, `kd` in two parts (Zhao et al. 2022). `dist`: of
    classes, the answers' order instead of their values (Huang et al. 2022). `cosine`: of
    embeddings, the angle between both answers. If not given: `kd` of classes, `sigmoid-kd` of
    several labels, `mse` of numbers."""
    temperature: Factor = 4.0
    """Divides both networks' logits; their divergence is multiplied by its square."""
    label_weight: float = Field(default=0.1, strict=True, ge=0, le=1)
    """Weight of the loss by labels; the teacher's has the rest."""
    hint_weight: Weight = 0.0
    """Weight of a hint (Romero et al. 2015): how far what the last layer is given is from what the
    teacher's is, channel by channel; see docs/how-to/loss.md. 0: none."""
    target_weight: Weight = 1.0
    """dkd: weight of the answer to whether it is the right class (the paper's alpha)."""
    others_weight: Weight = 8.0
    """dkd: weight of the answers among the other classes (the paper's beta)."""
    inter_weight: Weight = 1.0
    """dist: weight of the order of the classes of each image (the paper's beta)."""
    intra_weight: Weight = 1.0
    """dist: weight of the order of the images in each class (the paper's gamma)."""
