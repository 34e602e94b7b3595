import { describe, expect, it } from 'vitest';
import { scrollToShow, visibleSlice } from './virtual';

const view = (scrollTop: number, height = 300) => ({ scrollTop, height, rowHeight: 30 });

describe('visibleSlice', () => {
  it('draws what is in sight and a little more', () => {
    expect(visibleSlice(view(0), 1000, 5)).toEqual({ first: 0, end: 16 });
    expect(visibleSlice(view(3000), 1000, 5)).toEqual({ first: 95, end: 116 });
  });

  it('ends with the list', () => {
    expect(visibleSlice(view(29_700), 1000, 5)).toEqual({ first: 985, end: 1000 });
    expect(visibleSlice(view(0), 3, 5)).toEqual({ first: 0, end: 3 });
    expect(visibleSlice(view(0), 0, 5)).toEqual({ first: 0, end: 0 });
  });

  it('survives a scroll position from a longer list', () => {
    const { first, end } = visibleSlice(view(90_000), 10, 5);
    expect(first).toBeLessThan(10);
    expect(end).toBe(10);
  });

  it('draws as few rows of a hundred thousand as of a hundred', () => {
    const { first, end } = visibleSlice(view(1_500_000), 100_000);
    expect(end - first).toBeLessThan(40);
  });
});

describe('scrollToShow', () => {
  it('moves no further than needed', () => {
    expect(scrollToShow(view(60), 5)).toBe(60);
    expect(scrollToShow(view(60), 0)).toBe(0);
    expect(scrollToShow(view(0), 10)).toBe(30);
  });
});
