"""The data sets by name: each is a module here. Nothing here imports torch until one is read.

A data set is a function `read(data, split)`, of the module that has its name or the user's own:

- `data` is that section of the study's file: `root`, `download` and whatever else it needs;
- `split` is `train` or `test`; a search asks for the training images alone;
- it returns `plantnas.training.images.Images`, all images of the split, in the same order every
  time: uint8 pixels, images x channels x height x width, and int64 labels, from 0 to the number of
  classes - 1, or -1 for images without one, which are used where `data.unlabelled` is true;
- or `plantnas.training.decoding.ImageFiles`, which are decoded after the draw.

What it raises becomes one line. Validation images, statistics and views are made in data.py.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from plantnas.config import Data
from plantnas.named import Table, modules_of

if TYPE_CHECKING:
    from plantnas.training.decoding import ImageFiles
    from plantnas.training.images import Images

DATASETS: "Table[Callable[[Data, str], Images | ImageFiles]]" = Table(
    "data.name",
    modules_of(__name__, "read"),
    "a function of (data, split) that returns plantnas.training.images.Images",
)
"""The functions that read them."""
