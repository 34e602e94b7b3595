// This file was generated.


export type BundleContent = "full" | "withheld";
