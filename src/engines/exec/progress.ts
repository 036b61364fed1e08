/** What a command says of its progress, an object a line with the fields of WIRE; what it leaves out is unknown. */
import type { Progress } from '../../domain/run.ts';

/** Undefined for a line that is no progress: a command may say other things too. */
export function progressOf(line: string): Progress | undefined {
  const said = objectOf(line);
  if (!said || !('bytesDone' in said || 'filesDone' in said)) return undefined;
  const count = (name: keyof Progress): number | null => {
    const value = said[name];
    return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
  };
  return {
    bytesDone: count('bytesDone'),
    bytesTotal: count('bytesTotal'),
    filesDone: count('filesDone'),
    filesTotal: count('filesTotal'),
    rateBytesPerS: count('rateBytesPerS'),
    etaS: count('etaS'),
  };
}

function objectOf(line: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(line);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
