/**
 * One question for all who have it at once. Each gets an answer to a question that was put after it asked: one that is
 * under way may have been answered before.
 */
export class SharedAnswer<T> {
  readonly #question: () => Promise<T>;
  #underWay: Promise<unknown> | undefined;
  #next: Promise<T> | undefined;

  constructor(question: () => Promise<T>) {
    this.#question = question;
  }

  ask(): Promise<T> {
    this.#next ??= this.#following(this.#underWay);
    return this.#next;
  }

  async #following(before: Promise<unknown> | undefined): Promise<T> {
    await before; // never rejects
    const answer = this.#question();
    const settled = () => {
      if (this.#underWay === underWay) this.#underWay = undefined;
    };
    const underWay = answer.then(settled, settled);
    this.#underWay = underWay;
    this.#next = undefined;
    return await answer;
  }
}
