"""The curves of a search, epoch by epoch, and its front, in TensorBoard."""

import torch
from sklearn.datasets import load_digits
from torch.utils.tensorboard import SummaryWriter

import plantnas


class Board:
    """Writes what a search tells of into a folder that TensorBoard shows."""

    def __init__(self, folder: str) -> None:
        self.writer = SummaryWriter(folder)

    def epoch(self, progress: plantnas.TrainingProgress) -> None:
        """A point of the curves of whatever is trained."""
        if progress.loss is None or progress.validation is None:
            return  # the teacher's logits
        what = progress.kind if progress.trial is None else f"{progress.kind}-{progress.trial}"
        self.writer.add_scalar(f"{what}/loss", progress.loss, progress.epoch)
        self.writer.add_scalar(f"{what}/{progress.metric}", progress.validation, progress.epoch)

    def front(self, result: plantnas.SearchResult) -> None:
        """The networks that no smaller one beats, by their parameters."""
        for network in result.front.itertuples():
            self.writer.add_scalar("front", network.validation_accuracy, network.parameters)
        self.writer.add_text("front", f"```\n{result}\n```")
        self.writer.close()


if __name__ == "__main__":
    pixels, targets = map(torch.tensor, load_digits(return_X_y=True))
    images = pixels.float().view(-1, 1, 8, 8)
    train, validation = (images[:300], targets[:300]), (images[300:500], targets[300:500])
    model = plantnas.build_network("plain-small", 10, 1)
    config = {
        "teacher": {"epochs": 3},
        "seed": {"epochs": 3},
        "planting": {"epochs": 2, "screen_epochs": 1},
        "search": {"steps": 1, "trials_per_step": 1, "probes": 0},
    }
    board = Board("curves")
    result = plantnas.search(model, train, validation, config=config, epoch_callbacks=[board.epoch])
    board.front(result)
