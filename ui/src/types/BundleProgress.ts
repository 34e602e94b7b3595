// This file was generated.
import type { BundleStep } from "./BundleStep";

export type BundleProgress = { step: BundleStep, done: number, total: number, };
