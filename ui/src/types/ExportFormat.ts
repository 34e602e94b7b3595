// This file was generated.


export type ExportFormat = "bundle" | "opa" | "promptfoo" | "openai_evals" | "inspect" | "roost" | "report";
