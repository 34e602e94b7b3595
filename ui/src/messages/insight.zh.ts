// Simplified Chinese, for what is found out about flips and verdicts.

import type { insight as en } from './insight.en';

export const insight: typeof en = {
  certaintyReal: '属实',
  certaintyNoise: '噪声',
  certaintyUndecided: '未定',
  certaintyUntested: '未检验',
  certaintyTesting: '检验中…',
  evidenceReal: (shown, pairs) => `属实：${pairs} 对采样中有 ${shown} 对出现此翻转。`,
  evidenceNoise: (shown, pairs) =>
    `噪声：${pairs} 对采样中只有 ${shown} 对出现此翻转，任何修改都可能引起。`,
  evidenceUndecided: (shown, pairs) => `未定：${pairs} 对采样中有 ${shown} 对出现此翻转。`,
  evidenceForm: '噪声：两份文本只在形式上不同：空白、顺序或编号。',
  evidenceClear: '属实：两次都直接作答，且相差很远。',
  evidenceUntested: '尚未检验。在两份文本下成对采样可知其是否属实。',
  evidenceSides: (before, after, pairs) =>
    `${pairs} 次中，${before} 次重复之前的判定，${after} 次重复现在的判定。`,
  certaintyCounts: (real, noise, undecided, untested) =>
    [
      real > 0 ? `${real} 个属实` : '',
      noise > 0 ? `${noise} 个噪声` : '',
      undecided > 0 ? `${undecided} 个未定` : '',
      untested > 0 ? `${untested} 个未检验` : '',
    ]
      .filter(Boolean)
      .join(' · '),
  testFlips: '检验翻转是否属实',
  testFlipsShort: '检验',
  confirmByThemselves: '空闲时检验翻转',
  confirmOn: '空闲时会自动检验翻转。',
  confirmOff: '只在您要求时检验翻转。',

  whichHunk: '由哪处修改引起',
  whichHunkHint: '在旧文本上逐一加入每处修改、在新文本上逐一去掉每处修改，重新判定此案例。',
  causedBy: '起因',
  causeEither: '任一处即可',
  causeTogether: '共同引起，单独则不会',
  causeTogetherHint: '相互作用：没有哪一处修改能单独引起此翻转。',
  causeContract: '输出约定',
  hunkName: (clauses, line) => clauses || `第 ${line} 行`,
  hunkGo: (line) => `在编辑器中显示第 ${line} 行`,

  smallestSet: '支撑此判定的最小条款集',
  smallestSetShort: '依据哪些条款',
  smallestSetHint: '逐一去掉每个条款（必要时去掉多个），重新判定此案例。',
  restsOn: '依据',
  restsTogether: '共同支撑：全部去掉后判定才会改变',
  restsOnNone: '不依据任何条款：全部去掉后判定仍不变',
  decidesAlone: '去掉后判定改变',
  eachDecides: '去掉其中任一条，判定都会改变',
  faithfulness: (n, cited) => `引用的 ${cited} 个条款中有 ${n} 个起决定作用`,
  withoutClause: '去掉每个条款后的判定：',
  showDetails: '逐条查看',
  hideDetails: '收起条款',
  clauseIsCited: '被引用',

  testingFlips: (n, decided) => `正在检验 ${n} 个翻转：已确定 ${decided} 个`,
  findingCause: (id) => `正在查找 ${id} 的起因`,
  findingCauses: (n) => `正在查找 ${n} 个翻转的起因`,
  findingClauses: (id) => `正在查找 ${id} 的依据`,
  stopProbes: '停止检验与查找',

  hunkCaused: (n) => `引起 ${n} 个翻转`,
  hunkCausedNone: '没有引起翻转',
  hunkCausedHint: '通过加入和去掉此处修改、重新判定这些翻转得出。',
  hunkShares: (n) => `其中 ${n} 个只与其他修改共同引起`,
  causesKnown: (n, total) =>
    n === total ? '已找到每个翻转的起因' : `已找到 ${n} 个翻转的起因，共 ${total} 个`,
  causesUnknown: '按翻转提到的条款分组；提到并不证明是起因。',
  findCauses: '查找起因',
  findCausesHint: '在后台逐一加入和去掉每处修改，重新判定每个翻转。',
  causeOfContract: (n) => `${n} 个翻转由前置信息中的输出约定引起。`,
};
