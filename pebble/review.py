"""What a careful reviewer does with a policy and a case: verdict, trace, answer.

The verdict follows from clauses and facts. The trace is written so that whatever
must be compared has been written down first.
"""

import json

import world as W
from policy import canonical
from speech import SPEECH


def meets(clause, case):
    """Whether topic and act of one statement match, before the condition."""
    for topic, acts in case.statements:
        on = not clause.topics or topic in clause.topics or "@" + W.TOPICS[topic]["group"] in clause.topics
        if on and set(acts) & set(clause.acts):
            return True
    return False


def applies(clause, case):
    if not meets(clause, case):
        return False
    if not clause.condition:
        return True
    return (clause.condition[1] in case.flags) == (clause.condition[0] == "only")


def decide(p, case):
    """(deciding clause or None, reason of precedence or None). Of two policies in one prompt, the
    first that is violated decides."""
    if p.parts:
        found = [decide(q, case) for q in p.parts]
        return next((f for f in found if f[0] and f[0].violates), next((f for f in found if f[0]), (None, None)))
    hit = [c for c in p.clauses if applies(c, case)]
    bad, good = [c for c in hit if c.violates], [c for c in hit if not c.violates]
    top = max(bad, key=lambda c: c.level if c.level.startswith("SP") else "") if bad else None
    if bad and good:
        ids = {c.id: c for c in hit}
        for a, b in p.over:
            if a in ids and b in ids:
                return ids[a], (a, b)
        return (top, "violates") if p.precedence == "violates" else (good[0], "safe")
    if bad and len({c.level for c in bad}) > 1:
        return top, "level"
    return (top or (good[0] if good else None)), None


def verdict(p, case):
    c = decide(p, case)[0]
    return "violates" if c and c.violates else "safe"


def clash(p, case):
    """Whether clauses of both sides apply."""
    return len({c.violates for c in p.clauses if applies(c, case)}) == 2


def facts(p, case, quote):
    """What the text shows, in canonical names; with `quote`, the words that show it."""
    say, groups = SPEECH[p.lang], []

    def item(cue, name):
        return say.quoted.format(cue=cue, name=name) if quote and cue else name

    for s, (topic, acts) in enumerate(case.statements):
        d = W.TOPICS[topic]
        name, group = d[p.lang][0], W.GROUPS[d["group"]][p.lang][0]
        full = name if d["group"] == "other" else say.inside.format(name=name, group=group)
        groups.append([item(case.cues[s], full)] + [item(case.cues.get((s, a)), W.ACTS[a][p.lang]) for a in acts])
    groups[-1] += [item(case.cues[f], W.FLAGS[f][p.lang][0]) for f in case.flags]
    return say.shows.format(facts=say.semicolon.join(say.comma.join(g) for g in groups))


def level_name(p, c):
    """How the trace calls a clause's level: that of the policy's scale, or its side."""
    say = SPEECH[p.lang]
    return p.scale.get(c.level, c.level) if c.level.startswith("SP") else {"violates": say.violates, "safe": say.safe}[c.level]


def walk(p, c, case, why):
    """One clause: id, its condition copied in canonical words, and whether it applies."""
    say = SPEECH[p.lang]
    met, ok = meets(c, case), applies(c, case)
    yes, no = say.applies.format(level=level_name(p, c)), say.no
    if why and not met:
        on = any(not c.topics or t in c.topics or "@" + W.TOPICS[t]["group"] in c.topics for t, _ in case.statements)
        no += say.other_act if on else say.other_topic
    shown = {a for _, acts in case.statements for a in acts}
    for topic, _ in case.statements:
        shown |= {topic, "@" + W.TOPICS[topic]["group"]}
    head = f"{c.id} {canonical(c, p.lang, shown)}"
    if c.condition:
        kind, flag = c.condition
        head += (say.unless if kind == "unless" else say.only).format(name=W.FLAGS[flag][p.lang][0])
        if met:
            return say.state.format(head=head, state=say.given if flag in case.flags else say.absent, says=yes if ok else no)
    return head + say.colon + (yes if ok else no) + say.stop


def precedence(p, case):
    """What the policy says of rules that collide, written down whether or not any do: which side
    comes first, then each pair of rules it names, each with a mark where it applies, and whether
    both of them do."""
    say = SPEECH[p.lang]
    hit = {c.id for c in p.clauses if applies(c, case)}
    marked = lambda i: i + "*" if i in hit else i
    return [say.first[p.precedence]] + [say.over.format(a=marked(a), b=marked(b), says=say.both if {a, b} <= hit else say.no) for a, b in p.over]


def trace(p, case, effort):
    say = SPEECH[p.lang]
    steps = [facts(p, case, effort == "high")]
    if effort == "high":
        steps.insert(0, say.count.format(n=len(p.clauses)))
    for q in p.parts or [p]:
        steps += ([say.part.format(title=q.title)] if p.parts else []) + reasons(q, case, effort)
    if p.parts:
        c, _ = decide(p, case)
        steps.append(say.together.format(id=c.id, level=level_name(p, c)) if c else say.together_safe)
    return "\n".join(steps)


def reasons(p, case, effort):
    """The walk through one policy's clauses, what its precedence says, and what decides."""
    say = SPEECH[p.lang]
    steps = [walk(p, c, case, effort != "low") for c in p.clauses] + precedence(p, case)
    c, why = decide(p, case)
    if why == "level":
        steps.append(say.highest.format(level=level_name(p, c)))
    return steps + [say.decides.format(id=c.id, level=level_name(p, c)) if c else say.none]


def answer(p, case):
    """(final message, label, rules). Unnumbered rules are never cited: they have no id."""
    c, _ = decide(p, case)
    k, bad = p.contract, bool(c and c.violates)
    rules = [c.id] if c else []
    if k["output"] == "binary":
        return ("1" if bad else "0"), ("1" if bad else "0"), rules
    if k["output"] == "json":
        out = {"violation": int(bad), "policy_category": c.id if c else None}
        if k["rule_ids"]:
            out["rule_ids"] = rules
        if k.get("rationale"):
            out["rationale"] = canonical(c, p.lang, explain=False) if c else SPEECH[p.lang].none
        return json.dumps(out, ensure_ascii=False), "1" if bad else "0", rules
    label = p.scale.get(c.level if c else "SP0", c.level if c else "SP0") if k["output"] == "severity" else k["violates"] if bad else k["safe"]
    return label + (f" {c.id}" if k["rule"] and c else ""), label, rules
