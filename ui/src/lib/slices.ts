// Long work on the page's own thread, in slices so short that no frame waits for it. A
// generator yields wherever it may be interrupted.

/** Half a frame is left for drawing it. */
const SLICE_MS = 5;

/** Runs the work up to a deadline; whether it has come to its end. */
function run<T>(work: Generator<void, T>, until: number): { done: boolean; value?: T } {
  for (;;) {
    const step = work.next();
    if (step.done) return { done: true, value: step.value };
    if (performance.now() >= until) return { done: false };
  }
}

/**
 * Does the work, the first slice at once: what is done by then is done when this returns.
 * Returns a way to give up the rest.
 */
export function inSlices<T>(work: Generator<void, T>, onDone: (value: T) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const slice = () => {
    timer = null;
    const { done, value } = run(work, performance.now() + SLICE_MS);
    if (done) onDone(value as T);
    // Browsers hold back timers that follow one another, which leaves time for frames.
    else timer = setTimeout(slice, 0);
  };
  slice();
  return () => {
    if (timer !== null) clearTimeout(timer);
  };
}

/** Sorts in place by a comparison, stably: runs first, then merged two by two. */
export function* sortInSlices(
  items: Uint32Array,
  compare: (a: number, b: number) => number,
): Generator<void, void> {
  const RUN = 512;
  for (let from = 0; from < items.length; from += RUN) {
    items.subarray(from, from + RUN).sort(compare);
    yield;
  }
  let source: Uint32Array = items;
  let target: Uint32Array = new Uint32Array(items.length);
  for (let width = RUN; width < items.length; width *= 2) {
    for (let from = 0; from < items.length; from += 2 * width) {
      const middle = Math.min(from + width, items.length);
      const end = Math.min(from + 2 * width, items.length);
      let [left, right] = [from, middle];
      for (let at = from; at < end; at++) {
        const takeLeft =
          right >= end ||
          (left < middle && compare(source[left] as number, source[right] as number) <= 0);
        target[at] = source[takeLeft ? left++ : right++] as number;
        if (at % RUN === 0) yield;
      }
    }
    [source, target] = [target, source];
  }
  if (source !== items) items.set(source);
}
