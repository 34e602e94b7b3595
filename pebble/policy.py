"""Policies: clauses over topics, acts and flags, and the text the model reads.

Makes a policy, renders it, and edits one clause of it. Judges nothing.
"""

import random
from dataclasses import dataclass, field, replace

import paraphrases
import wide_words
import world as W
from speech import PRECEDENCE, SPEECH
from wording import Voice, plain


@dataclass(frozen=True)
class Clause:
    id: str
    level: str  # "violates", "safe", or a severity level
    topics: tuple  # topic keys, or ("@group",), or () for any
    acts: tuple
    condition: tuple = ()  # ("unless" | "only", flag)
    text: str = ""
    word: str = ""  # a made-up name of its topics, which the policy defines

    @property
    def violates(self):
        return self.level not in ("safe", "SP0")


@dataclass
class Policy:
    lang: str
    clauses: list
    contract: dict
    precedence: str = "violates"  # which side wins by default
    over: tuple = ()  # ((winner id, loser id), ...)
    style: int = 0
    held: bool = False
    subject: str = ""
    text: str = ""
    world: object = W.CORE
    scale: dict = field(default_factory=dict)  # SP0 -> the policy's own name of the level
    parts: tuple = ()  # the policies of a prompt that holds two of them


def topic_name(topic, lang):
    return W.GROUPS[topic[1:]][lang][0] if topic[0] == "@" else W.TOPICS[topic][lang][0]


def canonical(clause, lang, shown=(), explain=True):
    """What the trace copies before it compares: `sale or promotion of tobacco`. Acts and
    topics that are `shown` carry a mark: `sale* or promotion of tobacco*`. A word that the policy's
    definitions explain stands before what it means: `sale* of Brask = tobacco* or vaping`,
    or alone without `explain`."""
    say, mark = SPEECH[lang], lambda key: "*" if key in shown else ""
    acts = say.either.join(W.ACTS[a][lang] + mark(a) for a in clause.acts)
    topics = say.either.join(topic_name(t, lang) + mark(t) for t in clause.topics)
    if not topics:
        return acts
    return say.of.format(acts=acts, topics=topics if not clause.word else f"{clause.word} = {topics}" if explain else clause.word)


def topic_phrase(topics, v):
    """How a policy names these topics."""
    if topics in W.PAIRS and v.rng.random() < 0.7:
        return v.rng.choice(W.PAIRS[topics][v.lang])
    return SPEECH[v.lang].names([v.rng.choice(W.GROUPS[t[1:]][v.lang][1] if t[0] == "@" else W.TOPICS[t][v.lang][1]) for t in topics])


def condition_text(c, v):
    kind, flag = c.condition
    cond = v.rng.choice(W.CONDITION[v.lang][kind][:3]).format(f=v.rng.choice(W.FLAGS[flag][v.lang][1]))
    before = SPEECH[v.lang].before_condition
    return (v.rng.choice(before) if len(before) > 1 else before[0]) + cond


def word_clause(c, v, plainly=0.06):
    """The sentence of a clause, in one of many wordings; `plainly` is the share in canonical words."""
    rng, say = v.rng, SPEECH[v.lang]
    if rng.random() < plainly:
        text = canonical(c, v.lang, explain=False)
        text = capital(text) if plainly < 0.1 else text
        return text + condition_text(c, v) if c.condition else text
    if len(c.acts) == 1 and c.topics:
        text = v.say(rng.choice(W.ACTS[c.acts[0]]["clause"][v.lang]), x=c.word or topic_phrase(c.topics, v))
    else:
        nps = [rng.choice(W.ACTS[a]["np"][v.lang]) for a in c.acts]
        text = say.ends[0].join(nps[:-1]) + (rng.choice(say.ends[1]) if nps[:-1] else "") + nps[-1]
        if c.topics:
            text = rng.choice(say.about).format(np=text, x=c.word or topic_phrase(c.topics, v))
    if c.condition:
        text += condition_text(c, v)
    return capital(" ".join(text.split()) if v.lang != "zh" else text)


def capital(text):
    return text[:1].upper() + text[1:]


FREE = 11  # the style of ids that follow a made-up pattern
MADE_UP = 0.35  # share of the policies in training whose ids follow such a pattern
OTHER_LABELS = 0.6  # share of them whose labels are not world.py's


def free_ids(n, rng):
    """Ids after a pattern made for this policy: AB-3, K-07, C12.b, 2.3.1. Never K-3, which is held out."""
    while True:
        letters = "".join(rng.sample("ABCDEFGHJKLMNPRSTUVW", rng.choice([0, 1, 1, 1, 2, 2])))
        mark, zero, tail = rng.choice(["", "-", "-"]) if letters else rng.choice(["", "§"]), rng.choice([0, 0, 1]), rng.choice(["", "", ".a", ".1", "a"])
        if (len(letters) == 1 and mark == "-" and not zero and not tail) or (not letters and not tail):
            continue
        k, sub, ids = rng.choice([1, 1, 2, 3, 7, 10, 21, 100]), 0, []
        for _ in range(n):
            number = f"{k:02d}" if zero else str(k)
            ids.append(f"{letters}{mark}{number}" + {"": "", ".a": f".{'abcdefghijk'[sub]}", "a": "abcdefghijk"[sub], ".1": f".{sub + 1}"}[tail])
            sub += 1
            if not tail or rng.random() < 0.4:
                k, sub = k + rng.choice([1, 1, 1, 2, 5]), 0
        return ids


def clause_ids(style, levels, rng):
    """Ids in one style, in order of appearance; levels group them into sections."""
    if style == FREE:
        return free_ids(len(levels), rng)
    letter = rng.choice("ABCDEFGHJKLMNPRSTUVW")
    sections, counts, ids, n = {}, {}, [], rng.choice([0, 0, 0, 2, 10])
    if style == 8:  # H1, H2.a, H2.b, H3: some clauses share a number
        k = 0
        while len(ids) < len(levels):
            k += 1
            m = min(rng.choice([1, 1, 2, 3, 4]), len(levels) - len(ids))
            ids += [f"{letter}{k}"] if m == 1 else [f"{letter}{k}.{a}" for a in "abcd"[:m]]
        return ids
    base = rng.choice([1, 1, 1, 2, 3, 4])
    for level in levels:
        s = sections.setdefault(level, base + len(sections))
        k = counts[level] = counts.get(level, 0) + 1
        n += 1 if rng.random() < 0.96 else 2
        a = "abcdefghijk"[k - 1]
        ids.append([
            f"{letter}{n}", f"{s}.{k}", f"{letter}{s}.{a}", f"{letter}{letter}{n}", f"R-{n:02d}", f"{s}{a}",
            f"{level}.{a}" if level.startswith("SP") else f"{letter}{n}", f"{letter}{s}.{k}",
            "", f"{letter}-{n}", f"§{s}.{k}",
        ][style])
    return ids


def random_topics(kind_topics, rng):
    r = rng.random()
    group = W.TOPICS[kind_topics[0]]["group"]
    if r < 0.12:
        return ("@" + group,)
    if r < 0.24:
        pairs = [p for p in W.PAIRS if p[0] in kind_topics or p[1] in kind_topics]
        if pairs:
            return rng.choice(pairs)
    if r < 0.36 and len(kind_topics) > 1:
        return tuple(rng.sample(kind_topics, 2))
    return (rng.choice(kind_topics),)


def random_condition(rng, goods, p=0.28, world=W.CORE):
    if rng.random() >= p:
        return ()
    return (rng.choice(["unless", "unless", "only"]), rng.choice(world.about(world.conditions, goods)))


def make_clause(level, goods, topics, used, rng, world=W.CORE, contrary=False):
    """One clause whose acts are mostly the natural ones for its side, but not always: seldom where
    the policy is `contrary`."""
    bad = level not in ("safe", "SP0")
    natural = rng.random() < (0.3 if contrary else 0.85 if goods else 0.92)
    if goods:
        pool = world.fitting(world.goods_bad if bad else world.goods_good, topics[0]) if natural else world.acts(topics[0])
    elif bad and natural:
        pool = ["direct"]
    else:
        pool = world.message_good if not bad and natural else world.acts(topics[0])
    n = 1 if bad else rng.choice([1, 1, 1, 2, 2, 3])
    for _ in range(20):
        acts = []
        while len(acts) < n:
            a = rng.choice(pool)
            if a not in acts:
                acts.append(a)
        if "direct" in acts:
            acts = ["direct"]
        t = random_topics(topics, rng)
        if not bad and rng.random() < (0.45 if goods else 0.3):
            t = ()
        elif not bad and not goods and rng.random() < 0.5:
            t = ("@" + W.TOPICS[topics[0]]["group"],)
        if "direct" in acts and not t:
            continue
        key = {(a, x) for a in acts for x in (t or ("any",))}
        if not key & used:
            used |= key
            return Clause("", level, t, tuple(acts), random_condition(rng, goods, world=world))
    return None


def choose_topics(rng):
    """The subject of a policy: its topics, and whether they are goods or messages."""
    r = rng.random()
    if r < 0.22:
        base, group = rng.choice([["tobacco", "vaping"], ["tobacco", "vaping"], ["tobacco"], ["vaping", "tobacco", "alcohol"]]), "restricted"
    else:
        group = rng.choice(["restricted", "gambling", "gambling", "illicit", "abuse", "abuse", "spam", "spam"])
        pool = [t for t, d in W.TOPICS.items() if d["group"] == group]
        rng.shuffle(pool)
        base = pool[: rng.choice([1, 2, 2, 3] if group not in ("abuse", "spam") else [2, 3, 4, 5, 6])]
    return list(base), W.TOPICS[base[0]]["kind"] != "message"


def made_up_labels(lang, rng):
    """Two labels that world.py does not list; the first stands for a violation."""
    if rng.random() < 0.25:
        return rng.choice(paraphrases.LABELS.get(lang) or W.LABELS[lang])
    parts = (paraphrases.SYLLABLES.get(lang) or wide_words.SYLLABLES[lang]).split("|")
    while True:
        pair = tuple("".join(rng.sample(parts, rng.choice([2, 2, 3]))) for _ in range(2))
        if pair[0] != pair[1] and not any(set(pair) & set(held) for held in W.LABELS["held"][lang]):
            return pair


def make_contract(lang, levels, rng, held, asked=None):
    if any(l.startswith("SP") for l in levels):
        return {"output": "severity", "rule": rng.random() < 0.5}
    output = "label" if asked else rng.choice(["label", "label", "label", "binary", "json"])
    labels = rng.choice(W.LABELS[lang])
    if asked == "held":
        labels = rng.choice(W.LABELS["held"][lang])
    elif asked == "made up" or (not held and rng.random() < OTHER_LABELS):
        labels = made_up_labels(lang, rng)
    return {"output": output, "violates": labels[0], "safe": labels[1], "rule": rng.random() < 0.6, "rule_ids": rng.random() < 0.6}


SIZES = [3, 3, 3, 4, 4, 4, 5, 5, 6, 7, 8, 10]
SHORT = [3, 3, 3, 4, 4, 5]  # to begin with: few clauses, most of them in canonical words


def make_policy(rng, lang=None, held=False, easy=False, labels=None, contrary=False):
    """A policy. `held`: with what the held-out evaluation has and training has not, labels aside;
    `labels`: "made up", or "held" for those that training never sees."""
    lang = lang or ("zh" if rng.random() < 0.27 else "en")
    while True:
        topics, goods = choose_topics(rng)
        severity = rng.random() < (0.3 if not goods else 0.12) and not labels
        n = rng.choice(SHORT if easy else SIZES)
        bad = ["SP2", "SP3", "SP4"] if severity else ["violates"]
        safe = "SP0" if severity else "safe"
        levels = [rng.choice(bad) if rng.random() < 0.58 else safe for _ in range(n)]
        if safe not in levels or all(l == safe for l in levels):
            continue
        used = set()
        clauses = [c for c in (make_clause(l, goods, topics, used, rng, contrary=contrary) for l in levels) if c]
        if len(clauses) >= 3 and len({c.violates for c in clauses}) == 2:
            break
    grouped = rng.random() < 0.8 or severity
    if grouped:
        safe_first = rng.random() < 0.2
        order = sorted({c.level for c in clauses}, key=lambda l: ((l == safe) != safe_first, l))
        clauses = [c for l in order for c in clauses if c.level == l]
    style = 6 if severity and rng.random() < 0.7 else rng.choice([0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 7, 8, 8, 10])
    if held and rng.random() < 0.5 and not (severity and style == 6):
        style = 9  # T-3: an id that training never sees
    if not held and rng.random() < MADE_UP and not (severity and style == 6):
        style = FREE
    ids = clause_ids(style, [c.level for c in clauses], rng)
    v = Voice(rng, lang, False)
    clauses = [replace(c, id=i) for c, i in zip(clauses, ids)]
    clauses = [replace(c, text=word_clause(c, v, 0.7) if easy else word_clause(c, v)) for c in clauses]
    p = Policy(lang, clauses, make_contract(lang, [c.level for c in clauses], rng, held, labels), rng.choice(["violates", "violates", "safe"]), style=style, held=held)
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
        a, b = rng.choice([c for c in clauses if c.violates]), rng.choice([c for c in clauses if not c.violates])
        pair = (a.id, b.id) if (p.precedence == "safe") == (rng.random() < 0.85) else (b.id, a.id)
        if pair not in p.over and pair[::-1] not in p.over:
            p.over += (pair,)
    p.subject = topic_phrase(tuple(topics[:2]), v)
    p.text = render_policy(p, rng.getrandbits(32), grouped)
    p.grouped = grouped
    return p


def instruction(p, v):
    """The task and the output rule, as policies state them."""
    c, rng = p.contract, v.rng
    if p.lang == "en":
        judge = v.say("[Judge|Review|Check|Classify] [one|the|this] [text|post|listing or message|message|item of content|content][ against the rules below| under this policy|]. ")
        rule = v.say(" with the rule that decides") if c["rule"] else ""
        if c["output"] == "binary":
            return judge + v.say("Answer [1 if it violates [the policy|a rule], 0 if it [is safe|does not]|with 1 (violates) or 0 (safe)|1 for a violation, 0 for safe|only with 1 or 0].")
        if c["output"] == "json":
            tail = ', "rule_ids": ["…"]}' if c["rule_ids"] else "}"
            return judge + v.say("[Answer|Reply] [with|in] JSON") + ': {"violation": 0 or 1, "policy_category": rule or null' + tail + "."
        if c["output"] == "severity":
            return judge + v.say("Answer with [one level|the level|one label]: SP0, SP2, SP3 or SP4") + rule + "."
        return judge + v.say(f"[Answer|Reply with|Reply] {c['violates']} or {c['safe']}") + rule + "."
    judge = v.say("[判断|审核|检查][以下|一条|这条][内容|消息|文本]。")
    rule = "，并写出决定的条款" if c["rule"] else ""
    if c["output"] == "binary":
        return judge + v.say("[违规回答1，[合规|否则]回答0|只回答1（违规）或0（合规）|违规输出1，不违规输出0]。")
    if c["output"] == "json":
        return judge + '用JSON回答：{"violation": 0或1, "policy_category": 条款或null' + (', "rule_ids": ["…"]}' if c["rule_ids"] else "}") + "。"
    if c["output"] == "severity":
        return judge + "回答级别：SP0、SP2、SP3或SP4" + rule + "。"
    return judge + v.say(f"[回答|输出]{c['violates']}或{c['safe']}") + rule + "。"


def answer_safe(p):
    """How the policy calls the safe answer."""
    return {"severity": "SP0", "label": p.contract.get("safe")}.get(p.contract["output"], "safe")


def render_policy(p, seed, grouped):
    """The text the model reads. The same seed gives the same frame around edited clauses."""
    rng = random.Random(seed)
    v, en = Voice(rng, p.lang, False), p.lang == "en"
    lines, h = [], rng.choice(["## ", "## ", "# ", "### "])
    if rng.random() < 0.85:
        lines += [v.say("# {x} [on the marketplace|policy|in our community|rules|]" if en else "# {x}[管理规定|政策|内容规则|]", x=p.subject).rstrip(), ""]
    instr = instruction(p, v)
    heads = rng.random() < 0.75
    lines += ([h + (v.say("[Instruction|Task|Instructions]") if en else v.say("[任务|说明|指令]"))] if heads else []) + [instr, ""]
    if rng.random() < 0.25:
        lines += [h + ("Definitions" if en else "定义")]
        keys = sorted({t for c in p.clauses for t in c.topics if t[0] != "@" and W.TOPICS[t]["kind"] != "message"})
        for t in keys[:2]:
            words = [plain(w) for w in rng.sample(W.TOPICS[t][p.lang][2].split("|"), 3)]
            lines += [f"{rng.choice(W.TOPICS[t][p.lang][1])}: {', '.join(words)}." if en else f"{rng.choice(W.TOPICS[t][p.lang][1])}：{'、'.join(words)}等。"]
        if not keys:
            lines += ["A person: anyone who can be named." if en else "用户：任何使用本平台的人。"]
        lines += [""]
    bullet = rng.choice(["{i} {t}.", "{i} {t}.", "- {i}: {t}.", "{i}: {t}.", "- **{i}** {t}.", "{i}. {t}." if p.style not in (1,) else "{i} {t}."])
    bullet = bullet if en else bullet.replace(".", "。") if not bullet.startswith("{i}. ") else "{i}. {t}。"
    names = {
        "violates": v.say("[Violates|Violates|Not allowed|Violations|Forbidden]" if en else "[违规|禁止|违规内容]"),
        "safe": v.say("[Safe|Safe|Allowed|Exceptions|Not a violation]" if en else "[允许|例外|合规|不违规]"),
    }
    for n, word in (("SP0", "safe" if en else "合规"), ("SP2", "low" if en else "轻微"), ("SP3", "medium" if en else "中等"), ("SP4", "high" if en else "严重")):
        names[n] = n + rng.choice(["", f" ({word})" if en else f"（{word}）"])
    last = None
    for c in p.clauses:
        text = c.text
        if grouped and c.level != last:
            lines += ([""] if last else []) + [h + names[c.level]]
        elif not grouped:
            text = f"({names[c.level].lower()}) {text}" if en else f"（{names[c.level]}）{text}"
        last = c.level
        lines.append(bullet.format(i=c.id, t=text))
    lines.append("")
    rules = []
    if p.precedence == "safe" or rng.random() < 0.75:
        rules.append(rng.choice(PRECEDENCE[p.lang][p.precedence]))
        if p.contract["output"] == "severity" and rng.random() < 0.5:
            rules[-1] = v.say({"en": {"violates": "[Violating levels win over SP0|SP0 only counts when no other level applies].", "safe": "[SP0 rules are exceptions and win over the other levels|SP0 wins over all other levels|SP0 rules come first]."},
                               "zh": {"violates": "其他级别优先于SP0。", "safe": "[SP0优先于其他级别|SP0条款是例外，优先适用]。"}}[p.lang][p.precedence])
    rules += [rng.choice(PRECEDENCE[p.lang]["over"]).format(a=a, b=b) for a, b in p.over]
    if p.contract["output"] == "severity":
        rules.insert(0, v.say("[The highest level wins|If several levels apply, take the highest]." if en else "[多级同时符合时取最高级|以最高级别为准]。"))
    if rng.random() < 0.3:
        rules.append(v.say("[If nothing applies, it is safe|No rule applies: safe|If nothing applies, {s}]." if en else "[没有条款符合则合规|不符合任何条款视为合规]。", s=answer_safe(p)))
    if rules:
        lines += ([h + v.say("[Precedence|Order|Conflicts]" if en else "[优先级|冲突处理]")] if heads else []) + [" ".join(rules) if en else "".join(rules), ""]
    if rng.random() < 0.15:
        lines += [instr]
    return "\n".join(lines).strip()


def members(topic):
    """The topics a clause's topic stands for: itself, or those of its group."""
    return [k for k, d in W.TOPICS.items() if d["group"] == topic[1:]] if topic[0] == "@" else [topic]


def about_goods(p):
    """Whether a policy is about goods and games, or about messages; never both."""
    return W.TOPICS[first_topic(p)]["kind"] != "message"


def first_topic(p):
    return members(next(t for c in p.clauses for t in c.topics))[0]


EDITS = ["remove", "flip", "condition", "condition", "act", "topic", "precedence"]
# Training sees precedence turned and rules change sides more often: what few verdicts turn on is else guessed.
EDITS_TRAINED = EDITS + ["precedence", "over", "over", "flip", "move", "move"]


def edit_policy(p, rng, kinds=EDITS):
    """One edit: a clause removed, flipped, re-aimed, a condition, the precedence or a pair's order
    changed. None if it fails."""
    v = Voice(rng, p.lang, False)
    cs, kind = list(p.clauses), rng.choice(kinds)
    i = rng.randrange(len(cs))
    c = cs[i]
    q = replace(p, clauses=cs)
    if kind == "remove":
        if len(cs) < 4:
            return None
        del cs[i]
        q.over = tuple(o for o in p.over if c.id not in o)
    elif kind == "precedence":
        q.precedence = "safe" if p.precedence == "violates" else "violates"
        q.over = ()
    elif kind == "move":  # to the other side's section
        if p.contract["output"] == "severity" or not p.grouped or sum(k.level == c.level for k in cs) < 2:
            return None
        del cs[i]
        other = "safe" if c.violates else "violates"
        cs.insert(1 + max(n for n, k in enumerate(cs) if k.level == other), replace(c, level=other))
        q.over = tuple(o for o in p.over if c.id not in o)
    elif kind == "over":
        q.over = edit_over(p, rng)
        if q.over == p.over:
            return None
    elif kind == "flip":
        if p.contract["output"] == "severity" or p.grouped:
            return None
        cs[i] = replace(c, level="safe" if c.violates else "violates")
        q.over = ()
    else:
        if kind == "condition":
            new = replace(c, condition=() if c.condition and rng.random() < 0.6 else random_condition(rng, about_goods(p), 1, p.world))
            base = c.text
            if not c.condition and new.condition:
                f = rng.choice(W.FLAGS[new.condition[1]][p.lang][1])
                new = replace(new, text=base + (", " if p.lang == "en" else "") + rng.choice(W.CONDITION[p.lang][new.condition[0]][:3]).format(f=f))
                cs[i] = new
                return finish_edit(p, q)
        elif kind == "act":
            pool = [a for a in p.world.acts(first_topic(p)) if a not in c.acts and (a != "direct" or c.topics)]
            new = replace(c, acts=(rng.choice(pool),))
        else:
            if not c.topics or c.topics[0][0] == "@":
                return None
            kinds = [t for t, d in W.TOPICS.items() if d["group"] == W.TOPICS[c.topics[0]]["group"] and t not in c.topics]
            new = replace(c, topics=(rng.choice(kinds),)) if kinds else c
        cs[i] = replace(new, text=word_clause(new, v))
    return finish_edit(p, q)


def edit_over(p, rng):
    """The pairs of rules with an order of their own, one of them turned, dropped or added."""
    if p.over and rng.random() < 0.7:
        k = rng.randrange(len(p.over))
        return p.over[:k] + ((p.over[k][::-1],) if rng.random() < 0.6 else ()) + p.over[k + 1:]
    a, b = rng.choice([c for c in p.clauses if c.violates]), rng.choice([c for c in p.clauses if not c.violates])
    pair = (a.id, b.id) if p.precedence == "safe" else (b.id, a.id)
    return p.over if pair in p.over or pair[::-1] in p.over else p.over + (pair,)


def finish_edit(p, q):
    if len({c.violates for c in q.clauses}) < 2:
        return None
    q.text, q.grouped = render_policy(q, p.seed, p.grouped), p.grouped
    q.seed = p.seed
    return q
