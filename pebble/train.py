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
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import fast
import generate as G
from export import load_published, transplant
from drill import Drill
from model import Config, Pebble
from speech import SPEECH
from tokens import Harmony, train_tokenizer


DRILL_UNTIL = 0.07  # share of the run with many meaningless exercises; a few stay until the easy policies end
EASY_UNTIL = 0.4  # share of the run that trains on easy policies
QUANTISED_FROM = 0.5  # share of the run after which the experts are MXFP4 in the forward pass


LINE, JUDGES, FINAL = -1, frozenset(), []  # the tokens of a line break, of "applies" and "no", and of what opens the answer, once the tokenizer is known
CORE = 0.25  # of both worlds, the share of the core one
FACTS_ONLY = 0.15  # share of packs with many cases whose replies stop behind the facts: three times as many texts for the same tokens
SAME = 0.2  # of the core world's other packs, the share that comes as a policy and the same said otherwise; the wide stream has its own
LABELLED = 0.12  # share of the other packs with an easy policy whose labels were made for it
HEAVY = 3.0  # weight of what a text shows, of whether a clause applies and of the answer: few of a reply's tokens, and all else is copying


def know(harmony):
    global LINE, JUDGES, FINAL
    FINAL = harmony.final
    LINE = harmony.text("\n")[0]
    said = [": no.", ": applies, violates.", ": applies, safe.", ": applies,", ": given, so", ": absent, so", "：否。", "：符合，违规。", "：符合，合规。", "：符合，",
            "\nPrecedence: violations first.", "\nPrecedence: safe first.", ": both apply.", "\n优先级：违规优先。", "\n优先级：例外优先。", "：均符合。"]
    for say in (SPEECH["es"], SPEECH["ar"]):
        said += [say.colon + say.no + say.stop, *(say.colon + say.applies.format(level=level) + say.stop for level in (say.violates, say.safe)), say.colon + say.both + say.stop, *("\n" + first for first in say.first.values())]
        said += [say.state.format(head="", state=state, says="").rstrip(" .") for state in (say.given, say.absent)]
    JUDGES = frozenset(t for s in said for t in harmony.text(s) if len(harmony.text(s)) == 1)


def first_line(reply):
    return next((k for k, t in enumerate(reply) if t == LINE), len(reply))


def answer_at(reply):
    """Where the answer begins; behind the end in a reply that stops before it."""
    n = len(FINAL)
    return next((k + n for k in range(len(reply) - n, -1, -1) if reply[k:k + n] == FINAL), len(reply))


def encode(pack, harmony, facts_only=False):
    cases = []
    for text, trace, final in pack["cases"]:
        ask = harmony.case(text)
        reply = harmony.reply(trace, final)
        if facts_only:
            reply = reply[: first_line(reply) + 1]
        cases.append((ask + reply[:-1], len(ask) - 1, reply))
    return harmony.prefix(pack["policy"], pack["effort"]), cases


def collate(items):
    """Flat tokens of several packs; the last reply token is only a target. The first line of a
    trace, behind the three tokens that open its channel, and the answer weigh more."""
    tokens, positions, rows, targets = [], [], [], []
    prefix, own, owner, weights = [], [], [], []
    for b, (head, cases) in enumerate(items):
        prefix.append(range(len(tokens), len(tokens) + len(head)))
        tokens += head
        positions += range(len(head))
        for ids, start, reply in cases:
            own.append(range(len(tokens), len(tokens) + len(ids)))
            owner.append(b)
            rows += range(len(tokens) + start, len(tokens) + len(ids))
            targets += reply
            shown, answer = first_line(reply), answer_at(reply)
            weights += [HEAVY if 3 <= k < shown or k >= answer or t in JUDGES else 1.0 for k, t in enumerate(reply)]
            tokens += ids
            positions += range(len(head), len(head) + len(ids))
    pad = lambda rs: torch.tensor([list(r) + [len(tokens)] * (max(map(len, rs)) - len(r)) for r in rs])
    # Short and long cases apart: less padding for attention.
    by_length = sorted(range(len(own)), key=lambda i: len(own[i]))
    cut = 2 * len(own) // 3
    halves = by_length[:cut], by_length[cut:]
    reply_of = [i for i, (_, _, r) in enumerate(c for _, cs in items for c in cs) for _ in r]
    return {"sizes": [[len(head), *(len(ids) for ids, _, _ in cases)] for head, cases in items],
            "tokens": torch.tensor(tokens), "positions": torch.tensor(positions), "prefix": pad(prefix),
            "own": [(pad([own[i] for i in half]), torch.tensor([owner[i] for i in half])) for half in halves if half], "rows": torch.tensor(rows), "targets": torch.tensor(targets), "weights": torch.tensor(weights), "reply_of": torch.tensor(reply_of)}


def to_device(batch, device):
    return {k: [(o.to(device), w.to(device)) for o, w in v] if k == "own" else v.to(device) if isinstance(v, torch.Tensor) else v for k, v in batch.items()}


def produce(queue, tokenizer_path, seed, packs_a_step, progress, world, often, same_share):
    torch.set_num_threads(1)
    harmony = Harmony(Tokenizer.from_file(tokenizer_path))
    know(harmony)
    drill, rng = Drill(harmony), random.Random(seed)
    worlds, shares = (["core", "wide"], [CORE, 1 - CORE]) if world == "both" else ([world], [1])
    streams = {w: G.training_packs(seed, easy=lambda: progress.value < EASY_UNTIL, world=w, often=often) for w in worlds}

    same = G.same_packs(seed, often)

    def made(w, cases, easy, facts_only=False, **more):
        p = G.maker(w)(rng, G.language(rng, w), easy=easy, **more)
        return encode(G.pack(p, G.pick_cases(p, rng, cases), rng, "low"), harmony, facts_only)

    def pack():
        w = rng.choices(worlds, shares)[0]
        if rng.random() < FACTS_ONLY:
            return made(w, 12, rng.random() < 0.5, facts_only=True)
        if rng.random() < LABELLED:
            return made(w, 5, True, labels="made up")
        return encode(next(same if w == "core" and rng.random() < same_share else streams[w]), harmony)

    while True:
        share = 0.75 if progress.value < DRILL_UNTIL else 0.12 if progress.value < EASY_UNTIL else 0.0
        queue.put([drill.item(rng) if rng.random() < share else pack() for _ in range(packs_a_step)])


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
    ap.add_argument("--world", choices=["core", "wide", "both"], default="core")
    ap.add_argument("--size", nargs="*", default=[], metavar="FIELD=N", help="sizes of model.Config other than its defaults: vocab_size=8192 hidden_size=192")
    ap.add_argument("--packs", type=int, default=8, help="packs a step")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--producers", type=int, default=1, help="processes that make packs; one makes some 100,000 tokens a second, a GPU wants more")
    ap.add_argument("--often", type=float, nargs=3, default=G.OFTEN, metavar=("LOW", "MEDIUM", "HIGH"), help="how often the core world's packs ask for each effort")
    ap.add_argument("--same", type=float, default=SAME, help="share of the core world's other packs that come as a policy and the same said otherwise")
    ap.add_argument("--rate", type=float, default=2e-3)
    ap.add_argument("--decay-from", type=float, default=0.4, help="share of the minutes after which the rate falls")
    ap.add_argument("--checkpoint-minutes", type=float, default=5)
    ap.add_argument("--start", type=Path, help="a published folder whose weights to begin with, where there is no checkpoint")
    ap.add_argument("--begin", type=float, default=0, help="minutes that the weights of --start have behind them: where the schedule goes on")
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    a = ap.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)
    cfg = Config(**{field: int(n) for field, n in (s.split("=") for s in a.size)})
    torch.manual_seed(a.seed)
    clock = time.process_time if a.device == "cpu" else time.time  # a shared core's time is not the run's
    quick, widest = a.device == "cpu", "wide" if a.world == "both" else a.world
    tok_path, ckpt_path = a.work / "tokenizer.json", a.work / "checkpoint.pt"
    if not tok_path.exists():
        train_tokenizer(cfg.vocab_size, world=widest).save(str(tok_path))
    harmony = Harmony(Tokenizer.from_file(str(tok_path)))
    know(harmony)
    model = Pebble(cfg).to(a.device)
    adam = torch.optim.AdamW(model.parameters(), lr=a.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    state = {"seconds": 0.0, "step": 0, "tokens": 0, "targets": 0}
    if ckpt_path.exists():
        saved = torch.load(ckpt_path, map_location=a.device, weights_only=False)
        model.load_state_dict(saved["model"])
        adam.load_state_dict(saved["adam"])
        state = saved["state"]
    elif a.start:
        transplant(model, harmony.tok, load_published(a.start), Tokenizer.from_file(str(a.start / "tokenizer.json")))
        state["seconds"] = a.begin * 60
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f}M parameters, vocabulary {harmony.tok.get_vocab_size()}, {state}", flush=True)

    def items(seed, held, world=widest):
        rng = random.Random(seed)
        out = []
        for _ in range(24):
            p = G.maker(world)(rng, held=held)
            out.append(encode(G.pack(p, G.pick_cases(p, rng, 4, held), rng, "low"), harmony))
        return out

    drill, rng = Drill(harmony), random.Random(50_003)
    checks = {"drill": [drill.item(rng) for _ in range(24)], "seen": items(50_001, False), "held": items(50_002, True)}
    if a.world == "both":
        checks["held, core"] = items(50_002, True, "core")
    share = mp.Value("d", state["seconds"] / (a.minutes * 60))
    queue = mp.Queue(maxsize=24)
    workers = [mp.Process(target=produce, args=(queue, str(tok_path), a.seed * 1000 + state["step"] + 10_000_000 * k, a.packs, share, a.world, a.often, a.same), daemon=True) for k in range(a.producers)]
    for worker in workers:
        worker.start()
    budget, begin, base, last = a.minutes * 60, clock(), state["seconds"], clock()
    recent, recent_tokens, recent_time = [], 0, clock()
    while state["seconds"] < budget:
        batch = to_device(collate(queue.get(timeout=120)), a.device)  # a dead worker must not hang the run
        progress = share.value = state["seconds"] / budget
        factor = min(1, (state["step"] + 1) / 60) * min(1.0, max(0.02, (1 - progress) / (1 - a.decay_from)))
        adam.param_groups[0]["lr"] = a.rate * factor
        model.quantise(progress >= QUANTISED_FROM)
        if quick:
            more = fast.padded(batch)
            h, balance = fast.forward(model, more)
            loss, each = fast.ReplyLoss.apply(h[more["rows"]], model.lm_head.weight, more["targets"], more["weights"])
            each = each[: len(batch["rows"])]
        else:
            h, balance = model(batch)
            each = F.cross_entropy(model.lm_head(h[batch["rows"]]), batch["targets"], reduction="none")
            loss = (each * batch["weights"]).sum() / batch["weights"].sum()
        (loss + 0.003 * balance).backward()
        loss = each.detach().mean()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        adam.zero_grad(set_to_none=True)
        state["step"] += 1
        state["tokens"] += batch["tokens"].numel()
        state["targets"] += batch["targets"].numel()
        state["seconds"] = base + clock() - begin
        recent.append(float(loss))
        recent_tokens += batch["tokens"].numel()
        if state["step"] % 25 == 0:
            now = clock()
            print(f"step {state['step']} min {state['seconds'] / 60:.1f} loss {sum(recent) / len(recent):.4f} rate {factor:.2f} tok/s {recent_tokens / (now - recent_time):.0f} tokens {state['tokens'] / 1e6:.2f}M balance {float(balance.detach()) / len(model.layers):.2f}", flush=True)
            recent, recent_tokens, recent_time = [], 0, now
        if clock() - last > a.checkpoint_minutes * 60 or state["seconds"] >= budget:
            last = clock()
            model.quantise(True)
            figures = {k: exactness(model, v, a.device) for k, v in checks.items()}
            print("  whole replies " + ", ".join(f"{k} {e:.3f} (loss {l:.4f})" for k, (e, l) in figures.items()), flush=True)
            torch.save({"config": asdict(cfg), "model": model.state_dict(), "adam": adam.state_dict(), "state": state}, ckpt_path.with_suffix(".new"))
            ckpt_path.with_suffix(".new").replace(ckpt_path)
    for worker in workers:
        worker.terminate()


if __name__ == "__main__":
    main()
