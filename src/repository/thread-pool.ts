/**
 * Threads that do jobs, each one after another; whichever is free takes the next. What is thrown in one of them fails the
 * pool: what it did is not known then, so nobody goes on.
 */
import { availableParallelism } from 'node:os';
import { parentPort, Worker } from 'node:worker_threads';
import { type Failure, FailureError, failureOf } from '../core/failure.ts';

const threadsMax = 4;
/** Jobs that a thread has at once: one that it does, and one that it need not wait for. */
const jobsEach = 2;
/** Heaps of threads hold little but garbage, which is to go soon, for buffers hang on it. */
const youngMb = 4;

/** Thrown by a job that was told to stop: it is not answered, and the pool has not failed. */
export class JobStopped extends Error {
  override readonly name = 'JobStopped';
}

interface Message<Job> {
  number: number;
  job: Job;
}
/** Said to a thread that is to end after what it has. */
const end = 'end';
/** What the number of a thread is once it has ended. */
const ended = -1;
/** How long a thread may take to come to its end. */
const endMsMax = 10_000;

type Answer<Result> = 'begun' | { number: number; result: Result } | { failure: Failure; cause: string };

interface Thread {
  worker: Worker;
  /** Its code is loaded: from then on it may be at a job. */
  hasBegun: boolean;
  jobs: number;
}

export function threadCount(): number {
  return Math.min(availableParallelism(), threadsMax);
}

export class ThreadPool<Job, Result> {
  readonly #script: URL;
  readonly #data: object;
  readonly #answers = new Map<number, { resolve: (result: Result) => void; thread: Thread }>();
  readonly #waiting: { job: Job; resolve: (result: Result) => void }[] = [];
  readonly #failed = Promise.withResolvers<never>();
  /** Each is begun with a job that no other is free for: often there is none, and one large file takes one. */
  readonly #threads: Thread[] = [];
  #isClosed = false;
  #count = 0;

  /** `name` is that of the thread's file beside `from`, without its ending; `data` is what it is made with. */
  constructor(name: string, from: string, data: object) {
    this.#script = new URL(`./${name}${from.endsWith('.ts') ? '.ts' : '.js'}`, from);
    this.#data = data;
    this.#failed.promise.catch(() => undefined); // heard where it is awaited
  }

  /** Rejects once a job failed; else never settles. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Jobs that no thread has begun to wait for yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves with the answer; never settles where the job fails or is stopped: `failed` does then. */
  run(job: Job): Promise<Result> {
    const { promise, resolve } = Promise.withResolvers<Result>();
    this.#waiting.push({ job, resolve });
    this.#dispatch();
    return promise;
  }

  /** Has every thread that was begun do a job, after those that it has; rejects where the pool fails. */
  async runOnEach(job: Job): Promise<Result[]> {
    const each = this.#threads.map(thread => new Promise<Result>(resolve => this.#post(thread, job, resolve)));
    return Promise.race([Promise.all(each), this.failed]);
  }

  /**
   * Ends the threads, each after the job that it does: tell jobs to stop before. Node aborts the process where a thread is
   * ended by force in the middle of compressing, so that is for those that do no job, and for one that hangs. Jobs that
   * wait are done by nobody then, and `runOnEach` has nobody left. May be called twice.
   */
  async close(): Promise<void> {
    const isAtWork = ({ hasBegun, jobs }: Thread) => hasBegun && jobs > 0;
    this.#isClosed = true;
    const threads = this.#threads.splice(0);
    await Promise.all(threads.map(thread => (isAtWork(thread) ? endOf(thread.worker) : thread.worker.terminate())));
  }

  #begin(): Thread {
    const { REEVE_FAILPOINTS: _, ...unarmed } = process.env;
    const worker = new Worker(this.#script, {
      workerData: this.#data,
      // Failpoints are armed in the first thread alone, so that passings can be counted.
      env: this.#threads.length === 0 ? process.env : unarmed,
      resourceLimits: { maxYoungGenerationSizeMb: youngMb },
    });
    const thread: Thread = { worker, hasBegun: false, jobs: 0 };
    worker.on('message', (answer: Answer<Result>) => {
      if (answer === 'begun') thread.hasBegun = true;
      else this.#heard(answer);
    });
    worker.on('error', error => this.#failed.reject(error));
    this.#threads.push(thread);
    return thread;
  }

  #dispatch(): void {
    for (;;) {
      const thread = this.#waiting.length > 0 && !this.#isClosed ? this.#free() : undefined;
      const next = thread && this.#waiting.shift();
      if (!next) return;
      this.#post(thread, next.job, next.resolve);
    }
  }

  /** The thread that a job is best given to; undefined where each has as many as it may have. */
  #free(): Thread | undefined {
    const [least] = this.#threads.toSorted((one, other) => one.jobs - other.jobs);
    if (least?.jobs === 0) return least;
    if (this.#threads.length < threadCount()) return this.#begin();
    return least && least.jobs < jobsEach ? least : undefined;
  }

  #post(thread: Thread, job: Job, resolve: (result: Result) => void): void {
    this.#count += 1;
    thread.jobs += 1;
    this.#answers.set(this.#count, { resolve, thread });
    thread.worker.postMessage({ number: this.#count, job } satisfies Message<Job>);
  }

  #heard(answer: Exclude<Answer<Result>, 'begun'>): void {
    if ('failure' in answer) {
      const cause = new Error(answer.cause);
      this.#failed.reject(answer.failure.code === 'defect' ? cause : new FailureError(answer.failure, { cause }));
      return;
    }
    const asked = this.#answers.get(answer.number);
    this.#answers.delete(answer.number);
    if (!asked) return;
    asked.thread.jobs -= 1;
    asked.resolve(answer.result);
    this.#dispatch();
  }
}

async function endOf(worker: Worker): Promise<void> {
  if (worker.threadId === ended) return;
  const exited = new Promise<void>(resolve => worker.once('exit', () => resolve()));
  worker.postMessage(end);
  const timer = setTimeout(() => void worker.terminate(), endMsMax);
  await exited;
  clearTimeout(timer);
}

/** The thread's side: does each job that comes. `classify` makes a failure of what a job throws, where it is one. */
export function serveJobs<Job, Result>(
  handle: (job: Job) => Result | Promise<Result>,
  classify: (error: unknown) => unknown,
): void {
  parentPort?.postMessage('begun' satisfies Answer<Result>);
  let last = Promise.resolve();
  const answer = async ({ number, job }: Message<Job>) => {
    try {
      parentPort?.postMessage({ number, result: await handle(job) } satisfies Answer<Result>);
    } catch (error) {
      if (error instanceof JobStopped) return;
      const told = classify(error);
      const cause = told instanceof Error ? (told.stack ?? told.message) : String(told);
      parentPort?.postMessage({ failure: failureOf(told), cause } satisfies Answer<Result>);
    }
  };
  parentPort?.on('message', (message: Message<Job> | typeof end) => {
    last = message === end ? last.then(() => parentPort?.close()) : last.then(() => answer(message));
  });
}
