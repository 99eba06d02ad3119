"""A teacher of your own: a small transformer that was trained without plantnas, kept as it is."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import plantnas
from plantnas.config import Data
from plantnas.training.datasets.digits import read


class Transformer(nn.Module):
    """Attention between the four quarters of an image: it has nothing of a CNN's channels."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.quarters = nn.Conv2d(in_channels, 48, 4, stride=4)
        self.layer = nn.TransformerEncoderLayer(48, 4, 96, dropout=0.0, batch_first=True)
        self.head = nn.Linear(4 * 48, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, images x classes."""
        tokens = self.quarters(images).flatten(2).mT
        logits: Tensor = self.head(self.layer(tokens).flatten(1))
        return logits


def train_elsewhere() -> Transformer:
    """What a program of yours would do: pixels of 0 to 1, minus 0.5, over 0.5."""
    digits = read(Data(name="digits"), "train")
    images, labels = (digits.pixels / 255 - 0.5) / 0.5, digits.labels
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Transformer(10, 1)
        optimizer = torch.optim.AdamW(network.parameters(), 0.003)
        for batch in torch.randint(len(images), (150, 64)):
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return network.eval()


if __name__ == "__main__":
    mine = train_elsewhere()
    averaged = {f"module.{name}": tensor for name, tensor in mine.state_dict().items()}
    torch.save({"epoch": 20, "model_ema": averaged}, "own_teacher.pt")

    config, url = plantnas.load_study("own_teacher.yaml"), "sqlite:///own_teacher.db"
    plantnas.open_study(config, url).optimize(plantnas.PlantingObjective(config))
    networks = plantnas.networks_frame(url, config.name)
    teacher, seed, *planted = networks["validation_accuracy"].tolist()
    images, _ = plantnas.load_images(url, config.name)
    kept = plantnas.load_network(url, config.name, int(networks["id"][0]))
    with torch.inference_mode():
        print(f"the teacher computes what it did: {torch.equal(kept(images), mine(images))}")
    print(f"it is over 85 % right: {teacher > 0.85}")
    print(f"a student grew better than the seed: {max(planted) > seed}")
