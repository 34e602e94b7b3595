// This file was generated.


export type SignerRequest = { name: string, role: string, statement: string, key_file: string, signed_at_ms: number | null, };
