/**
 * Every fact that the system tells, as it stands in the log: its constant message, its level and what its fields mean.
 * The types hold this table complete; docs/facts.md is written from it.
 */
import type { FactName, FactOf } from '../domain/facts.ts';

export type Level = 'info' | 'warn' | 'error';

type Fields<Name extends FactName> = { [Field in keyof Omit<FactOf<Name>, 'fact' | 'at'>]-?: string };

export interface FactEntry<Name extends FactName = FactName> {
  level: Level;
  message: string;
  fields: Fields<Name>;
}

const actor = { kind: 'kind of the actor', id: 'its id' } as const;

const pair = { schedule: 'its name', plan: 'the plan that it runs' } as const;

export const facts: { [Name in FactName]: FactEntry<Name> } = {
  'actor.transition': {
    level: 'info',
    message: 'actor changed state',
    fields: {
      ...actor,
      from: 'the state before; null on the first',
      state: 'the state now, as a dotted path',
      event: 'type of the event that led here',
      reason: "why, from the wire's list of reasons; null where there is none",
      note: "a person's words; null where there are none",
      final: 'true when the actor has ended',
      agent: 'the agent that runs it',
    },
  },
  'actor.refused': {
    level: 'warn',
    message: 'actor refused a message',
    fields: {
      ...actor,
      command: 'type of the message; null where it names none',
      code: 'the code of the answer, such as refused or invalid',
      message: 'what was wrong',
      hint: 'what to do next',
    },
  },
  'actor.crashed': {
    level: 'error',
    message: 'actor crashed',
    fields: {
      ...actor,
      state: 'the last durable state; null when it had none yet',
      message: 'the error',
      stack: 'where, a line an entry; null when unknown',
    },
  },
  'actor.restarted': {
    level: 'warn',
    message: 'actor restarted',
    fields: { ...actor, restarts: 'how many restarts in the period', afterMs: 'the wait before it' },
  },
  'actor.fenced': {
    level: 'warn',
    message: 'actor lost to another owner',
    fields: { ...actor, by: 'the agent that owns it now; null when unknown', epoch: "the new owner's epoch" },
  },
  'dead-letter': {
    level: 'warn',
    message: 'mail for nobody',
    fields: { ...actor, command: 'type of the message; null where it names none', message: 'why nobody took it' },
  },
  'mail.poisoned': {
    level: 'error',
    message: 'message passed over, it crashes its actor',
    fields: { ...actor, seq: 'sequence of the message in the mail stream', crashes: 'how often it crashed the actor' },
  },
  'effect.unsettled': {
    level: 'warn',
    message: 'effect did not stop in time',
    fields: { ...actor, effect: 'id of the effect', forMs: 'how long it was waited for' },
  },
  'engine.reattached': {
    level: 'info',
    message: 'looked for an engine that was left running',
    fields: { ...actor, found: 'alive, ended (its exit was recorded), gone, or rebooted' },
  },
  'hook.failed': {
    level: 'warn',
    message: 'hook failed',
    fields: {
      ...actor,
      hook: 'its name',
      when: 'before or finally',
      message: 'how it ended, and the end of its stderr',
    },
  },
  'run.slow': {
    level: 'warn',
    message: 'run is near its deadline',
    fields: {
      ...actor,
      plan: 'its plan',
      transferringMs: 'how long its engine has worked',
      deadlineMs: 'its deadline `run`, of which that is four fifths or more',
      lastMs: 'what the last ten that succeeded took, newest first; null where that cannot be read now',
    },
  },
  'ping.failed': {
    level: 'warn',
    message: 'ping was given up',
    fields: { ...actor, ping: "its name in the agent's file", message: 'what the last try met' },
  },
  'plan.newest': {
    level: 'info',
    message: 'newest complete backup of a plan',
    fields: { plan: 'its name', since: 'when it was made; null where there is none' },
  },
  'plan.gone': {
    level: 'info',
    message: "plan is this agent's no more",
    fields: { plan: 'its name; it may have been deleted' },
  },
  'plan.overdue': {
    level: 'warn',
    message: 'plan is overdue',
    fields: {
      plan: 'its name',
      since: 'when its last complete backup was made; null where it has none',
      why: 'no complete backup within its maxAge, no drill that succeeded within its drillEvery, or five backups in a row that a drain cancelled',
      of: 'what of it is overdue: backup, drill, or both',
    },
  },
  'plan.on-time': {
    level: 'info',
    message: 'plan is overdue no more',
    fields: { plan: 'its name', since: 'when its last complete backup was made; null where it has none' },
  },
  'drill.ended': {
    level: 'info',
    message: 'drill ended',
    fields: {
      ...actor,
      plan: 'its plan',
      backup: 'the backup that it restored',
      ending: 'completed where the backup came back as it was backed up, or how else it ended',
      reason: "why, from the wire's list of reasons; null where there is none",
      message: 'in words, with the file and what is damaged; null where it went well',
    },
  },
  'run.given-up': {
    level: 'warn',
    message: 'run had been ended by another agent',
    fields: {
      ...actor,
      by: 'the agent that ended it',
      state: 'how it ended',
      pids: 'the processes of it that were found here, and are stopped',
    },
  },
  'sweep.removed': {
    level: 'info',
    message: 'removed what a crash had left',
    fields: {
      what: 'what it was',
      where: 'a path, or a repository as plans name it',
      why: 'the proof that nobody needs it',
    },
  },
  'sweep.left': {
    level: 'warn',
    message: 'left what may be needed, or cannot be removed',
    fields: {
      what: 'what it is',
      where: 'a path, or a repository as plans name it',
      why: 'why it is left, and what to do',
    },
  },
  'schedule.blocked': {
    level: 'warn',
    message: 'schedule is blocked',
    fields: {
      ...pair,
      run: 'the run of an earlier tick, which is not over',
      state: 'the state of that run',
      since: 'since when it is in the way',
      why: 'what it waits for or is at, in words',
    },
  },
  'schedule.unblocked': {
    level: 'info',
    message: 'schedule is blocked no more',
    fields: { ...pair, run: 'the run that was in its way' },
  },
  'schedule.retired': { level: 'info', message: 'schedule has ended', fields: pair },
  'tick.fated': {
    level: 'info',
    message: 'fate of a tick',
    fields: {
      ...pair,
      tick: 'the moment that the schedule names',
      fate: 'ran, skipped-overlap, missed, queued or cancelled',
      reason: 'why, in words',
      run: 'the run of it; null where none was started',
      lateMs: 'how long after the tick that was decided',
    },
  },
  'engine.unlimited': {
    level: 'warn',
    message: 'engine runs without its limits',
    fields: { ...actor, limits: 'those that no control group of this host could hold it to: memoryBytes, cpus' },
  },
  'nats.away': { level: 'error', message: 'NATS is away', fields: { message: 'what the connection said' } },
  'nats.back': { level: 'info', message: 'NATS is back', fields: { awayMs: 'how long it was away' } },
  'journal.replayed': {
    level: 'info',
    message: 'journal replayed',
    fields: { records: 'steps that were written', superseded: "steps that another owner's had overtaken" },
  },
  'drain.started': {
    level: 'info',
    message: 'drain started',
    fields: {
      cause: 'SIGTERM, SIGINT, agent.drain or agent.shutdown',
      graceMs: 'the time that it may take',
      actors: 'how many actors run',
    },
  },
  'drain.ended': {
    level: 'info',
    message: 'drain ended',
    fields: {
      tookMs: 'how long it took',
      stopped: 'how many actors stopped in time',
      unstopped: 'those that did not: kind, id and why',
    },
  },
  'supervisor.escalated': {
    level: 'error',
    message: 'supervisor gave up',
    fields: {
      supervisor: 'its path in the tree',
      context: 'what it was doing',
      reason: 'why it gave up',
      offender: 'the child it is about; null when it is none',
    },
  },
  'http.listening': {
    level: 'info',
    message: 'metrics and health can be asked for',
    fields: { url: 'where, such as http://127.0.0.1:7480' },
  },
  'http.not-listening': {
    level: 'warn',
    message: 'metrics and health cannot be asked for',
    fields: {
      listen: 'the address that cannot be had; it is tried again every minute',
      message: 'why, and what to do',
    },
  },
  'clock.jumped': { level: 'warn', message: 'clock jumped', fields: { byMs: 'how far; negative is backwards' } },
  'agent.started': {
    level: 'info',
    message: 'agent started',
    fields: {
      incarnation: 'this start of the agent',
      host: 'id of the host',
      version: 'version of Reeve',
      pid: 'the process',
    },
  },
  'agent.disk-full': {
    level: 'error',
    message: "the agent's own disk is full",
    fields: { where: 'the part of Reeve that met it, and tries again', message: 'what the system said' },
  },
  'agent.stopped': {
    level: 'info',
    message: 'agent stopped',
    fields: { exit: 'exit status', tookMs: 'from when it was told to end; 0 where it ended by itself' },
  },
  defect: {
    level: 'error',
    message: 'defect',
    fields: {
      where: 'the part of Reeve that met it',
      message: 'the error',
      stack: 'where, a line an entry; null when unknown',
    },
  },
};

/** The table of docs/facts.md, in Markdown. */
export function factsTable(): string {
  const rows = Object.entries(facts).map(([name, entry]) => {
    const fields = Object.entries(entry.fields).map(([field, meaning]) => `\`${field}\`: ${meaning}`);
    return `| \`${name}\` | ${entry.level} | ${entry.message} | ${fields.join('<br>')} |`;
  });
  return ['| fact | level | message | fields |', '|---|---|---|---|', ...rows].join('\n');
}
