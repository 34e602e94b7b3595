// This file was generated.


export type BundleStep = "reading" | "packing" | "signing" | "writing" | "checking" | "judging";
