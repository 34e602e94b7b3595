// This file was generated.


export type SignOff = { name: string, role: string, key: string | null, statement: string, signed_at_ms: number, };
