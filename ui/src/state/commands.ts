// Every action of the window, once: the palette lists them, the shortcut sheet
// documents them, and the keyboard runs them.

import { withExpected } from '../lib/cases';
import { pressed, typing } from '../lib/keys';
import type { Messages } from '../messages/en';
import { i18n } from '../messages/index.svelte';
import { beginCase, deleteCase, editCase } from './casesActions';
import {
  findCause,
  findClauses,
  pairOnShow,
  selectedRow,
  testFlips,
  testWhenIdle,
} from './insightActions';
import { notices } from './notices.svelte';
import { preferences } from './preferences.svelte';
import { SCREENS } from './screens';
import type { Studio } from './studio.svelte';
import { FILTERS } from './table.svelte';

export type CommandGroup = 'groupGeneral' | 'groupEditor' | 'groupTable';

export type Command = {
  id: string;
  title: (m: Messages) => string;
  group: CommandGroup;
  /** Keys; those without Ctrl or Alt are left alone while somebody types. */
  keys?: string;
  enabled?: (studio: Studio) => boolean;
  run: (studio: Studio) => void;
};

const focus = (selector: string) => document.querySelector<HTMLElement>(selector)?.focus();
const hasTab = (studio: Studio) => studio.tab !== null;
const atWorkbench = (studio: Studio) => hasTab(studio) && studio.screen === 'workbench';
const hasCase = (studio: Studio) => selectedCase(studio) !== undefined;

const hasFlips = (studio: Studio) =>
  studio.tab !== null &&
  pairOnShow(studio.tab) !== null &&
  Object.values(studio.tab.figures?.flips ?? {}).some((n) => n > 0);

/** Whether flips are tested by themselves; a person changes it in the menu or the palette. */
export function toggleConfirming(studio: Studio) {
  preferences.setConfirmFlips(!preferences.confirmFlips);
  notices.show(preferences.confirmFlips ? i18n.m.confirmOn : i18n.m.confirmOff);
  if (preferences.confirmFlips) {
    studio.insight.allow();
    testWhenIdle(studio);
  } else if (studio.insight.task?.question === 'confirm') {
    studio.insight.stop();
  }
}

function selectedCase(studio: Studio) {
  const id = studio.screen === 'workbench' ? studio.tab?.table.selected : null;
  return id == null ? undefined : studio.tab?.caseOf(id);
}

const filterKeys: Command[] = FILTERS.map((filter, at) => {
  const titles = [
    'filterAll',
    'filterFlipped',
    'filterWrong',
    'filterNear',
    'filterRunning',
  ] as const;
  return {
    id: `filter-${filter}`,
    title: (m) => `${m.cases}: ${m[titles[at] ?? 'filterAll']}`,
    group: 'groupTable',
    keys: String(at + 1),
    enabled: atWorkbench,
    run: (studio) => studio.tab?.table.setFilter(filter),
  };
});

const screenKeys: Command[] = SCREENS.map((screen) => ({
  id: `screen-${screen.id}`,
  title: (m) => m.goToScreen(screen.title(m)),
  group: 'groupGeneral',
  keys: screen.keys,
  enabled: hasTab,
  run: (studio) => studio.show(screen.id),
}));

export const commands: readonly Command[] = [
  {
    id: 'palette',
    title: (m) => m.palette,
    group: 'groupGeneral',
    keys: 'Ctrl+K',
    run: (studio) => (studio.overlay = 'palette'),
  },
  {
    id: 'shortcuts',
    title: (m) => m.shortcuts,
    group: 'groupGeneral',
    keys: '?',
    run: (studio) => (studio.overlay = 'shortcuts'),
  },
  {
    id: 'run',
    title: (m) => m.runNow,
    group: 'groupGeneral',
    keys: 'Ctrl+Enter',
    enabled: hasTab,
    run: (studio) => studio.tab && void studio.evaluate(studio.tab, 0),
  },
  {
    id: 'cancel',
    title: (m) => m.cancelRun,
    group: 'groupGeneral',
    keys: 'Escape',
    enabled: (studio) => studio.tab?.session.busy ?? false,
    run: (studio) => void studio.cancel(),
  },
  ...screenKeys,
  {
    id: 'history',
    title: (m) => m.historyRuns,
    group: 'groupGeneral',
    keys: 'Ctrl+H',
    enabled: hasTab,
    run: (studio) => (studio.overlay = 'history'),
  },
  {
    id: 'baseline',
    title: (m) => m.currentAsBaseline,
    group: 'groupGeneral',
    keys: 'Ctrl+B',
    enabled: (studio) => studio.tab?.summary?.state === 'finished',
    run: (studio) => {
      const run = studio.tab?.summary?.run;
      if (studio.tab && run !== undefined) void studio.setBaseline(studio.tab, run);
    },
  },
  {
    id: 'import',
    title: (m) => m.importCases,
    group: 'groupGeneral',
    keys: 'Ctrl+I',
    enabled: hasTab,
    run: (studio) => void studio.importCases(),
  },
  {
    id: 'bundle',
    title: (m) => m.bundleCheck,
    group: 'groupGeneral',
    keys: 'Ctrl+Shift+B',
    enabled: (studio) => studio.workspace !== null,
    run: (studio) => (studio.overlay = 'bundle'),
  },
  {
    id: 'models',
    title: (m) => m.manageModels,
    group: 'groupGeneral',
    keys: 'Ctrl+M',
    enabled: (studio) => studio.workspace !== null,
    run: (studio) => (studio.overlay = 'models'),
  },
  {
    id: 'open-folder',
    title: (m) => m.openFolder,
    group: 'groupGeneral',
    keys: 'Ctrl+O',
    run: (studio) => void studio.openFolder(),
  },
  {
    id: 'servers',
    title: (m) => m.servers,
    group: 'groupGeneral',
    enabled: (studio) => studio.workspace !== null,
    run: (studio) => (studio.overlay = 'servers'),
  },
  {
    id: 'focus-editor',
    title: (m) => m.focusEditor,
    group: 'groupGeneral',
    keys: 'Alt+1',
    enabled: atWorkbench,
    run: (studio) => studio.editor?.focus(),
  },
  {
    id: 'focus-table',
    title: (m) => m.focusTable,
    group: 'groupGeneral',
    keys: 'Alt+2',
    enabled: atWorkbench,
    run: () => focus('[data-focus=cases]'),
  },
  {
    id: 'focus-trace',
    title: (m) => m.focusTrace,
    group: 'groupGeneral',
    keys: 'Alt+3',
    enabled: atWorkbench,
    run: () => focus('[data-focus=trace]'),
  },
  {
    id: 'save',
    title: (m) => m.savePolicy,
    group: 'groupEditor',
    keys: 'Ctrl+S',
    enabled: hasTab,
    run: (studio) => studio.tab && void studio.save(studio.tab),
  },
  {
    id: 'find',
    title: (m) => m.findInPolicy,
    group: 'groupEditor',
    keys: 'Ctrl+F',
    enabled: atWorkbench,
    run: (studio) => studio.editor?.find(),
  },
  {
    id: 'next-policy',
    title: (m) => m.nextPolicy,
    group: 'groupEditor',
    keys: 'Ctrl+PageDown',
    enabled: hasTab,
    run: (studio) => studio.step(1),
  },
  {
    id: 'previous-policy',
    title: (m) => m.previousPolicy,
    group: 'groupEditor',
    keys: 'Ctrl+PageUp',
    enabled: hasTab,
    run: (studio) => studio.step(-1),
  },
  {
    id: 'new-policy',
    title: (m) => m.newPolicy,
    group: 'groupEditor',
    keys: 'Ctrl+N',
    enabled: (studio) => studio.workspace !== null,
    run: (studio) => (studio.overlay = 'new-policy'),
  },
  {
    id: 'next-flip',
    title: (m) => m.nextFlip,
    group: 'groupTable',
    keys: 'F8',
    enabled: atWorkbench,
    run: (studio) => studio.tab?.table.moveToFlip(1),
  },
  {
    id: 'previous-flip',
    title: (m) => m.previousFlip,
    group: 'groupTable',
    keys: 'Shift+F8',
    enabled: atWorkbench,
    run: (studio) => studio.tab?.table.moveToFlip(-1),
  },
  {
    id: 'test-flips',
    title: (m) => m.testFlips,
    group: 'groupTable',
    keys: 'T',
    enabled: (studio) => atWorkbench(studio) && hasFlips(studio),
    run: (studio) => studio.tab && testFlips(studio, studio.tab),
  },
  {
    id: 'cause',
    title: (m) => m.whichHunk,
    group: 'groupTable',
    keys: 'C',
    enabled: (studio) => selectedRow(studio)?.flip != null,
    run: (studio) => findCause(studio),
  },
  {
    id: 'clauses',
    title: (m) => m.smallestSet,
    group: 'groupTable',
    keys: 'S',
    enabled: (studio) => selectedRow(studio)?.verdict != null,
    run: (studio) => findClauses(studio),
  },
  {
    id: 'stop-probes',
    title: (m) => m.stopProbes,
    group: 'groupTable',
    enabled: (studio) => studio.insight.task !== null,
    run: (studio) => studio.insight.stop(),
  },
  {
    id: 'filter',
    title: (m) => m.focusFilter,
    group: 'groupTable',
    keys: '/',
    enabled: atWorkbench,
    run: () => focus('[data-focus=filter]'),
  },
  ...filterKeys,
  {
    id: 'expected',
    title: (m) => m.toggleExpected,
    group: 'groupTable',
    keys: 'X',
    enabled: hasCase,
    run: (studio) => {
      const item = selectedCase(studio);
      if (!studio.tab || !item) return;
      const expected = item.expected === 'violates' ? 'safe' : 'violates';
      const changed = withExpected(item, expected, studio.tab.analysis.output);
      void studio.editSuite(studio.tab, { kind: 'replace', id: item.id, case: changed });
    },
  },
  {
    id: 'edit-case',
    title: (m) => m.editCase,
    group: 'groupTable',
    keys: 'E',
    enabled: hasCase,
    run: (studio) => editCase(studio, selectedCase(studio)),
  },
  {
    id: 'add-case',
    title: (m) => m.addCase,
    group: 'groupTable',
    keys: 'N',
    enabled: atWorkbench,
    run: (studio) => beginCase(studio),
  },
  {
    id: 'delete-case',
    title: (m) => m.deleteCase,
    group: 'groupTable',
    keys: 'Delete',
    enabled: hasCase,
    run: (studio) => void deleteCase(studio, selectedCase(studio)),
  },
  {
    id: 'regroup',
    title: (m) => m.regroup,
    group: 'groupTable',
    keys: 'G',
    enabled: atWorkbench,
    run: (studio) => studio.tab?.table.regroup(),
  },
  {
    id: 'confirm-flips',
    title: (m) => m.confirmByThemselves,
    group: 'groupGeneral',
    run: (studio) => toggleConfirming(studio),
  },
  {
    id: 'theme',
    title: (m) => m.toggleTheme,
    group: 'groupGeneral',
    run: () => preferences.toggleTheme(),
  },
  {
    id: 'theme-system',
    title: (m) => m.themeSystem,
    group: 'groupGeneral',
    run: () => preferences.setTheme('system'),
  },
  {
    id: 'language',
    title: (m) => m.switchLanguage,
    group: 'groupGeneral',
    run: () => preferences.setLanguage(i18n.language === 'en' ? 'zh' : 'en'),
  },
];

/** Runs the command that a key press names; `true` when there was one. */
export function runKey(studio: Studio, event: KeyboardEvent): boolean {
  if (event.isComposing || event.defaultPrevented) return false;
  const bare = !event.ctrlKey && !event.metaKey && !event.altKey;
  const text = typing(event.target);
  for (const command of commands) {
    if (command.keys === undefined || !pressed(event, command.keys)) continue;
    const harmless =
      command.keys === 'Escape' || command.keys.startsWith('F') || command.keys === 'Shift+F8';
    if (bare && text && !harmless) continue;
    if (command.enabled && !command.enabled(studio)) continue;
    command.run(studio);
    return true;
  }
  return false;
}
