"""A loss of your own: the network's logits are to be the teacher's (Ba and Caruana 2014)."""

from torch import Tensor
from torch.nn import functional

import plantnas
from plantnas.config import Distillation
from plantnas.training.loss import Loss


def matched_logits(settings: Distillation) -> Loss:
    """The mean squared difference of the logits; labels are not used."""

    def loss(logits: Tensor, labels: Tensor, teacher_logits: Tensor) -> Tensor:
        return functional.mse_loss(logits, teacher_logits)

    return loss


if __name__ == "__main__":
    config, url = plantnas.load_study("own_loss.yaml"), "sqlite:///own_loss.db"
    plantnas.open_study(config, url).optimize(plantnas.PlantingObjective(config))
    epochs = plantnas.epochs_frame(url, config.name)
    for network, losses in epochs.groupby("network_id").training_loss:
        if len(losses) > 1:  # not of the screens
            print(f"network {network}: lower in the end: {losses.iloc[-1] < losses.iloc[0]}")
