// This file was generated.
import type { BundleContent } from "./BundleContent";
import type { ExportFormat } from "./ExportFormat";
import type { RunId } from "./RunId";
import type { SignerRequest } from "./SignerRequest";

export type ExportRequest = { policy: string, run: RunId | null, format: ExportFormat, out: string, overwrite: boolean, content: BundleContent, signers: Array<SignerRequest>, not_before_ms: number | null, expires_at_ms: number | null, change_log: string | null, };
