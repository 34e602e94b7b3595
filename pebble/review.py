"""What a careful reviewer does with a policy and a case: verdict, trace, answer.

The verdict follows from clauses and facts. The trace is written so that whatever
must be compared has been written down first.
"""

import json

import world as W
from policy import canonical


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
    """(deciding clause or None, reason of precedence or None)."""
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
    en, groups = p.lang == "en", []

    def item(cue, name):
        return (f"“{cue}” {name}" if en else f"“{cue}”{name}") if quote and cue else name

    for s, (topic, acts) in enumerate(case.statements):
        d = W.TOPICS[topic]
        name, group = d[p.lang][0], W.GROUPS[d["group"]][p.lang][0]
        full = name if d["group"] == "other" else f"{name} ({group})" if en else f"{name}（{group}）"
        groups.append([item(case.cues[s], full)] + [item(case.cues.get((s, a)), W.ACTS[a][p.lang]) for a in acts])
    groups[-1] += [item(case.cues[f], W.FLAGS[f][p.lang][0]) for f in case.flags]
    if en:
        return "Shows " + "; ".join(", ".join(g) for g in groups) + "."
    return "内容：" + "；".join("，".join(g) for g in groups) + "。"


def walk(p, c, case, why):
    """One clause: id, its condition copied in canonical words, and whether it applies."""
    en = p.lang == "en"
    met, ok = meets(c, case), applies(c, case)
    level = c.level if c.level.startswith("SP") else {"violates": "violates" if en else "违规", "safe": "safe" if en else "合规"}[c.level]
    yes = f"applies, {level}" if en else f"符合，{level}"
    no = "no" if en else "否"
    if why and not met:
        on = any(not c.topics or t in c.topics or "@" + W.TOPICS[t]["group"] in c.topics for t, _ in case.statements)
        no += (", another act" if on else ", another topic") if en else ("，行为不同" if on else "，主题不同")
    shown = {a for _, acts in case.statements for a in acts}
    for topic, _ in case.statements:
        shown |= {topic, "@" + W.TOPICS[topic]["group"]}
    head = f"{c.id} {canonical(c, p.lang, shown)}"
    if c.condition:
        kind, flag = c.condition
        name = W.FLAGS[flag][p.lang][0]
        head += (f", unless {name}" if kind == "unless" else f", only if {name}") if en else (f"，除非{name}" if kind == "unless" else f"，仅当{name}")
        if met:
            state = ("given" if flag in case.flags else "absent") if en else ("有" if flag in case.flags else "无")
            return f"{head}: {state}, so {yes if ok else 'no'}." if en else f"{head}：{state}，{yes if ok else '否'}。"
    return f"{head}: {yes if ok else no}." if en else f"{head}：{yes if ok else no}。"


def precedence(p, case):
    """What the policy says of rules that collide, written down whether or not any do: which side
    comes first, then each pair of rules it names and whether both of them apply."""
    en = p.lang == "en"
    first = {"violates": "violations first" if en else "违规优先", "safe": "safe first" if en else "例外优先"}[p.precedence]
    lines = [f"Precedence: {first}." if en else f"优先级：{first}。"]
    hit = {c.id for c in p.clauses if applies(c, case)}
    for a, b in p.over:
        both = {a, b} <= hit
        lines.append(f"Precedence: {a} over {b}: {'both apply' if both else 'no'}." if en else f"优先级：{a}优先于{b}：{'均符合' if both else '否'}。")
    return lines


def trace(p, case, effort):
    en = p.lang == "en"
    steps = [facts(p, case, effort == "high")] + [walk(p, c, case, effort != "low") for c in p.clauses]
    if effort == "high":
        steps.insert(0, f"The policy has {len(p.clauses)} clauses." if en else f"政策共{len(p.clauses)}条。")
    steps += precedence(p, case)
    c, why = decide(p, case)
    if why == "level":
        steps.append(f"Highest level: {c.level}." if en else f"最高级别：{c.level}。")
    if c:
        level = c.level if c.level.startswith("SP") else {"violates": "violates" if en else "违规", "safe": "safe" if en else "合规"}[c.level]
        steps.append(f"{c.id} decides: {level}." if en else f"由{c.id}决定：{level}。")
    else:
        steps.append("No clause applies: safe." if en else "没有条款符合：合规。")
    return "\n".join(steps)


def answer(p, case):
    """(final message, label, rules)."""
    c, _ = decide(p, case)
    k, bad = p.contract, bool(c and c.violates)
    rules = [c.id] if c else []
    if k["output"] == "binary":
        return ("1" if bad else "0"), ("1" if bad else "0"), rules
    if k["output"] == "json":
        out = {"violation": int(bad), "policy_category": c.id if c else None}
        if k["rule_ids"]:
            out["rule_ids"] = rules
        return json.dumps(out, ensure_ascii=False), "1" if bad else "0", rules
    label = (c.level if c else "SP0") if k["output"] == "severity" else k["violates"] if bad else k["safe"]
    return label + (f" {c.id}" if k["rule"] and c else ""), label, rules
