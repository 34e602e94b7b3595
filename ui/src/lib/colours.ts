// The tokens' colours as a canvas or an exported picture needs them: resolved for the
// theme that is shown.

/** The present value of each colour token, such as `--bad`. */
export function colours<T extends string>(host: Element, tokens: readonly T[]): Record<T, string> {
  const probe = document.createElement('span');
  probe.style.display = 'none';
  host.append(probe);
  const found = {} as Record<T, string>;
  for (const token of tokens) {
    probe.style.color = `var(${token})`;
    found[token] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

/** Calls back when the theme changes, by choice or with the system; returns how to stop. */
export function onTheme(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', changed);
  return () => {
    observer.disconnect();
    system.removeEventListener('change', changed);
  };
}

/** A drawn SVG as a file of its own: tokens resolved, on the panel's ground. */
export function standaloneSvg(svg: SVGSVGElement): string {
  const clone = svg.cloneNode(true) as SVGSVGElement;
  clone.setAttribute('font-family', 'Inter, system-ui, sans-serif');
  const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  ground.setAttribute('width', '100%');
  ground.setAttribute('height', '100%');
  ground.setAttribute('fill', 'var(--panel)');
  clone.querySelector('style')?.after(ground);
  if (!ground.parentNode) clone.prepend(ground);
  const text = new XMLSerializer().serializeToString(clone);
  const tokens = [
    ...new Set([...text.matchAll(/var\((--[\w-]+)\)/g)].map((match) => match[1] ?? '')),
  ];
  const parent = svg.parentElement ?? document.body;
  const resolved = colours(parent, [...tokens, '--ink']);
  return text
    .replace(/var\((--[\w-]+)\)/g, (whole, token: string) => resolved[token] ?? whole)
    .replaceAll('currentColor', resolved['--ink'] ?? '#000');
}
