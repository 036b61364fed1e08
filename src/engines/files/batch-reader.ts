/**
 * Reads a batch of files, one after another, and says of each what the manifest says of it. The lines are made here, in the
 * thread that reads: what goes back is text, which costs the main thread next to nothing.
 */
import { linesOfFile } from './file-lines.ts';
import type { FileRead, FilesRead, FilesToRead, FileToRead } from './read-messages.ts';
import { skipOf } from './source-walk.ts';

/** Rejects with what `read` throws where that is no matter of the file alone: so says `isFatal`, or what was thrown. */
export async function readBatch(
  { paths, identities, groups }: FilesToRead,
  read: (file: FileToRead) => Promise<FileRead>,
  isFatal: (error: unknown) => boolean,
): Promise<FilesRead> {
  const answer: FilesRead = { lines: [], sizes: [], told: [] };
  for (const [place, path] of paths.entries()) {
    const [dev, ino] = [identities[2 * place] as bigint, identities[2 * place + 1] as bigint];
    try {
      const file = await read({ path, dev, ino });
      answer.lines.push(linesOfFile(path, groups[place] as number, file));
      answer.sizes.push(file.size);
      if (file.changed) answer.told.push({ place, why: 'changed', code: '' });
    } catch (error) {
      const skip = isFatal(error) ? undefined : skipOf(error);
      if (!skip) throw error;
      answer.lines.push('');
      answer.sizes.push(0);
      answer.told.push({ place, ...skip });
    }
  }
  return answer;
}
