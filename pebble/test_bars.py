"""The evaluation counts what it says it counts. Plain Python: python3 -m unittest discover -s pebble"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import bars as B



def answered(sets, reply):
    """The sets as if each row had been answered with `reply(row)`: (trace, final)."""
    for rows in sets.values():
        for r in rows:
            r["got"] = reply(r)
            r["read"] = B.read_verdict(r["got"][1], r["contract"], r["labels"])
            r["right"] = bool(r["read"]) and r["read"][0] == r["expected"]
            r["margin"] = 12.0 if r["read"] and r["read"][0] == "violates" else -12.0
    return {f.name: f for f in B.figures(sets | {"suites": []})}


def perfect(r):
    return r.get("trace", ""), r["final"]


class Table(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sets = {world: B.rows_of(world, 0.08) for world in ("core", "wide")}

    def test_a_perfect_reviewer_meets_every_bar_that_is_measured(self):
        for world, sets in self.sets.items():
            found = answered(sets, perfect)
            missed = [f.name for f in found.values() if f.n and not f.met]
            self.assertFalse(missed, world)
            measured = [f.name for f in found.values() if f.n]
            self.assertEqual("planted conflicts found" in measured, world == "wide")

    def test_the_rows_are_the_same_every_time(self):
        for world, sets in self.sets.items():
            again = B.rows_of(world, 0.08)
            plain = lambda rows: [(r["id"], r["policy"], r["content"], r["final"]) for r in rows]
            self.assertEqual({k: plain(v) for k, v in sets.items()}, {k: plain(v) for k, v in again.items()})

    def test_an_invented_clause_is_seen(self):
        def invents(r):
            trace, final = perfect(r)
            return trace + "\nZZ-99 sale of tobacco: no.", final

        found = answered(self.sets["core"], invents)["cited clauses that exist"]
        self.assertLess(found.value, 1.0)
        self.assertFalse(found.met)

    def test_one_who_always_says_safe_is_found_out(self):
        def says_safe(r):
            if r["contract"] == "conflicts":
                return "", '{"conflicts": []}'
            label = next(label for label, side in r["labels"].items() if side == "safe")
            return "", '{"violation": 0, "policy_category": null}' if r["contract"] == "json" else label

        found = answered(self.sets["wide"], says_safe)
        for name in ("held-out verdicts, low effort", "counterfactuals, all", "planted conflicts found"):
            self.assertFalse(found[name].met, name)
        self.assertTrue(found["false alarms on conflicts"].met)
        self.assertTrue(found["verdicts that change, no-op edits"].met)

    def test_the_table_says_what_was_missed_and_what_was_not_measured(self):
        said = B.markdown([B.Figure("a", 0.5, 8, 0.9), B.Figure("b", None, 0, 0.9), B.Figure("c", 0.01, 9, 0.05, most=True, plain=True)], "core", Path("x/pebble"))
        self.assertIn("| a | 50.0 % | 8 | ≥ 90 % | **missed** |", said)
        self.assertIn("| b | not measured | 0 | ≥ 90 % |  |", said)
        self.assertIn("| c | 0.010 | 9 | ≤ 0.05 | met |", said)


class Replies(unittest.TestCase):
    def test_calibration(self):
        rows = lambda margin, bad, n=100: [{"margin": margin, "expected": "violates" if k < bad else "safe"} for k in range(n)]
        self.assertAlmostEqual(B.calibration(rows(0.0, 50)).value, 0.0)
        self.assertAlmostEqual(B.calibration(rows(0.0, 80)).value, 0.3)
        self.assertAlmostEqual(B.calibration(rows(-50.0, 0) + rows(50.0, 100)).value, 0.0)
        self.assertIsNone(B.calibration([{"margin": None, "expected": "safe"}]).value)

    def test_verdicts_are_read_never_guessed(self):
        labels = {"BLOCK": "violates", "ALLOW": "safe"}
        self.assertEqual(B.read_verdict("BLOCK T1", "label", labels), ("violates", "BLOCK", ["T1"]))
        self.assertIsNone(B.read_verdict("PERHAPS", "label", labels))
        self.assertIsNone(B.read_verdict('{"violation": 2}', "json", labels))
        self.assertIsNone(B.read_verdict("[1]", "json", labels))
        self.assertEqual(B.read_verdict('{"violation": 1, "policy_category": "T1"}', "json", labels), ("violates", "1", ["T1"]))
        self.assertIsNone(B.read_verdict('{"conflicts": [["a"]]}', "conflicts", {}))

    def test_leads_are_ids_of_clauses_only(self):
        for line, want in (("T1 sale of tobacco*: no.", "T1"), ("§2.1 venta de tabaco: no.", "§2.1"), ("First policy: drones.", None), ("Precedence: violations first.", None), ("Decide B1: permitido.", None),
                           ("“Offers to” sale of fur: applies, violates.", "“Offers to”"), ("优先级：M-2优先于M-1：否。", None), ("M-2 香烟的出售：否。", "M-2"), ("القاعدة الحاسمة 6a: L0.", None), ("6a النفي: لا.", "6a")):
            self.assertEqual(B.lead(line), want, line)

    def test_an_extra_word_or_key_is_disobedient(self):
        row = {"contract": "label", "labels": {"A": "safe"}, "read": ("safe", "A", []), "got": ("", "A T1 because it is"), "final": "A T1"}
        self.assertFalse(B.obeys(row))
        row = {"contract": "json", "labels": {}, "read": ("safe", "0", []), "got": ("", '{"violation": 0, "policy_category": null, "note": 1}'), "final": '{"violation": 0, "policy_category": null}'}
        self.assertFalse(B.obeys(row))

    def test_where_an_answer_begins(self):
        self.assertEqual(B.answer_at([1, 2, 9, 8, 3], [9, 8]), 4)
        self.assertIsNone(B.answer_at([1, 2], [9, 8]))


if __name__ == "__main__":
    unittest.main()
