"""Trains Pebble. One command, CPU or GPU, resumable:

    OMP_NUM_THREADS=1 python3 pebble/train.py --work target/pebble --minutes 70

A step takes a few packs (a policy, its cases); the policy is computed once,
each case attends to it and to itself, the loss is on the reply. The learning rate
follows the minutes spent, so a run can be extended by giving it more of them.
"""

import argparse
import multiprocessing as mp
import random
import time
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import generate as G
from model import Config, Pebble
from policy import make_policy
from tokens import Harmony, train_tokenizer


EASY_UNTIL = 0.4  # share of the run that trains on easy policies
QUANTISED_FROM = 0.5  # share of the run after which the experts are MXFP4 in the forward pass


def encode(pack, harmony):
    cases = []
    for text, trace, final in pack["cases"]:
        ask = harmony.case(text)
        reply = harmony.reply(trace, final)
        cases.append((ask + reply[:-1], len(ask) - 1, reply))
    return harmony.prefix(pack["policy"], pack["effort"]), cases


def collate(items):
    """Flat tokens of several packs; the last reply token is only a target."""
    tokens, positions, rows, targets = [], [], [], []
    prefix, own, owner = [], [], []
    for b, (head, cases) in enumerate(items):
        prefix.append(range(len(tokens), len(tokens) + len(head)))
        tokens += head
        positions += range(len(head))
        for ids, start, reply in cases:
            own.append(range(len(tokens), len(tokens) + len(ids)))
            owner.append(b)
            rows += range(len(tokens) + start, len(tokens) + len(ids))
            targets += reply
            tokens += ids
            positions += range(len(head), len(head) + len(ids))
    pad = lambda rs: torch.tensor([list(r) + [len(tokens)] * (max(map(len, rs)) - len(r)) for r in rs])
    # Short and long cases apart: less padding for attention.
    by_length = sorted(range(len(own)), key=lambda i: len(own[i]))
    cut = 2 * len(own) // 3
    halves = by_length[:cut], by_length[cut:]
    reply_of = [i for i, (_, _, r) in enumerate(c for _, cs in items for c in cs) for _ in r]
    return {"tokens": torch.tensor(tokens), "positions": torch.tensor(positions), "prefix": pad(prefix),
            "own": [(pad([own[i] for i in half]), torch.tensor([owner[i] for i in half])) for half in halves if half], "rows": torch.tensor(rows), "targets": torch.tensor(targets), "reply_of": torch.tensor(reply_of)}


def to_device(batch, device):
    return {k: [(o.to(device), w.to(device)) for o, w in v] if k == "own" else v.to(device) for k, v in batch.items()}


def produce(queue, tokenizer_path, seed, packs_a_step, progress):
    torch.set_num_threads(1)
    harmony = Harmony(Tokenizer.from_file(tokenizer_path))
    stream = G.training_packs(seed, easy=lambda: progress.value < EASY_UNTIL)
    while True:
        queue.put([encode(p, harmony) for p in islice(stream, packs_a_step)])


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised by Newton-Schulz; for matrices, experts each by itself."""

    def __init__(self, params, lr, momentum=0.95):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                buf = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buf.lerp_(p.grad, 1 - group["momentum"])
                g = p.grad.lerp(buf, group["momentum"])
                x = g if g.ndim == 3 else g[None]
                tall = x.shape[1] > x.shape[2]
                x = x.transpose(1, 2) if tall else x
                x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
                for _ in range(4):
                    a = x @ x.transpose(1, 2)
                    x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
                x = x.transpose(1, 2) if tall else x
                scale = max(1, x.shape[1] / x.shape[2]) ** 0.5
                p.mul_(1 - group["lr"] * 0.02)
                p.add_(x.view_as(p), alpha=-group["lr"] * scale)


def optimisers(model, muon_lr, adam_lr):
    matrices = [p for n, p in model.layers.named_parameters() if p.ndim >= 2 and "bias" not in n and "router" not in n]
    ids = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [Muon(matrices, muon_lr), torch.optim.AdamW(rest, lr=adam_lr, betas=(0.9, 0.97), weight_decay=0.0, foreach=True)]


@torch.no_grad()
def exactness(model, items, device):
    """Share of replies whose every token is the argmax: equal to greedy decoding being exact."""
    whole, n, loss = 0, 0, 0.0
    for i in range(0, len(items), 4):
        batch = to_device(collate(items[i:i + 4]), device)
        h, _ = model(batch)
        logits = model.lm_head(h[batch["rows"]])
        wrong = (logits.argmax(-1) != batch["targets"]).float()
        k = int(batch["reply_of"].max()) + 1
        whole += int((torch.zeros(k, device=device).index_add(0, batch["reply_of"], wrong) == 0).sum())
        n += k
        loss += float(F.cross_entropy(logits, batch["targets"])) * k
    return whole / n, loss / n


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--work", type=Path, required=True, help="folder for the tokenizer, checkpoints and the log")
    ap.add_argument("--minutes", type=float, default=70)
    ap.add_argument("--packs", type=int, default=8, help="packs a step")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--muon-lr", type=float, default=0.02)
    ap.add_argument("--adam-lr", type=float, default=2e-3)
    ap.add_argument("--decay-from", type=float, default=0.4, help="share of the minutes after which the rate falls")
    ap.add_argument("--checkpoint-minutes", type=float, default=5)
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    a = ap.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(a.seed)
    tok_path, ckpt_path = a.work / "tokenizer.json", a.work / "checkpoint.pt"
    if not tok_path.exists():
        train_tokenizer(Config.vocab_size).save(str(tok_path))
    harmony = Harmony(Tokenizer.from_file(str(tok_path)))
    model = Pebble(Config()).to(a.device)
    opts = optimisers(model, a.muon_lr, a.adam_lr)
    state = {"seconds": 0.0, "step": 0, "tokens": 0, "targets": 0}
    if ckpt_path.exists():
        saved = torch.load(ckpt_path, map_location=a.device, weights_only=False)
        model.load_state_dict(saved["model"])
        for o, s in zip(opts, saved["opts"]):
            o.load_state_dict(s)
        state = saved["state"]
    rates = [a.muon_lr, a.adam_lr]
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f}M parameters, vocabulary {harmony.tok.get_vocab_size()}, {state}", flush=True)

    def items(seed, held):
        rng = random.Random(seed)
        out = []
        for _ in range(24):
            p = make_policy(rng, held=held)
            out.append(encode(G.pack(p, G.pick_cases(p, rng, 4, held), rng, "low"), harmony))
        return out

    checks = {"seen": items(50_001, False), "held": items(50_002, True)}
    share = mp.Value("d", state["seconds"] / (a.minutes * 60))
    queue = mp.Queue(maxsize=24)
    worker = mp.Process(target=produce, args=(queue, str(tok_path), a.seed * 1000 + state["step"], a.packs, share), daemon=True)
    worker.start()
    budget, begin, base, last = a.minutes * 60, time.time(), state["seconds"], time.time()
    recent, recent_tokens, recent_time = [], 0, time.time()
    while state["seconds"] < budget:
        batch = to_device(collate(queue.get(timeout=120)), a.device)  # a dead worker must not hang the run
        progress = share.value = state["seconds"] / budget
        factor = min(1, (state["step"] + 1) / 60) * min(1.0, max(0.02, (1 - progress) / (1 - a.decay_from)))
        for o, r in zip(opts, rates):
            for g in o.param_groups:
                g["lr"] = r * factor
        model.quantise(progress >= QUANTISED_FROM)
        h, balance = model(batch)
        loss = F.cross_entropy(model.lm_head(h[batch["rows"]]), batch["targets"])
        (loss + 0.003 * balance).backward()
        torch.nn.utils.clip_grad_norm_(opts[1].param_groups[0]["params"], 1.0)
        for o in opts:
            o.step()
            o.zero_grad(set_to_none=True)
        state["step"] += 1
        state["tokens"] += batch["tokens"].numel()
        state["targets"] += batch["targets"].numel()
        state["seconds"] = base + time.time() - begin
        recent.append(float(loss.detach()))
        recent_tokens += batch["tokens"].numel()
        if state["step"] % 25 == 0:
            now = time.time()
            print(f"step {state['step']} min {state['seconds'] / 60:.1f} loss {sum(recent) / len(recent):.4f} rate {factor:.2f} tok/s {recent_tokens / (now - recent_time):.0f} tokens {state['tokens'] / 1e6:.2f}M balance {float(balance.detach()) / len(model.layers):.2f}", flush=True)
            recent, recent_tokens, recent_time = [], 0, now
        if time.time() - last > a.checkpoint_minutes * 60 or state["seconds"] >= budget:
            last = time.time()
            model.quantise(True)
            figures = {k: exactness(model, v, a.device) for k, v in checks.items()}
            print("  whole replies " + ", ".join(f"{k} {e:.3f} (loss {l:.4f})" for k, (e, l) in figures.items()), flush=True)
            torch.save({"model": model.state_dict(), "opts": [o.state_dict() for o in opts], "state": state}, ckpt_path.with_suffix(".new"))
            ckpt_path.with_suffix(".new").replace(ckpt_path)
    worker.terminate()


if __name__ == "__main__":
    main()
