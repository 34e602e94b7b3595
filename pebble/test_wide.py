"""The wide world keeps its promises. Plain Python: python3 -m unittest discover -s pebble"""

import hashlib
import json
import os
import random
import re
import subprocess
import sys
import unittest
from collections import Counter
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import conflicts as X
import edits as E
import generate as G
import paraphrases
import review as R
import shapes as S
import wide
import wide_words
import world as W
from cases import Case, ASK, NEUTRAL, OFFER, PREFACE, VENUE
from policy import Clause, canonical
from sections import SECTIONS
from speech import PRECEDENCE, SPEECH
from wording import Voice, bare, cue_of, forms, plain

LANGS = W.WIDE.langs
NAMED = [t for t, d in W.TOPICS.items() if d["group"] != "other"]
EMPTY_SLOT = r"[\[\]{}<>|~]"


def voice(lang, seed=0, held=False):
    return Voice(random.Random(seed), lang, held, W.WIDE)


def templates(lang):
    """(where, template) of everything that a case is written from."""
    for name, act in W.ACTS.items():
        for key in ("clause", "post", "game", "message", "held", "held_message"):
            yield from ((f"act {name} {key}", t) for t in act.get(key, {}).get(lang, []))
    for name, flag in W.FLAGS.items():
        yield from ((f"flag {name}", t) for t in flag["post"][lang] + flag["held"][lang])
    for name, topic in W.TOPICS.items():
        if topic["kind"] == "message":
            yield from ((f"topic {name}", t) for t in topic[lang][2])
    yield from ((f"filler {t}", t) for t in W.FILLER[lang] + W.FILLER["held"][lang] + ASK[lang] + NEUTRAL[lang] + PREFACE[lang] + VENUE[lang] + OFFER[lang])


def stream(n, seed=3):
    return list(islice(wide.training_packs(seed), n))


class Vocabulary(unittest.TestCase):
    def test_it_is_as_large_as_promised(self):
        self.assertGreaterEqual(len(NAMED), 60)
        self.assertEqual(LANGS, ("en", "zh", "es", "ar"))

    def test_each_language_is_complete(self):
        for lang in LANGS:
            for key, topic in W.TOPICS.items():
                name, policy, words = topic[lang]
                self.assertTrue(name)
                self.assertTrue(topic["group"] == "other" or len(policy) >= 2, (key, lang))
                self.assertGreaterEqual(len(words if topic["kind"] == "message" else words.split("|")), 2 if topic["kind"] == "message" else 6, (key, lang))
            for key, act in W.ACTS.items():
                self.assertTrue(act[lang] and len(act["clause"][lang]) >= 2 and act["np"][lang], (key, lang))
                for kind in ("post", "game", "message", "held", "held_message"):
                    self.assertEqual(bool(act.get(kind)), bool(act.get(kind, {}).get(lang)), (key, lang, kind))
            for key, flag in W.FLAGS.items():
                self.assertTrue(flag[lang][0] and len(flag[lang][1]) >= 3 and flag["post"][lang] and flag["held"][lang], (key, lang))
            for group in W.GROUPS.values():
                self.assertTrue(group[lang][0])
            for pair in W.PAIRS.values():
                self.assertTrue(pair[lang])
            self.assertEqual(set(W.SLOTS[lang]), set(W.SLOTS["en"]))
            self.assertEqual(set(SECTIONS[lang]), set(SECTIONS["en"]))
            self.assertEqual(set(X.WORDS[lang]), set(X.WORDS["en"]))
            self.assertEqual(set(PRECEDENCE[lang]), set(PRECEDENCE["en"]))
            self.assertTrue(all(len(W.CONDITION[lang][k]) >= 3 for k in ("unless", "only")))
            self.assertTrue(W.LABELS[lang] and W.LABELS["held"][lang] and wide_words.SCALES[lang] and wide_words.WORDS[lang] and lang in SPEECH)

    def test_every_template_expands_to_plain_text_with_its_cue(self):
        for lang in LANGS:
            v = voice(lang)
            for where, t in templates(lang):
                said = v.say(t, x="X", m="M")
                self.assertNotRegex(plain(said), EMPTY_SLOT, f"{where}: {t}")
                if where.startswith(("act", "flag", "topic")) and "direct" not in where and "clause" not in where:
                    cue = cue_of(said, lang)
                    self.assertTrue(cue, f"{where} has no cue: {t}")
                    self.assertIn(cue, plain(said))

    def test_every_bracket_closes(self):
        for lang in LANGS:
            for where, t in templates(lang):
                for a, b in ("[]", "<>", "{}", "“”", "«»"):
                    self.assertEqual(t.count(a), t.count(b), f"{where}: {t}")
                self.assertNotRegex(re.sub(r"\[[^\[\]]*\]", "", re.sub(r"\[[^\[\]]*\]", "", t)), r"\|", f"{where}: {t}")

    def test_a_word_means_one_topic(self):
        for lang in LANGS:
            owner, names = {}, {}
            for key in NAMED + ["lookalikes", "othergoods"]:
                topic = W.TOPICS[key]
                for word in [] if topic["kind"] == "message" else topic[lang][2].split("|"):
                    self.assertEqual(owner.setdefault(bare(word).lower(), key), key, word)
                for name in topic[lang][1] if topic["group"] != "other" else []:
                    self.assertEqual(names.setdefault(name.lower(), key), key, name)
            for group, said in W.GROUPS.items():
                for name in said[lang][1]:
                    self.assertEqual(names.setdefault(name.lower(), "@" + group), "@" + group, f"{lang}: {name}")
            for table in (NAMED, W.ACTS, W.FLAGS):
                said = Counter((W.TOPICS if table is NAMED else table)[k][lang][0] if table is not W.ACTS else W.ACTS[k][lang] for k in table)
                self.assertFalse([n for n, count in said.items() if count > 1])

    def test_sentences_of_one_topic_are_never_those_of_another(self):
        for lang in LANGS:
            owner, v = {}, voice(lang)
            for key in [k for k, d in W.TOPICS.items() if d["kind"] == "message"]:
                for t in W.TOPICS[key][lang][2]:
                    for _ in range(12):
                        self.assertEqual(owner.setdefault(plain(v.say(t)), key), key)

    def test_held_out_wordings_are_not_in_training(self):
        def said(templates, lang, n=150):
            v = voice(lang, 1)
            return {plain(v.say(v.rng.choice(templates), x="X", m="M")).lower().strip(" .!。！؟?") for _ in range(n)} if templates else set()

        for lang in LANGS:
            for table, more in ((W.ACTS, paraphrases.ACTS), (W.FLAGS, {k: {"post": f} for k, f in paraphrases.FLAGS.items()})):
                for name, entry in table.items():
                    held = entry.get("held", {}).get(lang, []) + entry.get("held_message", {}).get(lang, [])
                    used = [t for key in ("post", "game", "message") for t in entry.get(key, {}).get(lang, []) + more.get(name, {}).get(key, {}).get(lang, [])]
                    self.assertFalse(said(held, lang) & said(used, lang, 700), (name, lang))
            self.assertFalse(said(W.FILLER["held"][lang], lang) & said(W.FILLER[lang] + paraphrases.FILLER.get(lang, []), lang, 1500))


class Grammar(unittest.TestCase):
    def test_arabic_articles(self):
        self.assertEqual(forms("~سيجار ~كوبي"), {"x": "سيجار كوبي", "the": "السيجار الكوبي", "lex": "للسيجار الكوبي", "bex": "بالسيجار الكوبي"})
        self.assertEqual(forms("زيت ~قنب"), {"x": "زيت قنب", "the": "زيت القنب", "lex": "لزيت القنب", "bex": "بزيت القنب"})
        self.assertEqual(forms("~ليزر ~حفلات")["lex"], "لليزر الحفلات")
        self.assertEqual(forms("التبغ")["lex"], "للتبغ")

    def test_spanish_contractions(self):
        self.assertEqual(voice("es").say("Voy a {p} y vengo de {p}. De él, a él.", p="el puerto"), "Voy al puerto y vengo del puerto. De él, a él.")

    def test_texts_hold_no_broken_joints(self):
        broken = {"ar": r"(^|\s)(لال|ل ال|ب ال)|~|الال", "es": r"(?i)\b(de|a) el\s(?!señor)|~", "en": r"\ba a\b|~", "zh": r"。。|，，|~"}
        for lang in LANGS:
            rng = random.Random(7)
            for _ in range(60):
                p = S.make(rng, lang)
                self.assertNotRegex(p.text, EMPTY_SLOT.replace("{}", "") if p.contract["output"] != "json" else "~")
                self.assertNotRegex(p.text, broken[lang])
                for c in G.pick_cases(p, rng, 4):
                    self.assertNotRegex(c.text, broken[c.lang], c.text)
                    self.assertNotRegex(c.text, EMPTY_SLOT, c.text)

    def test_spanish_questions_open_and_close(self):
        for where, t in templates("es"):
            said = plain(voice("es").say(t, x="X", m="M"))
            self.assertEqual(said.count("¿"), said.count("?"), f"{where}: {said}")


class Verdicts(unittest.TestCase):
    def small(self, clauses, **more):
        return S.Wide("en", clauses, {"output": "label", "violates": "V", "safe": "S", "rule": True}, world=W.WIDE, **more)

    def test_a_made_up_word_stands_for_its_topics(self):
        c = Clause("A1", "violates", ("drones", "lasers"), ("sale",), word="Brask")
        self.assertEqual(canonical(c, "en", {"sale", "drones"}), "sale* of Brask = drones* or laser pointers")
        case = Case("en", [("drones", ("sale",))])
        self.assertTrue(R.applies(c, case))

    def test_a_denial_is_no_sale(self):
        p = self.small([Clause("A1", "violates", ("drones",), ("sale",)), Clause("A2", "safe", (), ("history",))])
        self.assertEqual(R.verdict(p, Case("en", [("drones", ("denial",))])), "safe")
        self.assertEqual(R.verdict(p, Case("en", [("drones", ("sale",))])), "violates")

    def test_of_two_policies_one_violation_is_enough(self):
        one = self.small([Clause("A1", "violates", ("drones",), ("sale",)), Clause("A2", "safe", ("drones",), ("news",))], subject="drones")
        two = self.small([Clause("B1", "violates", ("threats",), ("direct",)), Clause("B2", "safe", ("threats",), ("quoting",))], subject="threats")
        p = S.both(one, two)
        for case, rule in ((Case("en", [("drones", ("news",)), ("threats", ("direct",))]), "B1"), (Case("en", [("drones", ("sale",))]), "A1"), (Case("en", [("threats", ("quoting",))]), "B2"), (Case("en", [("fur", ("sale",))]), None)):
            c, _ = R.decide(p, case)
            self.assertEqual(c and c.id, rule)
        self.assertIsNone(S.both(one, one))

    def test_a_scale_has_the_policys_own_names(self):
        p = S.Wide("en", [Clause("a", "SP2", ("drones",), ("sale",)), Clause("b", "SP0", (), ("news",))], {"output": "severity", "rule": False}, world=W.WIDE, scale=dict(SP0="L0", SP2="L1", SP3="L2", SP4="L3"))
        self.assertEqual(R.answer(p, Case("en", [("drones", ("sale",))], cues={0: None}))[0], "L1")
        self.assertEqual(R.answer(p, Case("en", [("drones", ("joke",))], cues={0: None}))[0], "L0")

    def test_an_edit_that_changes_nothing_changes_no_verdict(self):
        rng = random.Random(21)
        for k in range(60):
            _, p, q, cases = wide.same(rng, lang=LANGS[k % 4], held=k % 2 == 0)
            self.assertNotEqual(p.text, q.text)
            self.assertEqual([R.verdict(p, c) for c in cases], [R.verdict(q, c) for c in cases])

    def test_an_edit_that_changes_a_clause_often_changes_the_verdict(self):
        rng = random.Random(22)
        for kind in ("toggle", "exception", "precedence", "aim"):
            moved = n = 0
            for k in range(24):
                _, p, q, cases = wide.twins(rng, [kind], lang=LANGS[k % 4])
                self.assertNotEqual(p.text, q.text)
                moved += sum(R.verdict(p, c) != R.verdict(q, c) for c in cases)
                n += len(cases)
            self.assertGreater(moved / n, 0.2, kind)


class Conflicts(unittest.TestCase):
    def found(self, a, b, **more):
        p = S.Wide("en", [a, b], {}, world=W.WIDE, stated=False, **more)
        return X.contradict(p, a, b)

    def test_what_contradicts(self):
        sale = Clause("A1", "violates", ("drones",), ("sale",))
        self.assertTrue(self.found(sale, Clause("A2", "safe", ("drones",), ("sale", "news"))))
        self.assertTrue(self.found(sale, Clause("A2", "safe", ("@gadgets",), ("sale",))))
        self.assertTrue(self.found(sale, Clause("A2", "safe", (), ("sale",), ("only", "link"))))
        self.assertFalse(self.found(sale, Clause("A2", "safe", ("drones",), ("news",))))
        self.assertFalse(self.found(sale, Clause("A2", "safe", ("fur",), ("sale",))))
        self.assertFalse(self.found(sale, Clause("A2", "violates", ("drones",), ("sale",))))
        one, two = Clause("A1", "violates", ("drones",), ("sale",), ("unless", "link")), Clause("A2", "safe", ("drones",), ("sale",), ("only", "link"))
        self.assertFalse(self.found(one, two))
        self.assertFalse(self.found(sale, Clause("A2", "safe", ("drones",), ("sale",)), over=(("A2", "A1"),)))
        p = S.Wide("en", [sale, Clause("A2", "safe", ("drones",), ("sale",))], {}, world=W.WIDE, stated=True)
        self.assertFalse(X.conflicts(p))

    def test_answers_name_the_policys_ids(self):
        rng, yes, n = random.Random(31), 0, 0
        for k in range(80):
            p, planted = X.subject(rng, LANGS[k % 4], held=k % 3 == 0)
            ids = {c.id for c in p.clauses}
            self.assertTrue(set(planted) <= ids)
            for _, trace, final in X.questions(p, planted, rng):
                pairs = json.loads(final)["conflicts"]
                self.assertTrue({i for pair in pairs for i in pair} <= ids)
                self.assertTrue(all(f"{a} " in trace and f"{b} " in trace for a, b in pairs))
                yes, n = yes + bool(pairs), n + 1
        self.assertTrue(0.15 < yes / n < 0.6, yes / n)


class Stream(unittest.TestCase):
    def test_the_core_stream_is_as_it_was(self):
        said = hashlib.sha256()
        for p in islice(G.training_packs(3), 24):
            said.update(json.dumps(p, ensure_ascii=False).encode())
        self.assertEqual(said.hexdigest(), CORE_STREAM)

    def test_a_seed_gives_the_same_in_every_process(self):
        said = [
            subprocess.run([sys.executable, str(Path(G.__file__)), "sample", "--world", "wide", "--seed", str(seed)], env=os.environ | {"PYTHONHASHSEED": h}, capture_output=True, check=True).stdout
            for seed in range(3) for h in ("1", "2")
        ]
        self.assertEqual(said[::2], said[1::2])
        self.assertEqual(len(set(said)), 3)

    def test_policies_come_in_all_shapes_and_within_their_length(self):
        rng, seen = random.Random(41), Counter()
        for _ in range(500):
            p = S.make(rng)
            self.assertTrue(S.fits(p.text))
            for c in p.clauses:
                self.assertIn(c.id.strip("“”«»"), p.text)
                self.assertIn(c.text, p.text)
            k = p.contract
            seen.update([p.lang, p.form, f"style {p.style}", k["output"], "two" if p.parts else "one", *(f"json {key}" for key in ("rule_ids", "rationale") if k["output"] == "json" and k[key])])
            seen.update(["renamed"] * bool(p.renamed) + ["examples"] * bool(p.examples) + ["own scale"] * (p.scale.get("SP2", "SP2") != "SP2") + ["over"] * bool(p.over))
        wanted = [*LANGS, "plain", "bare", "four", *(f"style {k}" for k in range(13) if k != S.HELD_STYLE), "binary", "label", "json", "severity", "two", "json rule_ids", "json rationale", "renamed", "examples", "own scale", "over"]
        self.assertFalse([w for w in wanted if seen[w] < 2], seen)

    def test_traces_cite_only_clauses_of_the_policy_and_quote_only_the_text(self):
        rng = random.Random(43)
        for k in range(100):
            p = S.make(rng, LANGS[k % 4], held=k % 3 == 0)
            names = sorted((c.id for c in p.clauses), key=len, reverse=True)
            heads = [s.split("{")[0] for s in (SPEECH[p.lang].count, SPEECH[p.lang].shows, SPEECH[p.lang].over, SPEECH[p.lang].highest, SPEECH[p.lang].decides, SPEECH[p.lang].together, SPEECH[p.lang].together_safe, SPEECH[p.lang].none)]
            heads += list(SPEECH[p.lang].first.values()) + [q.title for q in p.parts]
            for c in G.pick_cases(p, rng, 3, p.held):
                for effort in ("low", "medium", "high"):
                    said = R.trace(p, c, effort)
                    for line in said.split("\n"):
                        self.assertTrue(line.startswith(tuple(heads)) or any(line.startswith(i + " ") for i in names), line)
                    final, _, rules = R.answer(p, c)
                    self.assertTrue(set(rules) <= set(names) and final)
                    self.assertEqual(p.style == S.UNNUMBERED and not p.parts and bool(re.search("“|«", final)), False)
                shown = next(line for line in said.split("\n") if line.startswith(heads[1]))
                for cue in re.findall("“([^”]*)”|«([^»]*)»", shown):
                    self.assertIn("".join(cue).lower(), c.text.lower())
                self.assertLess(len(R.trace(p, c, "low")), len(said))

    def test_every_contract_is_obeyed(self):
        rng = random.Random(44)
        for k in range(150):
            p = S.make(rng, LANGS[k % 4], held=k % 5 == 0)
            _, labels = G.contract_json(p)
            c = G.pick_cases(p, rng, 1, p.held)[0]
            final, label, rules = R.answer(p, c)
            self.assertEqual(labels[label], R.verdict(p, c))
            if p.contract["output"] == "json":
                read = json.loads(final)
                self.assertEqual(str(read["violation"]), label)
                self.assertEqual("rationale" in read, p.contract["rationale"])
                self.assertEqual(p.text.count('"rationale"') > 0, p.contract["rationale"])
            else:
                self.assertEqual(final.split(" ")[0], label)
                self.assertTrue(p.contract["output"] == "binary" or label in p.text)

    def test_held_out_ids_labels_and_scales_are_not_in_training(self):
        held = {label for lang in LANGS for pair in W.LABELS["held"][lang] for label in pair} | {"T0", "T1", "T2", "T3"}
        rng = random.Random(45)
        for _ in range(600):
            p = S.make(rng)
            said = {p.contract.get("violates"), p.contract.get("safe"), *p.scale.values()}
            self.assertFalse(held & said)
            self.assertFalse([c.id for c in p.clauses if re.fullmatch(r"[A-Z]-[1-9]", c.id)], p.style)

    def test_both_verdicts_are_common_in_every_language(self):
        for lang in LANGS:
            rng, bad, n = random.Random(46), 0, 0
            for _ in range(40):
                p = S.make(rng, lang)
                cases = G.pick_cases(p, rng, 8)
                bad += sum(R.verdict(p, c) == "violates" for c in cases)
                n += len(cases)
            self.assertTrue(0.3 < bad / n < 0.6, (lang, bad / n))

    def test_cases_come_in_all_kinds(self):
        rng, seen = random.Random(47), Counter()
        for _ in range(150):
            p = S.make(rng)
            for c in G.pick_cases(p, rng, 6):
                seen.update([c.kind, "several" if len(c.statements) > 1 else "single", "other language" if c.lang != p.lang else "same language", *c.flags])
                seen.update(t for t, _ in c.statements)
                seen.update(a for _, acts in c.statements for a in acts)
        wanted = ["user_input", "model_output", "conversation", "several", "other language", *W.FLAGS, *W.ACTS, "lookalikes", "lookalikemessages"]
        self.assertFalse([w for w in wanted if seen[w] < 2])
        self.assertGreater(sum(seen[t] > 0 for t in NAMED), 0.9 * len(NAMED))

    def test_the_evaluation_is_balanced_and_apart_from_training(self):
        trained = {(c[0], p["policy"]) for p in stream(120) for c in p["cases"]}
        for name, rows in (("heldout", wide.heldout(policies=8)), ("counterfactual", wide.counterfactual(pairs=4)), ("same", wide.no_ops(pairs=4))):
            self.assertEqual({r["lang"] for r in rows}, set(LANGS))
            self.assertTrue(0.25 < sum(r["expected"] == "violates" for r in rows) / len(rows) < 0.7, name)
            self.assertFalse({(r["content"], r["policy"]) for r in rows} & trained)
        rows = wide.conflict_rows(policies=16)
        self.assertTrue(0.2 < sum(json.loads(r["final"])["conflicts"] != [] for r in rows) / len(rows) < 0.6)


CORE_STREAM = "f82d631427dbd03a329536722fce460252bc2513add29ab359c35c124637ade9"

if __name__ == "__main__":
    unittest.main()
