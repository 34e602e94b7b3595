// The editor in the window's colours, and the little of Markdown that is worth a colour.

import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

const wave = (color: string) => ({
  backgroundImage: 'none',
  // WebKit takes no thickness in the shorthand, and then draws nothing at all.
  textDecorationLine: 'underline',
  textDecorationStyle: 'wavy',
  textDecorationColor: color,
  textDecorationThickness: '1px',
  textUnderlineOffset: '4px',
});

const look = EditorView.theme({
  '&': { height: '100%', backgroundColor: 'var(--panel)', color: 'var(--ink)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': {
    fontFamily: 'var(--mono)',
    fontSize: '13px',
    lineHeight: '22px',
    scrollbarWidth: 'thin',
    scrollbarColor: 'var(--line-strong) transparent',
  },
  '.cm-content': { padding: '8px 0 40vh', caretColor: 'var(--ink)' },
  '.cm-line': { padding: '0 16px 0 6px' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)', borderLeftWidth: '1.5px' },
  '.cm-activeLine': { backgroundColor: 'transparent' },
  '&.cm-focused .cm-activeLine:not(.cm-changed-line):not(.cm-flash)': {
    backgroundColor: 'var(--hover)',
  },
  '.cm-activeLineGutter': { backgroundColor: 'transparent', color: 'var(--ink)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground':
    { backgroundColor: 'color-mix(in srgb, var(--accent) 24%, transparent)' },
  '.cm-gutters': { backgroundColor: 'var(--panel)', color: 'var(--faint)', border: 'none' },
  '.cm-lineNumbers .cm-gutterElement': {
    minWidth: '28px',
    padding: '0 6px 0 2px',
    fontSize: '11px',
    fontVariantNumeric: 'tabular-nums',
  },
  '.cm-change-gutter': { width: '4px' },
  '.cm-change': { backgroundColor: 'var(--edit)' },
  '.cm-change-removed': {
    background: 'linear-gradient(var(--bad), var(--bad)) top / 100% 3px no-repeat',
  },
  '.cm-change span': { display: 'block', height: '100%' },
  '.cm-changed-line': { backgroundColor: 'var(--edit-bg)' },
  '.cm-clause-gutter': { minWidth: '40px', overflow: 'visible' },
  '.cm-clause-gutter .cm-gutterElement': {
    display: 'flex',
    alignItems: 'flex-start',
    justifyContent: 'flex-end',
    paddingInlineStart: '6px',
    paddingTop: '3px',
  },
  '.cm-clause-badge': {
    position: 'relative',
    minWidth: '20px',
    padding: '0 4px',
    borderRadius: '4px',
    font: '600 10.5px/16px var(--sans)',
    fontVariantNumeric: 'tabular-nums',
    textAlign: 'center',
    color: 'var(--cite)',
    cursor: 'pointer',
    boxShadow: 'inset 0 0 0 1px color-mix(in srgb, var(--cite) 35%, transparent)',
  },
  '.cm-clause-deciding': { backgroundColor: 'var(--cite-bg)', boxShadow: 'none' },
  '.cm-clause-failing': { color: 'var(--bad)', backgroundColor: 'var(--bad-bg)' },
  '.cm-clause-unused': { color: 'var(--faint)', boxShadow: 'inset 0 0 0 1px var(--line)' },
  // A line below the badge: half for one verdict, whole for both.
  '.cm-clause-badge[data-standing=one_sided]::before, .cm-clause-badge[data-standing=both_polarities]::before':
    {
      content: '""',
      position: 'absolute',
      insetInlineStart: '2px',
      bottom: '-3px',
      width: 'calc(50% - 2px)',
      height: '2px',
      borderRadius: '1px',
      backgroundColor: 'currentColor',
      opacity: '0.55',
    },
  '.cm-clause-badge[data-standing=both_polarities]::before': { width: 'calc(100% - 4px)' },
  '.cm-clause-badge:hover::after': {
    content: 'attr(data-tip)',
    position: 'absolute',
    insetInlineStart: 'calc(100% + 8px)',
    top: '-4px',
    zIndex: '300',
    padding: '6px 10px',
    borderRadius: '6px',
    border: '1px solid var(--line-strong)',
    backgroundColor: 'var(--raised)',
    boxShadow: 'var(--shadow)',
    color: 'var(--ink)',
    font: '400 12px/18px var(--sans)',
    textAlign: 'start',
    whiteSpace: 'pre',
    pointerEvents: 'none',
  },
  '.cm-clause-id': { color: 'var(--cite)', fontWeight: '650' },
  '.cm-front-matter': { color: 'var(--mute)' },
  '.cm-front-matter *': { color: 'inherit !important', fontWeight: '400 !important' },
  // What caused the flip that is looked at, and what its verdict rests on.
  '.cm-cause': { boxShadow: 'inset 3px 0 var(--edit)', backgroundColor: 'var(--edit-bg)' },
  '.cm-cause-removed': { boxShadow: 'inset 0 2px var(--edit)' },
  '.cm-rests': {
    backgroundImage: 'linear-gradient(var(--cite-bg), var(--cite-bg))',
    boxShadow: 'inset 3px 0 var(--cite)',
  },
  '.cm-cause.cm-rests': { boxShadow: 'inset 3px 0 var(--edit), inset 6px 0 var(--cite)' },
  '.cm-flash': { animation: 'cm-flash 1.4s ease-out' },
  '@keyframes cm-flash': {
    '0%, 35%': { backgroundColor: 'var(--cite-bg)', boxShadow: 'inset 3px 0 var(--cite)' },
    '100%': { backgroundColor: 'transparent', boxShadow: 'inset 3px 0 transparent' },
  },
  '.cm-lintRange-error': wave('var(--bad)'),
  '.cm-lintRange-warning': wave('var(--noise)'),
  '.cm-tooltip': {
    border: '1px solid var(--line-strong)',
    borderRadius: '6px',
    backgroundColor: 'var(--raised)',
    color: 'var(--ink)',
    boxShadow: 'var(--shadow)',
    fontFamily: 'var(--sans)',
    fontSize: '12px',
    maxWidth: '420px',
  },
  '.cm-diagnostic': { padding: '6px 10px', borderInlineStart: '3px solid' },
  '.cm-diagnostic-error': { borderColor: 'var(--bad)' },
  '.cm-diagnostic-warning': { borderColor: 'var(--noise)' },
  '.cm-panels': {
    backgroundColor: 'var(--rail)',
    color: 'var(--ink)',
    borderColor: 'var(--line) !important',
    fontFamily: 'var(--sans)',
  },
  '.cm-panel.cm-search': { padding: '8px 10px', fontSize: '12px' },
  '.cm-textfield': {
    border: '1px solid var(--line-strong)',
    borderRadius: '5px',
    backgroundColor: 'var(--bg)',
    padding: '3px 7px',
    fontSize: '12px',
  },
  '.cm-button': {
    border: '1px solid var(--line-strong)',
    borderRadius: '5px',
    backgroundImage: 'none',
    backgroundColor: 'var(--panel)',
    padding: '3px 8px',
    fontSize: '12px',
  },
  '.cm-searchMatch': { backgroundColor: 'var(--noise-bg)', outline: '1px solid var(--noise)' },
  '.cm-searchMatch-selected': {
    backgroundColor: 'color-mix(in srgb, var(--noise) 40%, transparent)',
  },
  '.cm-selectionMatch': { backgroundColor: 'var(--press)' },
});

const markdown = HighlightStyle.define([
  { tag: tags.heading, fontWeight: '700' },
  { tag: tags.strong, fontWeight: '700' },
  { tag: tags.emphasis, fontStyle: 'italic' },
  { tag: [tags.processingInstruction, tags.contentSeparator], color: 'var(--faint)' },
  { tag: tags.monospace, color: 'var(--mute)' },
  { tag: tags.quote, color: 'var(--mute)' },
  { tag: [tags.link, tags.url], color: 'var(--accent)' },
]);

export function theme(): Extension {
  return [look, syntaxHighlighting(markdown)];
}
