"""Handwritten digits, with a training loop of one's own, saved and loaded again, with PyTorch."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.2, stratify=y, random_state=0
)
training_data = TensorDataset(
    torch.tensor(X_train, dtype=torch.float32), torch.tensor(y_train, dtype=torch.long)
)
test_data = TensorDataset(
    torch.tensor(X_test, dtype=torch.float32), torch.tensor(y_test, dtype=torch.long)
)

torch.manual_seed(0)
train_loader = DataLoader(training_data, batch_size=32, shuffle=True)
test_loader = DataLoader(test_data, batch_size=256)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
        )

    def forward(self, x):
        return self.layers(x)


def train(model, loader, loss_function, optimizer):
    model.train()
    total = 0
    for x, labels in loader:
        loss = loss_function(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    return total / len(loader.dataset)


def test(model, loader, loss_function):
    model.eval()
    total, right = 0, 0
    with torch.no_grad():
        for x, labels in loader:
            outputs = model(x)
            total += loss_function(outputs, labels).item() * len(x)
            right += (outputs.argmax(1) == labels).sum().item()
    return total / len(loader.dataset), right / len(loader.dataset)


model = Classifier()
print(model)
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(20):
    train_loss = train(model, train_loader, loss_function, optimizer)
    test_loss, accuracy = test(model, test_loader, loss_function)
    print(f"epoch {epoch + 1}: loss {train_loss:.4f}, test {test_loss:.4f}, {accuracy:.1%} right")

torch.save(model.state_dict(), "digits.pth")
model = Classifier()
model.load_state_dict(torch.load("digits.pth", weights_only=True))
model.eval()
with torch.no_grad():
    x, label = test_data[0]
    probabilities = nn.functional.softmax(model(x.unsqueeze(0)), dim=1)[0]
    guess = probabilities.argmax().item()
print(f"the first is a {label}; guessed {guess}, with {probabilities[guess]:.1%}")
print(f"test accuracy {test(model, test_loader, loss_function)[1]:.3f}")
