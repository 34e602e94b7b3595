// This file was generated.


export type Block = "problems" | "not_run" | "no_gates" | "gates_not_met" | "released_already";
