// This file was generated.
import type { GateResult } from "./GateResult";
import type { RevisionId } from "./RevisionId";
import type { RunId } from "./RunId";
import type { SignOff } from "./SignOff";

export type Release = { policy: string, version: string, run: RunId, revision: RevisionId, change_log: string, gates: Array<GateResult>, released_at_ms: number, sign_offs: Array<SignOff>, };
