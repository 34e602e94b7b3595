// This file was generated.
import type { RunId } from "./RunId";

export type SignOffRequest = { run: RunId, name: string, role: string, key: string | null, statement: string, };
