"""The generator keeps its promises. Plain Python: python3 -m unittest discover -s pebble"""

import os
import random
import re
import subprocess
import sys
import unittest
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import cases as C
import generate as G
import paraphrases
import policy as P
import review as R
import world as W
from wording import Voice, cue_of, plain


def small_policy(**more):
    clauses = [
        P.Clause("T1", "violates", ("tobacco",), ("sale",)),
        P.Clause("T4", "safe", (), ("history",), ("unless", "contact")),
    ]
    return P.Policy("en", clauses, {"output": "label", "violates": "VIOLATES", "safe": "SAFE", "rule": True}, **more)


def case(*acts, flags=(), topic="tobacco"):
    return C.Case("en", [(topic, acts)], flags)


class World(unittest.TestCase):
    def test_every_template_expands_to_plain_text_with_its_cue(self):
        rng = random.Random(0)
        for lang in ("en", "zh"):
            v = Voice(rng, lang, False)
            for name, act in W.ACTS.items():
                for key in ("post", "game", "message"):
                    for t in act.get(key, {}).get(lang, []):
                        said = v.say(t, x="X", m="M")
                        self.assertNotRegex(plain(said), r"[\[\]{}<>|]", f"{name}: {t}")
                        if name != "direct":
                            self.assertTrue(cue_of(said, lang), f"{name} has no cue: {t}")

    def test_held_out_wordings_are_not_in_training(self):
        def said(templates, lang, n=400):
            v = Voice(random.Random(1), lang, False)
            return {plain(v.say(v.rng.choice(templates), x="X", m="M")).lower().strip(" .!。！") for _ in range(n)} if templates else set()

        entries = [(name, act, paraphrases.ACTS.get(name, {})) for name, act in W.ACTS.items()]
        entries += [(name, flag, {"post": paraphrases.FLAGS.get(name, {})}) for name, flag in W.FLAGS.items()]
        for name, entry, more in entries:
            for lang in W.CORE.langs:
                held = entry.get("held", {}).get(lang, [])
                used = [t for key in ("post", "message") for t in entry.get(key, {}).get(lang, []) + more.get(key, {}).get(lang, [])]
                self.assertFalse(said(held, lang) & said(used, lang, 4000), name)
        for lang in ("en", "zh"):
            self.assertFalse(said(W.FILLER["held"][lang], lang) & said(W.FILLER[lang] + paraphrases.FILLER[lang], lang, 4000))

    def test_held_out_ids_and_labels_are_not_in_training(self):
        rng = random.Random(3)
        labels = {label for lang in ("en", "zh") for pair in W.LABELS["held"][lang] for label in pair}
        for _ in range(3000):
            p = P.make_policy(rng)
            self.assertFalse(labels & {p.contract.get("violates"), p.contract.get("safe")})
            self.assertFalse([c.id for c in p.clauses if re.fullmatch(r"[A-Z]-[1-9]", c.id)], p.style)


class Seeds(unittest.TestCase):
    def test_a_seed_gives_the_same_in_every_process(self):
        said = [
            subprocess.run([sys.executable, str(Path(G.__file__)), "sample", "--seed", str(seed)], env=os.environ | {"PYTHONHASHSEED": h}, capture_output=True, check=True).stdout
            for seed in range(4) for h in ("1", "2")
        ]
        self.assertEqual(said[::2], said[1::2])


class Verdicts(unittest.TestCase):
    def check(self, policy, case, verdict, rule):
        got, _ = R.decide(policy, case)
        self.assertEqual((R.verdict(policy, case), got and got.id), (verdict, rule))

    def test_a_clause_decides_and_its_condition_counts(self):
        p = small_policy()
        self.check(p, case("sale"), "violates", "T1")
        self.check(p, case("history"), "safe", "T4")
        self.check(p, case("history", flags=("contact",)), "safe", None)
        self.check(p, case("sale", topic="alcohol"), "safe", None)

    def test_precedence_by_side_and_by_pair(self):
        both = case("sale", "history")
        self.check(small_policy(precedence="violates"), both, "violates", "T1")
        self.check(small_policy(precedence="safe"), both, "safe", "T4")
        self.check(small_policy(precedence="safe", over=(("T1", "T4"),)), both, "violates", "T1")

    def test_the_highest_level_wins(self):
        p = small_policy()
        p.clauses = [P.Clause("a", "SP2", ("tobacco",), ("sale",)), P.Clause("b", "SP4", ("tobacco",), ("promotion",))]
        self.check(p, case("sale", "promotion"), "violates", "b")


class Packs(unittest.TestCase):
    def test_the_same_seed_gives_the_same_packs(self):
        self.assertEqual(list(islice(G.training_packs(3), 6)), list(islice(G.training_packs(3), 6)))

    def test_traces_cite_only_clauses_of_the_policy_and_quote_only_the_text(self):
        rng = random.Random(5)
        for _ in range(60):
            p = P.make_policy(rng, held=rng.random() < 0.5)
            for c in G.pick_cases(p, rng, 6, p.held):
                steps = R.trace(p, c, "high")
                final, _, rules = R.answer(p, c)
                self.assertTrue(set(rules) <= {k.id for k in p.clauses})
                for k in p.clauses:
                    self.assertIn(f"{k.id} ", steps)
                    self.assertIn(k.id, p.text)
                for cue in re.findall("“([^”]*)”", steps):
                    self.assertIn(cue.lower(), c.text.lower())
                self.assertTrue(final)

    def test_twins_differ_in_the_policy_and_often_in_the_verdict(self):
        rng, moved, n = random.Random(8), 0, 0
        for _ in range(25):
            p, q, cases = G.twins(rng)
            self.assertNotEqual(p.text, q.text)
            moved += sum(R.verdict(p, c) != R.verdict(q, c) for c in cases)
            n += len(cases)
        self.assertGreater(moved / n, 0.2)

    def test_both_verdicts_are_common(self):
        rng, bad, n = random.Random(9), 0, 0
        for _ in range(40):
            p = P.make_policy(rng)
            cases = G.pick_cases(p, rng, 10)
            bad += sum(R.verdict(p, c) == "violates" for c in cases)
            n += len(cases)
        self.assertTrue(0.3 < bad / n < 0.6, bad / n)


if __name__ == "__main__":
    unittest.main()
