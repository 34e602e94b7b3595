"""Policies of the wide world: made and rendered in many shapes, in four languages.

Owns what a policy looks like: its form, ids, labels, scale, made-up words, examples, and two
policies in one prompt. Clauses and their words are policy.py's, verdicts review.py's.
"""

import random
import re
from dataclasses import dataclass, field, replace

import paraphrases
import wide_words
import world as W
from cases import make_case, render_case
from policy import FREE, SHORT, SIZES, Policy, clause_ids, first_topic, made_up_labels, make_clause, topic_name, topic_phrase, word_clause
from review import answer, verdict
from sections import SECTIONS
from speech import PRECEDENCE, SPEECH
from wording import Voice, bare

UNNUMBERED = 12  # the style of rules without ids, which are named by their first words
HELD_STYLE = 9  # K-3: an id that training never sees
FORMS = ["plain", "plain", "plain", "bare", "four"]  # four: Instruction, Definitions, Criteria, Examples
TOKENS = (80, 800)
CLAUSES = SIZES + [8, 9, 10, 11]


@dataclass
class Wide(Policy):
    seed: int = 0
    grouped: bool = True
    form: str = "plain"
    renamed: dict = field(default_factory=dict)  # made-up word -> topics
    stated: bool = True  # whether the policy says which side wins
    examples: tuple = ()  # cases
    title: str = ""  # of one of two policies


def rough_tokens(text):
    """About as many tokens as a vocabulary of 8,192 pieces, trained on this world, makes of a text
    (0.7 to 1.3 times as many): words, digits, marks, and Chinese characters in twos."""
    han = len(re.findall(r"[\u4e00-\u9fff]", text))
    return len(re.findall(r"[^\W\d_\u4e00-\u9fff]+|\d|[^\w\s]|\n+", text)) * 115 // 100 + han * 2 // 3


def fits(text):
    """Whether a policy has the length that it should have, with some room for the estimate."""
    return TOKENS[0] * 5 // 4 <= rough_tokens(text) <= TOKENS[1] * 4 // 5


def choose_topics(rng):
    """Topics of one kind, mostly of one group."""
    goods = rng.random() < 0.5
    groups = sorted({d["group"] for d in W.TOPICS.values() if (d["kind"] != "message") == goods} - {"other"})
    named = rng.sample(groups, 2 if rng.random() < 0.15 else 1)
    pool = [t for t, d in W.TOPICS.items() if d["group"] in named and (d["kind"] != "message") == goods]
    return rng.sample(pool, min(len(pool), rng.choice([1, 2, 2, 3] if goods else [2, 3, 3, 4, 5]))), goods


def made_up_word(lang, rng):
    a, b = (part.split("|") for part in wide_words.WORDS[lang])
    word = rng.choice(a) + rng.choice(b)
    return word[0].upper() + word[1:]


def labels_for(lang, rng, held, asked):
    if asked == "held":
        return rng.choice(W.LABELS["held"][lang])
    if asked == "made up" or (not held and rng.random() < 0.5):
        return made_up_labels(lang, rng)
    return rng.choice(W.LABELS[lang])


def contract_for(lang, severity, cited, rng, held, asked):
    """What the policy asks for. `cited`: whether its rules have ids to cite."""
    if severity:
        return {"output": "severity", "rule": cited and rng.random() < 0.5}
    output = "label" if asked else rng.choice(["label", "label", "label", "binary", "binary"] + ["json"] * (4 if cited else 0))
    a, b = labels_for(lang, rng, held, asked)
    return {"output": output, "violates": a, "safe": b, "rule": cited and rng.random() < 0.6, "rule_ids": rng.random() < 0.6, "rationale": rng.random() < 0.4}


def first_words(texts, lang):
    """How unnumbered rules are named: by as many first words as tell them apart; None where they can't."""
    quote = SPEECH[lang].quoted.split("{cue}")
    for n in (2, 3, 4, 5, 6):
        said = [t[:2 * n] if lang == "zh" else " ".join(t.split()[:n]) for t in texts]
        said = [t.strip(" ,.،，、（(") for t in said]
        if len(set(said)) == len(said):
            return [quote[0] + t + quote[1].split(" {")[0].split("{")[0] for t in said]
    return None


def sided(clauses, safe, rng, grouped):
    """The clauses in the order of their sections."""
    if not grouped:
        return clauses
    safe_first = rng.random() < 0.2
    order = sorted({c.level for c in clauses}, key=lambda l: ((l == safe) != safe_first, l))
    return [c for l in order for c in clauses if c.level == l]


def make_clauses(rng, topics, goods, severity, n):
    """At least three clauses, of both sides."""
    bad, safe = (["SP2", "SP3", "SP4"], "SP0") if severity else (["violates"], "safe")
    while True:
        levels, used = [rng.choice(bad) if rng.random() < 0.58 else safe for _ in range(n)], set()
        made = [c for c in (make_clause(l, goods, topics, used, rng, W.WIDE) for l in levels) if c]
        if len(made) >= 3 and len({c.violates for c in made}) == 2:
            return made


def rename(p, rng):
    """Gives topics of some clauses a made-up word that the definitions explain."""
    named = [c.topics for c in p.clauses if c.topics]
    for topics in rng.sample(named, 1) if rng.random() < 0.75 else dict.fromkeys(named):
        word = made_up_word(p.lang, rng)
        if word not in p.renamed and topics not in p.renamed.values() and len(p.renamed) < 2:
            p.renamed[word] = topics
    of = {t: w for w, t in p.renamed.items()}
    p.clauses = [replace(c, word=of.get(c.topics, "")) for c in p.clauses]


def style_for(rng, severity, scale, held):
    if severity and scale["SP2"] == "SP2" and rng.random() < 0.6:
        return 6
    if held and rng.random() < 0.5:
        return HELD_STYLE
    if rng.random() < 0.12:
        return UNNUMBERED
    return FREE if not held and rng.random() < 0.3 else rng.choice([0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 7, 8, 8, 10])


def number(p, rng, style):
    """Gives the clauses their ids; False where unnumbered rules begin alike."""
    if style == UNNUMBERED:
        ids = first_words([c.text for c in p.clauses], p.lang)
    else:
        ids = clause_ids(style, [c.level for c in p.clauses], rng)
    if not ids or len(set(ids)) < len(ids):
        return False
    new = dict(zip((c.id for c in p.clauses), ids)) if p.over else {}
    p.clauses = [replace(c, id=i) for c, i in zip(p.clauses, ids)]
    p.over = tuple((new[a], new[b]) for a, b in p.over)
    p.style = style
    return True


def one(rng, lang, held, easy, asked, contract=None, taken=()):
    """One policy, not rendered. `contract`: that of the prompt's other policy."""
    while True:
        topics, goods = choose_topics(rng)
        if set(topics) & set(taken):
            continue
        severity = rng.random() < 0.2 and not asked and not contract
        clauses = make_clauses(rng, topics, goods, severity, rng.choice(SHORT if easy or contract else CLAUSES))
        scales = wide_words.SCALES["held"] if held and rng.random() < 0.3 else wide_words.SCALES[lang]
        scale = dict(zip(("SP0", "SP2", "SP3", "SP4"), rng.choice(scales))) if severity else {}
        style = style_for(rng, severity, scale, held)
        if contract and contract["output"] == "json" and style == UNNUMBERED:
            continue
        v = Voice(rng, lang, False, W.WIDE)
        p = Wide(lang, clauses, contract or contract_for(lang, severity, style != UNNUMBERED, rng, held, asked), rng.choice(["violates", "safe"]), style=style, held=held, world=W.WIDE, scale=scale)
        p.form = rng.choice(FORMS)
        p.grouped = severity or p.form == "four" or rng.random() < 0.75
        p.clauses = sided(clauses, "SP0" if severity else "safe", rng, p.grouped)
        if rng.random() < (0.1 if easy else 0.25):
            rename(p, rng)
        p.clauses = [replace(c, text=word_clause(c, v, 0.7 if easy else 0.06)) for c in p.clauses]
        if not number(p, rng, style):
            continue
        p.stated = p.precedence == "safe" or rng.random() < 0.75
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            p.over = with_order(p, rng)
        p.subject = topic_phrase(tuple(topics[:2]), v)
        p.seed = rng.getrandbits(32)
        return p


def with_order(p, rng):
    """The pairs of rules whose order the policy states, with one more; mostly against the default."""
    a, b = rng.choice([c for c in p.clauses if c.violates]), rng.choice([c for c in p.clauses if not c.violates])
    pair = (a.id, b.id) if (p.precedence == "safe") == (rng.random() < 0.85) else (b.id, a.id)
    return p.over if pair in p.over or pair[::-1] in p.over else p.over + (pair,)


def both(a, b):
    """Two policies in one prompt; None where their ids collide."""
    if {c.id for c in a.clauses} & {c.id for c in b.clauses}:
        return None
    a, b = (replace(q, title=title.format(x=q.subject), form="plain", examples=()) for q, title in zip((a, b), SECTIONS[a.lang]["parts"]))
    return Wide(a.lang, a.clauses + b.clauses, a.contract, a.precedence, held=a.held, world=W.WIDE, parts=(a, b), seed=a.seed, style=a.style)


def add_examples(p, rng):
    """Short cases near the policy, of both sides."""
    pool = [make_case(q, rng) for q in (p.parts or (p,)) for _ in range(8)]
    pool = [replace(c, kind="user_input", lang=p.lang) for c in pool]
    n = rng.choice([4, 4, 5, 6])
    bad, good = ([c for c in pool if (verdict(p, c) == "violates") == side] for side in (True, False))
    p.examples = tuple(render_case(c, rng) for c in bad[: (n + 1) // 2] + good[: n // 2])


def make(rng, lang=None, held=False, easy=False, labels=None):
    """A policy of the wide world, within the length it should have."""
    while True:
        lang_now = lang or rng.choice(W.WIDE.langs)
        p = one(rng, lang_now, held, easy, labels)
        if not easy and rng.random() < 0.08 and p.contract["output"] != "severity":
            p = both(p, one(rng, lang_now, held, True, labels, p.contract, [t for c in p.clauses for t in c.topics]))
            if not p or (p.contract["rule"] or p.contract["output"] == "json") and any(q.style == UNNUMBERED for q in p.parts):
                continue
        elif p.form == "four":
            add_examples(p, rng)
        p.text = render(p)
        if fits(p.text):
            return p


def instruction(p, v):
    """The task and the output rule."""
    c, s = p.contract, SECTIONS[p.lang]
    judge, rule = v.say(s["judge"]), s["rule"] if c["rule"] else ""
    stop = SPEECH[p.lang].stop
    if c["output"] == "binary":
        return judge + v.say(s["binary"])
    if c["output"] == "json":
        more = (', "rule_ids": ["…"]' if c["rule_ids"] else "") + (', "rationale": "…"' if c["rationale"] else "")
        return judge + v.say(s["json"]) + f'{{"violation": {s["bit"]}, "policy_category": {s["category"]}{more}}}' + stop
    if c["output"] == "severity":
        return judge + v.say(s["severity"], levels=SPEECH[p.lang].names(list(p.scale.values()), s["or"])) + rule + stop
    return judge + v.say(s["label"], a=c["violates"], b=c["safe"]) + rule + stop


def side_name(p, level, v):
    """The name of a section."""
    s = SECTIONS[p.lang]
    if level.startswith("SP"):
        grade = dict(zip(("SP0", "SP2", "SP3", "SP4"), s["grades"]))[level]
        inside = SPEECH[p.lang].inside.format(name=p.scale[level], group=grade)
        return v.rng.choice([p.scale[level], inside, inside])
    name = v.say(s[level])
    if p.form == "four":
        said = {"binary": "10", "json": "10", "label": (p.contract["violates"], p.contract["safe"])}[p.contract["output"]]
        return SPEECH[p.lang].inside.format(name=name, group=said[level == "safe"])
    return name


def definitions(p, v):
    s, rng, say = SECTIONS[p.lang], v.rng, SPEECH[p.lang]
    means = rng.choice(s["means"])
    lines = [means.format(w=w, x=topic_phrase(t, v)) for w, t in p.renamed.items()]
    if p.form == "four" or rng.random() < 0.25:
        keys = sorted({t for c in p.clauses for t in c.topics if t[0] != "@" and W.TOPICS[t]["kind"] != "message" and t not in [x for ts in p.renamed.values() for x in ts]})
        for t in keys[:2]:
            words = [bare(w) for w in rng.sample(W.TOPICS[t][p.lang][2].split("|"), 3)]
            lines.append(s["words"].format(x=rng.choice(W.TOPICS[t][p.lang][1]), words=say.listed.join(words)))
        if not keys or rng.random() < 0.3:
            lines.append(rng.choice(s["terms"]))
    return lines


def rules(p, v):
    """What the policy says of rules that collide, and of content that none names."""
    s, rng = SECTIONS[p.lang], v.rng
    said = [v.say(s["highest"])] if p.contract["output"] == "severity" else []
    first = rng.choice(PRECEDENCE[p.lang][p.precedence])
    said += [first] if p.stated else []
    over = rng.choice(PRECEDENCE[p.lang]["over"])
    said += [over.format(a=a, b=b) for a, b in p.over]
    nothing, n = v.say(s["nothing"], s={"severity": p.scale.get("SP0"), "label": p.contract.get("safe")}.get(p.contract["output"]) or v.say(s["safe"]).lower()), rng.random()
    return said + ([nothing] if n < 0.3 else [])


def criteria(p, v, h):
    """The clauses, by sections or each with its side."""
    rng, zh, lines, last = v.rng, p.lang == "zh", [], None
    bullet = rng.choice(["- {t}.", "- {t}.", "* {t}."] if p.style == UNNUMBERED else ["{i} {t}.", "{i} {t}.", "- {i}: {t}.", "{i}: {t}.", "- **{i}** {t}.", "{i}) {t}." if p.style == 5 else "{i} {t}."])
    bullet = bullet.replace(".", "。") if zh else bullet
    names = {level: side_name(p, level, v) for level in ("SP0", "SP2", "SP3", "SP4", "violates", "safe") if level in {c.level for c in p.clauses}}
    for c in p.clauses:
        text = c.text
        if p.grouped and c.level != last:
            lines += ([""] if last else []) + ([h + names[c.level]] if h else [names[c.level] + SPEECH[p.lang].colon.strip()])
        elif not p.grouped:
            text = (f"（{names[c.level]}）" if zh else f"({names[c.level].lower()}) ") + text
            text = c.text + (f"（{names[c.level]}）" if zh else f" ({names[c.level].lower()})") if p.style == UNNUMBERED else text
        last = c.level
        lines.append(bullet.format(i=c.id, t=text))
    return lines


def render(p):
    """The text the model reads. The same seed gives the same frame around edited clauses."""
    rng = random.Random(p.seed)
    v, s, gap = Voice(rng, p.lang, False, W.WIDE), SECTIONS[p.lang], SPEECH[p.lang].gap
    h = "" if p.form == "bare" else rng.choice(["## ", "## ", "# ", "### "])
    top = lambda name: [h + v.say(s[name])] if h else []
    if p.parts:
        lines = top("task") + [v.say(s["two"]) + gap + instruction(p, v), ""]
        for q in p.parts:
            frame = Voice(random.Random(q.seed), q.lang, False, W.WIDE)
            lines += ["# " + q.title] + definitions(q, frame) + criteria(q, frame, "## ") + [gap.join(rules(q, frame)), ""]
        return "\n".join(lines).strip()
    lines = ["# " + v.say(rng.choice(s["title"]), x=p.subject), ""] if rng.random() < 0.8 or p.form == "four" else []
    instr = instruction(p, v)
    lines += top("task") + [instr, ""]
    said = definitions(p, v)
    lines += top("definitions") + said + [""] if said else []
    lines += criteria(p, v, h) + [""]
    last = rules(p, v)
    lines += top("precedence") + [gap.join(last), ""] if last else []
    if p.examples:
        lines += top("examples") + ([instr] if rng.random() < 0.5 else [])
        lines += [f"- “{' '.join(c.text.split())}” → {answer(p, c)[0]}" for c in p.examples]
    return "\n".join(lines).strip()
