/** What is compared: something that keeps backups in a repository of its own, by processes that end. */
import type { Usage } from './measured-process.ts';

export interface Contender {
  readonly name: string;
  /** Absolute path of its repository. */
  readonly repository: string;
  /** Makes what has to be there before the first backup and is made once: it is not measured. */
  prepare(): Promise<void>;
  /** Rejects where anything of the source was left out. */
  backUp(source: string): Promise<Usage>;
  /** Brings the newest backup back into `to`, which does not exist yet. */
  restore(to: string): Promise<Usage>;
  /** Where `source` lies after that. */
  restored(to: string, source: string): string;
}
