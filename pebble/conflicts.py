"""Conflict examples: asked whether two rules of a policy contradict each other, Pebble answers
with their ids.

The policy itself is the subject: the developer message is the task and then the policy, the
user message names two rules (or asks for all), and the answer is JSON:

    {"conflicts": [["T1", "T4"]]}        {"conflicts": []}

Two rules contradict each other if one forbids and one allows, one and the same statement can
meet both with their conditions, and no sentence of the policy says which of them wins.
"""

import itertools
import json
from dataclasses import replace

import edits
import shapes
import world as W
from policy import canonical, members, word_clause
from review import level_name
from speech import SPEECH
from wording import Voice

WORDS = {
    "en": {"task": "The policy below is the subject; judge no content. Say whether rules contradict each other: both can apply to the same statement, one forbids it, one allows it, and no sentence says which wins. Answer in JSON: {\"conflicts\": [[rule, rule]]}, an empty list where none do.",
           "pair": "Do {a} and {b} contradict each other?", "all": "Which rules contradict each other?", "topic": "Shared topic: {x}.", "act": "Shared act: {x}.", "yes": "yes", "none": "none",
           "together": "Conditions: both can hold.", "apart": "Conditions: they exclude each other.", "same": "Both are on the same side.", "open": "Precedence: not stated.", "contradict": "{a} and {b} contradict each other.", "agree": "No contradiction."},
    "zh": {"task": "下面的政策是审查对象，不要判断任何内容。请说明条款是否互相矛盾：两条能同时适用于同一句话，一条禁止，一条允许，且没有规定以哪条为准。用JSON回答：{\"conflicts\": [[条款, 条款]]}，没有矛盾则为空列表。",
           "pair": "{a}与{b}互相矛盾吗？", "all": "哪些条款互相矛盾？", "topic": "共同主题：{x}。", "act": "共同行为：{x}。", "yes": "有", "none": "无",
           "together": "条件：可以同时成立。", "apart": "条件：互相排斥。", "same": "两条属于同一侧。", "open": "优先级：没有规定。", "contradict": "{a}与{b}互相矛盾。", "agree": "没有矛盾。"},
    "es": {"task": "La política siguiente es el objeto de estudio; no juzgues ningún contenido. Di si hay reglas que se contradicen: ambas pueden cumplirse con la misma frase, una la prohíbe, la otra la permite y nada dice cuál gana. Responde en JSON: {\"conflicts\": [[regla, regla]]}, con la lista vacía si no hay ninguna.",
           "pair": "¿Se contradicen {a} y {b}?", "all": "¿Qué reglas se contradicen?", "topic": "Tema común: {x}.", "act": "Acto común: {x}.", "yes": "sí", "none": "ninguno",
           "together": "Condiciones: pueden darse a la vez.", "apart": "Condiciones: se excluyen.", "same": "Ambas están del mismo lado.", "open": "Precedencia: no se indica.", "contradict": "{a} y {b} se contradicen.", "agree": "No hay contradicción."},
    "ar": {"task": "السياسة التالية هي موضوع الفحص، فلا تحكم على أي محتوى. قل هل تتناقض قواعدها: أن تنطبق قاعدتان على العبارة نفسها، واحدة تمنعها وأخرى تسمح بها، ولا نص يبين أيهما تغلب. أجب بصيغة JSON: {\"conflicts\": [[القاعدة, القاعدة]]}، والقائمة فارغة إن لم يوجد تناقض.",
           "pair": "هل تتناقض {a} مع {b}؟", "all": "ما القواعد المتناقضة؟", "topic": "الموضوع المشترك: {x}.", "act": "الفعل المشترك: {x}.", "yes": "نعم", "none": "لا يوجد",
           "together": "الشروط: يمكن أن تجتمع.", "apart": "الشروط: لا تجتمع.", "same": "القاعدتان في الجانب نفسه.", "open": "الأولوية: غير مذكورة.", "contradict": "{a} تتناقض مع {b}.", "agree": "لا تناقض."},
}


def covered(clause):
    """The topics a clause is about; None for any."""
    return {m for t in clause.topics for m in members(t)} or None


def shared_topics(a, b):
    """What both are about, as a set; None where neither names a topic."""
    one, two = covered(a), covered(b)
    return two if one is None else one if two is None else one & two


def exclusive(a, b):
    """Whether the conditions can't hold together."""
    return bool(a.condition and b.condition and a.condition[1] == b.condition[1] and a.condition[0] != b.condition[0])


def order(p, a, b):
    """What the policy says of which wins: a sentence of the trace, or None."""
    say = SPEECH[p.lang]
    for x, y in p.over:
        if {x, y} == {a.id, b.id}:
            return say.over.format(a=x, b=y, says=WORDS[p.lang]["yes"])
    return say.first[p.precedence] if p.stated else None


def contradict(p, a, b):
    meet = shared_topics(a, b)
    return a.violates != b.violates and meet != set() and bool(set(a.acts) & set(b.acts)) and not exclusive(a, b) and not order(p, a, b)


def conflicts(p):
    return [(a.id, b.id) for a, b in itertools.combinations(p.clauses, 2) if contradict(p, a, b)]


def line(p, c, shown):
    """A clause in the trace: its condition in canonical words, and its side."""
    say, text = SPEECH[p.lang], canonical(c, p.lang, shown)
    if c.condition:
        text += (say.unless if c.condition[0] == "unless" else say.only).format(name=W.FLAGS[c.condition[1]][p.lang][0])
    return f"{c.id} {text}{say.colon}{level_name(p, c)}{say.stop}"


def compare(p, a, b):
    """The trace of one question: both rules, what they share, and what decides."""
    w, say = WORDS[p.lang], SPEECH[p.lang]
    meet, acts = shared_topics(a, b), [x for x in a.acts if x in b.acts]
    shown = set(acts) | {t for c in (a, b) for t in c.topics if meet and set(members(t)) & meet}
    steps = [line(p, a, shown), line(p, b, shown)]
    if a.violates == b.violates:
        return steps + [w["same"], w["agree"]]
    steps += [w["topic"].format(x=w["none"] if meet == set() else w["yes"]), w["act"].format(x=say.either.join(W.ACTS[x][p.lang] for x in acts) or w["none"])]
    if meet == set() or not acts:
        return steps + [w["agree"]]
    steps.append(w["apart"] if exclusive(a, b) else w["together"])
    if exclusive(a, b):
        return steps + [w["agree"]]
    decided = order(p, a, b)
    return steps + [decided or w["open"], w["agree"] if decided else w["contradict"].format(a=a.id, b=b.id)]


def answer(pairs):
    return json.dumps({"conflicts": [list(pair) for pair in pairs]}, ensure_ascii=False)


def question(p, a, b):
    """(question, trace, answer) about two rules."""
    return WORDS[p.lang]["pair"].format(a=a.id, b=b.id), "\n".join(compare(p, a, b)), answer([(a.id, b.id)] if contradict(p, a, b) else [])


def whole(p):
    """(question, trace, answer) about all rules."""
    w, found = WORDS[p.lang], conflicts(p)
    steps = [line(p, c, ()) for c in p.clauses] + [w["contradict"].format(a=a, b=b) for a, b in found]
    return w["all"], "\n".join(steps if found else steps + [w["agree"]]), answer(found)


def plant(p, rng):
    """A policy with a rule that contradicts another of it, or narrowly does not: the topic, the
    act, the conditions or a sentence on precedence sets the two apart. (policy, the two ids)."""
    c = rng.choice(p.clauses)
    level = {True: "SP0" if c.level.startswith("SP") else "safe", False: rng.choice(["SP2", "SP3", "SP4"]) if c.level.startswith("SP") else "violates"}[c.violates]
    group = "@" + W.TOPICS[members(c.topics[0])[0]]["group"] if c.topics else None
    topics = rng.choice([c.topics, c.topics, (group,), (members(c.topics[0])[0],)]) if c.topics else ()
    new = replace(c, id="", level=level, topics=topics, acts=(rng.choice(c.acts),), condition=() if rng.random() < 0.6 else c.condition, word=c.word if topics == c.topics else "")
    missed = rng.choice(["no"] * 5 + ["conditions", "precedence", "over", "topic"])
    if missed == "conditions":
        flag = c.condition[1] if c.condition else rng.choice(p.world.about(p.world.flags, goods=W.TOPICS[members(group)[0]]["kind"] != "message" if group else True))
        c = replace(c, condition=("unless", flag))
        new = replace(new, condition=("only", flag))
    elif missed == "topic":
        free = [t for t in members(group) if t not in members(c.topics[0])] if group else []
        if not free:
            return None
        new = replace(new, topics=(rng.choice(free),), word="")
    v = Voice(rng, p.lang, False, p.world)
    old = next(k for k in p.clauses if k.id == c.id)
    if c != old:
        c = replace(c, text=word_clause(c, v))
    new = replace(new, text=word_clause(new, v))
    cs = [c if k is old else k for k in p.clauses]
    cs.insert(rng.randrange(len(cs) + 1), new)
    q = replace(p, clauses=shapes.sided(cs, "SP0" if "SP" in level else "safe", rng, p.grouped), precedence="violates", stated=missed == "precedence", over=())
    at, other = next(k for k, x in enumerate(q.clauses) if x is new), next(k for k, x in enumerate(q.clauses) if x is c)
    if not shapes.number(q, rng, rng.choice([0, 1, 2, 3, 4, 7, 8, 10]) if p.style in (5, 6, shapes.FREE, shapes.HELD_STYLE) and not p.held else p.style):
        return None
    a, b = q.clauses[at], q.clauses[other]
    if missed == "over":
        q.over = (rng.choice([(a.id, b.id), (b.id, a.id)]),)
    q = edits.finished(q, over=q.over)
    return q and (q, (a.id, b.id))


def subject(rng, lang=None, held=False):
    """A policy to ask about, with the two ids that were made to collide, or nearly."""
    while True:
        p = shapes.make(rng, lang, held)
        if p.parts or p.style == shapes.UNNUMBERED or len(p.clauses) > 9:
            continue
        p.examples, p.form = (), "plain" if p.form == "four" else p.form
        made = plant(p, rng)
        if made:
            return made


def questions(p, planted, rng, n=3, whole_share=0.3):
    """Questions about one policy: on the two that were planted, on others of both sides, on any."""
    ids = {c.id: c for c in p.clauses}
    asked = [tuple(sorted(planted, key=list(ids).index))]
    pool = [(a.id, b.id) for a, b in itertools.combinations(p.clauses, 2)]
    pool = sorted((pair for pair in pool if pair != asked[0]), key=lambda pair: (ids[pair[0]].violates == ids[pair[1]].violates, rng.random()))
    asked += pool[: n - 1]
    said = [question(p, ids[a], ids[b]) for a, b in asked]
    if rng.random() < whole_share:
        said[-1] = whole(p)
    return said


def developer(p):
    """What stands before the questions: the task, then the policy."""
    return WORDS[p.lang]["task"] + "\n\n" + p.text


def pack(rng, effort, lang=None):
    """One training item: a policy and questions about its rules."""
    p, planted = subject(rng, lang)
    return {"policy": developer(p), "effort": effort, "cases": questions(p, planted, rng)}
