/** Membership: who is in the cluster. Each agent renews a lease; nobody is judged dead by a judge who cannot hear. */

export interface Lease {
  agent: string;
  /** One start of the agent's process. */
  incarnation: string;
  host: string;
  /** The process, so that a peer on the same host can prove it dead. */
  process: { pid: number; startedAt: string; bootId: string };
  version: string;
  labels: Record<string, string>;
  /** What the agent's state machine says: `joining`, `running`, `draining`, `fenced`, `stopped`. */
  mode: string;
  /** Versions of the machines that it can run, by kind. */
  machines: Record<string, number>;
  /** How many actors it runs. */
  actors: number;
  /** When this incarnation joined (RFC 3339). */
  since: string;
}

export interface Member extends Lease {
  /** When its last renewal reached the cluster. */
  lastSeen: string;
  /** Within its lease. */
  alive: boolean;
}

export interface Membership {
  /**
   * Takes the lease of this agent's name and begins to renew it every second. Rejects with an AnswerError `conflict`
   * that names the other process when one of the same name lives, or is not proved dead within the lease.
   */
  join(): Promise<void>;
  /** Changes what the next renewal says, and renews at once. */
  announce(change: Partial<Pick<Lease, 'mode' | 'labels' | 'actors'>>): void;
  /** All known members, by name. */
  list(): Promise<Member[]>;
  /**
   * When the cluster last heard of an agent, in milliseconds by the cluster's own time: its newest renewal, or its farewell,
   * as they are stored. Undefined for one that nothing is stored of. This agent's own is the present, but for a second.
   */
  lastHeardMs(agent: string): number | undefined;
  /** Cluster time less this process's clock, in milliseconds; undefined until it was measured. */
  offsetMs(): number | undefined;
  /** Calls `lost` once when the lease was taken by another incarnation. */
  onLost(lost: (by: Lease) => void): void;
  /** Gives the lease back (the last thing that a stopping agent writes) and stops renewing. Bounded by `signal`. */
  leave(signal: AbortSignal): Promise<void>;
}
