// This file was generated.
import type { Block } from "./Block";
import type { Gate } from "./Gate";
import type { GateReport } from "./GateReport";
import type { Problem } from "./Problem";
import type { Release } from "./Release";
import type { RevisionId } from "./RevisionId";
import type { RunSummary } from "./RunSummary";
import type { SignOff } from "./SignOff";

export type ReleaseView = { policy: string, revision: RevisionId | null, run: RunSummary | null, gates: Array<Gate>, report: GateReport | null, problems: Array<Problem>, blocks: Array<Block>, sign_offs: Array<SignOff>, releases: Array<Release>, since: string | null, next_version: string, change_log: string, policy_diff: string, };
