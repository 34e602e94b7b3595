"""The sentences of a policy around its clauses, in four languages.

Owns wordings and nothing else; notation as in world.py. {x} is the policy's subject, {w} a
made-up word, {a} and {b} the labels of the two sides, {levels} those of a scale.
"""

SECTIONS = {
    "en": {
        "title": ["{x} policy", "{x}", "Rules on {x}", "{x} in our community", "What we accept about {x}"],
        "task": "[Instruction|Instructions|Task|What to do]", "definitions": "[Definitions|Terms|Key terms]", "precedence": "[Precedence|Order|Conflicts|Which rule wins]", "examples": "[Examples|Sample answers]",
        "judge": "[Judge|Review|Check|Classify|Decide on] [one|the|this] [text|post|message|item of content|content][ against the rules below| under this policy|]. ",
        "rule": " with the rule that decides", "binary": "Answer [1 if it violates [the policy|a rule], 0 if it [is safe|does not]|with 1 (violates) or 0 (safe)|1 for a violation, 0 for safe|only with 1 or 0].",
        "json": "[Answer|Reply] [with|in] JSON: ", "bit": "0 or 1", "category": "rule or null", "severity": "Answer with [one level|the level|one label]: {levels}", "label": "[Answer|Reply with|Reply] {a} or {b}", "or": " or ",
        "means": ["“{w}” means {x}.", "“{w}”: {x}.", "By “{w}” we mean {x}."], "words": "{x}: {words}, and the like.", "terms": ["A person: anyone who can be named.", "Content: a post, a message or a reply.", "A rule applies where its topic and its act are both shown."],
        "violates": "[Violates|Not allowed|Violations|Forbidden|Prohibited]", "safe": "[Safe|Allowed|Exceptions|Not a violation|Permitted]",
        "grades": ("safe", "low", "medium", "high"), "highest": "[The highest level wins|If several levels apply, take the highest].",
        "nothing": "[If nothing applies, it is safe|No rule applies: safe|If nothing applies, {s}|Whatever no rule names is {s}].",
        "two": "[Two policies follow. Content violates if it violates either of them.|Judge the content under both policies below; one violation is enough.]", "parts": ("First policy: {x}", "Second policy: {x}"),
    },
    "zh": {
        "title": ["{x}管理规定", "{x}", "{x}政策", "关于{x}的规则", "{x}内容标准"],
        "task": "[任务|说明|指令|工作要求]", "definitions": "[定义|术语|名词解释]", "precedence": "[优先级|冲突处理|先后次序]", "examples": "[示例|例子]",
        "judge": "[判断|审核|检查|评定][以下|一条|这条][内容|消息|文本][是否违反下列规则|]。",
        "rule": "，并写出决定的条款", "binary": "[违规回答1，[合规|否则]回答0|只回答1（违规）或0（合规）|违规输出1，不违规输出0]。",
        "json": "[请|]用JSON[回答|回复]：", "bit": "0或1", "category": "条款或null", "severity": "[回答|写出]级别：{levels}", "label": "[回答|输出|回复]{a}或{b}", "or": "或",
        "means": ["“{w}”指{x}。", "“{w}”：{x}。", "本政策所称“{w}”是{x}。"], "words": "{x}：{words}等。", "terms": ["用户：任何使用本平台的人。", "内容：帖子、消息或回复。", "主题和行为都出现时，条款才符合。"],
        "violates": "[违规|禁止|违规内容|不允许]", "safe": "[允许|例外|合规|不违规]",
        "grades": ("合规", "轻微", "中等", "严重"), "highest": "[多级同时符合时取最高级|以最高级别为准]。",
        "nothing": "[没有条款符合则合规|不符合任何条款视为合规|没有条款涉及的内容为{s}]。",
        "two": "[以下有两份政策，违反其中任何一份即为违规。|请同时按下面两份政策判断，违反一份就算违规。]", "parts": ("第一份政策：{x}", "第二份政策：{x}"),
    },
    "es": {
        "title": ["Política: {x}", "{x}", "Reglas sobre {x}", "Normas de la comunidad: {x}", "Qué aceptamos sobre {x}"],
        "task": "[Instrucción|Instrucciones|Tarea|Qué hay que hacer]", "definitions": "[Definiciones|Términos]", "precedence": "[Precedencia|Orden|Conflictos|Qué regla gana]", "examples": "[Ejemplos|Respuestas de muestra]",
        "judge": "[Juzga|Revisa|Evalúa|Clasifica] [el|este] [texto|mensaje|contenido][ según las reglas siguientes| conforme a esta política|]. ",
        "rule": " con la regla que decide", "binary": "Responde [1 si infringe [la política|alguna regla] y 0 si no|con 1 (infringe) o 0 (permitido)|solo con 1 o 0|1 para una infracción y 0 para lo permitido].",
        "json": "[Responde|Contesta] [en|con] JSON: ", "bit": "0 o 1", "category": "regla o null", "severity": "Responde con [un nivel|el nivel|una etiqueta]: {levels}", "label": "[Responde|Contesta|Contesta con] {a} o {b}", "or": " o ",
        "means": ["«{w}» significa {x}.", "«{w}»: {x}.", "Por «{w}» se entiende {x}."], "words": "{x}: {words} y similares.", "terms": ["Una persona: cualquiera a quien se pueda nombrar.", "Contenido: una publicación, un mensaje o una respuesta.", "Una regla se cumple cuando aparecen su tema y su acto."],
        "violates": "[Infringe|No permitido|Infracciones|Prohibido]", "safe": "[Permitido|Excepciones|No es infracción|Admitido]",
        "grades": ("permitido", "leve", "medio", "grave"), "highest": "[Gana el nivel más alto|Si se cumplen varios niveles, elige el más alto].",
        "nothing": "[Si nada se cumple, está permitido|Si no se cumple ninguna regla: permitido|Lo que ninguna regla nombra es {s}].",
        "two": "[Siguen dos políticas. El contenido infringe si infringe una de ellas.|Juzga el contenido según las dos políticas; basta una infracción.]", "parts": ("Primera política: {x}", "Segunda política: {x}"),
    },
    "ar": {
        "title": ["سياسة: {x}", "{x}", "قواعد بشأن {x}", "معايير المجتمع: {x}", "ما نقبله بشأن {x}"],
        "task": "[التعليمات|المهمة|المطلوب]", "definitions": "[التعريفات|المصطلحات]", "precedence": "[الأولوية|الترتيب|التعارض|أي قاعدة تغلب]", "examples": "[أمثلة|نماذج من الأجوبة]",
        "judge": "[احكم على|راجع|افحص|صنّف] [النص|الرسالة|المحتوى][ وفق القواعد التالية| بموجب هذه السياسة|]. ",
        "rule": " مع القاعدة الحاسمة", "binary": "[أجب بالرقم 1 عند المخالفة وبالرقم 0 في غير ذلك|أجب بالرقم 1 (مخالف) أو 0 (مسموح)|أجب فقط بالرقم 1 أو 0].",
        "json": "[أجب|اكتب الجواب] بصيغة JSON: ", "bit": "0 أو 1", "category": "القاعدة أو null", "severity": "أجب [بدرجة واحدة|بالدرجة]: {levels}", "label": "[أجب|اكتب|الجواب]: {a} أو {b}", "or": " أو ",
        "means": ["«{w}» تعني {x}.", "«{w}»: {x}.", "المقصود بكلمة «{w}»: {x}."], "words": "{x}: {words} وما يشبه ذلك.", "terms": ["الشخص: كل من يمكن تسميته.", "المحتوى: منشور أو رسالة أو رد.", "تنطبق القاعدة إذا ظهر موضوعها وفعلها معًا."],
        "violates": "[مخالف|غير مسموح|المخالفات|ممنوع]", "safe": "[مسموح|الاستثناءات|ليس مخالفة|مقبول]",
        "grades": ("مسموح", "خفيف", "متوسط", "شديد"), "highest": "[الدرجة الأعلى تغلب|إذا انطبقت عدة درجات فخذ الأعلى].",
        "nothing": "[إذا لم تنطبق قاعدة فالمحتوى مسموح|لا قاعدة تنطبق: مسموح|ما لا تذكره قاعدة فهو {s}].",
        "two": "[فيما يلي سياستان، والمحتوى مخالف إذا خالف إحداهما.|احكم على المحتوى وفق السياستين معًا، وتكفي مخالفة واحدة.]", "parts": ("السياسة الأولى: {x}", "السياسة الثانية: {x}"),
    },
}
