"""Exercises without meaning, for the first minutes of training.

A policy whose clauses are random tokens, cases that hold some of them, and the
same walk as in a real trace. Nothing here can be guessed from word statistics, so
the model must learn to look: at the next clause, at its heading, at the facts.
Owns no wording; everything is drawn from the vocabulary.
"""

from generate import SYSTEM

EFFORTS = ("low", "medium", "high")


class Drill:
    def __init__(self, harmony):
        self.h = harmony
        control = set(harmony.id.values())
        words = [i for t, i in harmony.tok.get_vocab().items() if i not in control and not t.startswith("<|reserved")]
        self.words = sorted(words)
        self.t = {k: harmony.text(v) for k, v in {
            "shows": "Shows", "comma": ",", "stop": ".", "line": "\n", "no": ": no.", "violates": ": applies, violates.", "safe": ": applies, safe.",
            "dv": " decides: violates.", "ds": " decides: safe.", "none": "\nNo clause applies: safe.", "pv": "\nPrecedence: violations first.", "ps": "\nPrecedence: safe first.",
            "hv": "\n## Violates\n", "hs": "\n## Safe\n", "first_v": "\nViolations take precedence.", "first_s": "\nSafe rules take precedence.",
        }.items()}

    def item(self, rng, cases=4):
        """(prefix ids, cases) in the form of train.encode."""
        t, h = self.t, self.h
        n = rng.choice([2, 3, 3, 4, 4, 5, 6])
        words = rng.sample(self.words, 3 * n + 16)
        letter, numbers, dot = self.h.text(rng.choice("ABCDEFGHJKLMNPRSTUVW")), rng.randrange(1, 6), h.text(".")
        ids = {0: lambda k: letter + h.text(str(k + 1)), 1: lambda k: letter + h.text(str(numbers)) + dot + h.text("abcdefgh"[k]),
               2: lambda k: h.text(str(numbers)) + dot + h.text(str(k + 1)), 3: lambda k: [words[3 * n + k]]}[rng.choice([0, 1, 2, 3])]
        bullet, tail = rng.choice([([], h.text(" ")), (h.text("-") + h.text(" "), h.text(": ")), (h.text("- **"), h.text("** "))]), rng.choice([h.text(".\n"), t["line"]])
        topics = [words[2 * k: 2 * k + rng.choice([1, 1, 2])] for k in range(n)]
        levels = [rng.random() < 0.6 for _ in range(n)]
        grouped = sorted(range(n), key=lambda k: not levels[k])
        levels = [levels[k] for k in grouped]
        safe_first = rng.random() < 0.4
        body, last = [], None
        for k in range(n):
            if levels[k] != last:
                body += t["hv"] if levels[k] else t["hs"]
            last = levels[k]
            body += bullet[0] + ids(k) + bullet[1] + topics[k] + tail
        body += t["first_s"] if safe_first else t["first_v"]
        head = h.open["system"] + h.text(SYSTEM.format(effort=rng.choice(EFFORTS))) + [h.id["<|end|>"]] + h.open["developer"] + h.text("# Instructions\n\n") + body + [h.id["<|end|>"]]
        return head, [self.case(rng, words, n, ids, topics, levels, safe_first) for _ in range(cases)]

    def case(self, rng, words, n, ids, topics, levels, safe_first):
        t, h = self.t, self.h
        hit = set(rng.sample(range(n), rng.choice([0, 1, 1, 2])))
        noise = rng.sample(words[3 * n + 8:], rng.choice([1, 2, 4, 6]))
        shown = [topics[k][0] for k in sorted(hit, key=lambda _: rng.random())] or [noise[0]]
        text = list(noise)
        for w in reversed(shown):
            text.insert(rng.randrange(len(text) + 1) if len(shown) == 1 else 0, w)
        ask = h.open["user"] + text + h.ask
        trace = t["shows"] + [x for w in shown for x in [w] + t["comma"]][:-1] + t["stop"]
        for k in range(n):
            trace += t["line"] + ids(k) + topics[k] + (t["no"] if k not in hit else t["violates"] if levels[k] else t["safe"])
        bad, good = [k for k in range(n) if k in hit and levels[k]], [k for k in range(n) if k in hit and not levels[k]]
        if bad and good:
            trace += t["ps"] if safe_first else t["pv"]
        won = (good if safe_first else bad) or bad or good
        verdict = bool(won) and levels[won[0]]
        trace += t["line"] + ids(won[0]) + t["dv" if verdict else "ds"] if won else t["none"]
        reply = h.analysis + trace + h.final + h.text("1" if verdict else "0") + [h.stop]
        return ask + reply[:-1], len(ask) - 1, reply
