// Adding, editing and deleting cases of the policy in front.

import { nextId } from '../lib/cases';
import type { Case } from '../lib/types';
import { i18n } from '../messages/index.svelte';
import { notices } from './notices.svelte';
import type { Studio } from './studio.svelte';

export function beginCase(studio: Studio) {
  const tab = studio.tab;
  if (!tab) return;
  const id = nextId(tab.name, tab.cases.keys());
  studio.editing = { item: { id, content: '', kind: 'user_input' }, isNew: true };
}

export function editCase(studio: Studio, item: Case | undefined) {
  if (item) studio.editing = { item, isNew: false };
}

export async function deleteCase(studio: Studio, item: Case | undefined) {
  const tab = studio.tab;
  if (!tab || !item) return;
  tab.table.move(1);
  // Undoing puts the case back before the one that followed it in the file.
  const ids = [...tab.cases.keys()];
  const before = ids[ids.indexOf(item.id) + 1];
  const done = await studio.editSuite(tab, { kind: 'remove', id: item.id });
  if (done !== true) {
    notices.show(done === false ? i18n.m.suiteConflict : done.message);
    return;
  }
  notices.show(i18n.m.caseDeleted(item.id), {
    label: i18n.m.undo,
    run: () => {
      void studio.editSuite(tab, { kind: 'add', case: item, before }).then((added) => {
        if (added === true) tab.table.reveal(item.id);
        else notices.show(added === false ? i18n.m.suiteConflict : added.message);
      });
    },
  });
}
