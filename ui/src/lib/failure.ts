import type { Failure } from './types';

/** Whatever a call threw, as a `Failure`. */
export function asFailure(thrown: unknown): Failure {
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown) {
    const { code, message } = thrown as { code?: unknown; message: unknown };
    if (typeof code === 'string')
      return { code: code as Failure['code'], message: String(message) };
    return { code: 'internal', message: String(message) };
  }
  return { code: 'internal', message: String(thrown) };
}
