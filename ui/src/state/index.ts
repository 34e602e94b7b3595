import { Studio } from './studio.svelte';

/** The one studio of this window. */
export const studio = new Studio();
