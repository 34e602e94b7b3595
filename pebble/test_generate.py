"""The generator keeps its promises. Plain Python: python3 -m unittest discover -s pebble"""

import random
import re
import sys
import unittest
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import generate as G
import world as W


def small_policy(**more):
    clauses = [
        G.Clause("T1", "violates", ("tobacco",), ("sale",)),
        G.Clause("T4", "safe", (), ("history",), ("unless", "contact")),
    ]
    return G.Policy("en", clauses, {"output": "label", "violates": "VIOLATES", "safe": "SAFE", "rule": True}, **more)


def case(*acts, flags=(), topic="tobacco"):
    return G.Case("en", [(topic, acts)], flags)


class World(unittest.TestCase):
    def test_every_template_expands_to_plain_text_with_its_cue(self):
        rng = random.Random(0)
        for lang in ("en", "zh"):
            v = G.Voice(rng, lang, False)
            for name, act in W.ACTS.items():
                for key in ("post", "game", "message"):
                    for t in act.get(key, {}).get(lang, []):
                        said = v.say(t, x="X", m="M")
                        self.assertNotRegex(G.plain(said), r"[\[\]{}<>|]", f"{name}: {t}")
                        if name != "direct":
                            self.assertTrue(G.cue_of(said, lang), f"{name} has no cue: {t}")

    def test_held_out_wordings_are_not_in_training(self):
        for name, act in W.ACTS.items():
            for lang, held in act.get("held", {}).items():
                used = act.get("post", {}).get(lang, []) + act.get("message", {}).get(lang, [])
                self.assertFalse(set(held) & set(used), name)


class Verdicts(unittest.TestCase):
    def check(self, policy, case, verdict, rule):
        got, _ = G.decide(policy, case)
        self.assertEqual((G.verdict(policy, case), got and got.id), (verdict, rule))

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
        p.clauses = [G.Clause("a", "SP2", ("tobacco",), ("sale",)), G.Clause("b", "SP4", ("tobacco",), ("promotion",))]
        self.check(p, case("sale", "promotion"), "violates", "b")


class Packs(unittest.TestCase):
    def test_the_same_seed_gives_the_same_packs(self):
        self.assertEqual(list(islice(G.training_packs(3), 6)), list(islice(G.training_packs(3), 6)))

    def test_traces_cite_only_clauses_of_the_policy_and_quote_only_the_text(self):
        rng = random.Random(5)
        for _ in range(60):
            p = G.make_policy(rng, held=rng.random() < 0.5)
            for c in G.pick_cases(p, rng, 6, p.held):
                steps = G.trace(p, c, "low")
                final, _, rules = G.answer(p, c)
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
            moved += sum(G.verdict(p, c) != G.verdict(q, c) for c in cases)
            n += len(cases)
        self.assertGreater(moved / n, 0.2)

    def test_both_verdicts_are_common(self):
        rng, bad, n = random.Random(9), 0, 0
        for _ in range(40):
            p = G.make_policy(rng)
            cases = G.pick_cases(p, rng, 10)
            bad += sum(G.verdict(p, c) == "violates" for c in cases)
            n += len(cases)
        self.assertTrue(0.3 < bad / n < 0.6, bad / n)


if __name__ == "__main__":
    unittest.main()
