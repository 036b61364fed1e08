/** What a manifest says of a file that was read: its own line, and the lines of data that a long one goes on in. */
import type { BytePath } from '../../repository/byte-path.ts';
import { lineOf, piecesPerLine } from '../../repository/manifest.ts';
import type { FileRead } from './read-messages.ts';

/** `group` is that of its hard links; 0 where it has none. */
export function linesOfFile(path: BytePath, group: number, read: Omit<FileRead, 'changed'>): string {
  const { size, sparse, seen, content, mode, uid, gid, mtimeUs } = read;
  let lines = lineOf({
    type: 'file',
    path,
    size,
    ...(sparse ? { sparse: true as const } : {}),
    ...(group === 0 ? {} : { group }),
    ...(seen === null ? {} : { seen }),
    content: content.length <= piecesPerLine ? content : content.slice(0, piecesPerLine),
    mode,
    uid,
    gid,
    mtimeUs,
  });
  for (let at = piecesPerLine; at < content.length; at += piecesPerLine)
    lines += lineOf({ type: 'data', content: content.slice(at, at + piecesPerLine) });
  return lines;
}
