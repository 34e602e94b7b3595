// Which rows of a long list are drawn. All rows have one height, so the answer is
// arithmetic, and a hundred thousand rows cost what forty do.

export type Viewport = { scrollTop: number; height: number; rowHeight: number };
export type Slice = { first: number; end: number };

/** The half-open range of rows to draw: those in sight and `overscan` on each side. */
export function visibleSlice(view: Viewport, count: number, overscan = 8): Slice {
  const top = Math.max(0, Math.floor(view.scrollTop / view.rowHeight));
  const shown = Math.ceil(view.height / view.rowHeight) + 1;
  const first = Math.max(0, Math.min(top, count - 1) - overscan);
  return { first, end: Math.min(count, top + shown + overscan) };
}

/** The scroll position that brings a row into sight with the least movement. */
export function scrollToShow(view: Viewport, index: number, header = 0): number {
  const top = index * view.rowHeight;
  if (top - header < view.scrollTop) return Math.max(0, top - header);
  const bottom = top + view.rowHeight;
  return bottom > view.scrollTop + view.height ? bottom - view.height : view.scrollTop;
}
