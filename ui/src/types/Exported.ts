// This file was generated.
import type { ExportFormat } from "./ExportFormat";
import type { RunId } from "./RunId";

export type Exported = { path: string, run: RunId, format: ExportFormat, sha256: string | null, bytes: number, cases: number, key_ids: Array<string>, salt_file: string | null, };
