"""Prices from a table: residual blocks, dropout, a falling rate, the best kept, with PyTorch."""

import copy

import torch
from sklearn.datasets import make_friedman1
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

X, y = make_friedman1(2000, n_features=10, noise=1.0, random_state=0)
y = 200_000 + 10_000 * (y - y.mean())
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
X_train, X_valid, y_train, y_valid = train_test_split(
    X_train, y_train, test_size=0.2, random_state=0
)

x_scaler = StandardScaler().fit(X_train)
y_scaler = StandardScaler().fit(y_train.reshape(-1, 1))


def to_tensor(scaler, values):
    return torch.tensor(scaler.transform(values), dtype=torch.float32)


x_train, x_valid, x_test = (to_tensor(x_scaler, part) for part in (X_train, X_valid, X_test))
t_train, t_valid = (to_tensor(y_scaler, part.reshape(-1, 1)) for part in (y_train, y_valid))


class Block(nn.Module):
    def __init__(self, width, dropout):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, width)
        )

    def forward(self, x):
        return x + self.layers(x)


class Regressor(nn.Module):
    def __init__(self, inputs, width=64, blocks=2, dropout=0.3):
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.blocks = nn.Sequential(*[Block(width, dropout) for _ in range(blocks)])
        self.last = nn.Linear(width, 1)

    def forward(self, x):
        return self.last(torch.relu(self.blocks(self.first(x))))


torch.manual_seed(0)
model = Regressor(X.shape[1])
loss_function = nn.HuberLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.003, weight_decay=0.1)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=5)
loader = DataLoader(TensorDataset(x_train, t_train), batch_size=64, shuffle=True)

best_loss, best_epoch, best_state = float("inf"), 0, None
for epoch in range(200):
    model.train()
    for x, t in loader:
        optimizer.zero_grad()
        loss = loss_function(model(x), t)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        valid_loss = loss_function(model(x_valid), t_valid).item()
    scheduler.step(valid_loss)
    if valid_loss < best_loss:
        best_loss, best_epoch = valid_loss, epoch
        best_state = copy.deepcopy(model.state_dict())
    elif epoch - best_epoch >= 20:
        break
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}, validation {valid_loss:.4f}")

model.load_state_dict(best_state)
model.eval()
with torch.no_grad():
    predictions = y_scaler.inverse_transform(model(x_test).numpy()).ravel()
print(f"best after epoch {best_epoch + 1}")
print(f"mean absolute error {mean_absolute_error(y_test, predictions):,.0f}")
print(f"R² {r2_score(y_test, predictions):.3f}")
