// This file was generated.
import type { GateResult } from "./GateResult";
import type { RunSummary } from "./RunSummary";

export type GateReport = { policy: string, run: RunSummary, baseline: RunSummary | null, passed: boolean, results: Array<GateResult>, };
