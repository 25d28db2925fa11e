/** A question of one process to another, or its answer. A question that could not be answered comes back with neither. */
export type QuestionMessage =
  | { readonly type: "question"; readonly id: number; readonly question: unknown }
  | { readonly type: "answer"; readonly id: number; readonly answer?: unknown; readonly failed?: true };

/** A question of one worker that all are to answer, itself included. */
export interface QuestionForAll {
  readonly forAll: unknown;
}

/** By the workers' numbers. */
export type GatheredAnswers = readonly (readonly [worker: number, answer: unknown])[];

export function isForAll(question: unknown): question is QuestionForAll {
  return typeof question === "object" && question !== null && "forAll" in question;
}

type Answer = { readonly resolve: (answer: unknown) => void; readonly reject: (error: Error) => void };

/** The questions between two processes, both ways; answers come in any order. */
export class Questions {
  readonly #send: (message: QuestionMessage) => void;
  readonly #answer: (question: unknown) => unknown;
  readonly #open = new Map<number, Answer>();
  #lastId = 0;

  /** `answer` may be a promise; what it throws stays in this process. */
  constructor(send: (message: QuestionMessage) => void, answer: (question: unknown) => unknown) {
    this.#send = send;
    this.#answer = answer;
  }

  /** Rejects when the other process cannot answer, or ends. */
  ask(question: unknown): Promise<unknown> {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#open.set(id, { resolve, reject });
    this.#send({ type: "question", id, question });
    return promise;
  }

  hear(message: QuestionMessage): void {
    if (message.type === "question") return void this.#reply(message.id, message.question);
    const asked = this.#open.get(message.id);
    this.#open.delete(message.id);
    if (message.failed) asked?.reject(new Error("the other process could not answer"));
    else asked?.resolve(message.answer);
  }

  /** The other process is gone. */
  end(): void {
    for (const { reject } of this.#open.values()) reject(new Error("the other process has ended"));
    this.#open.clear();
  }

  async #reply(id: number, question: unknown): Promise<void> {
    try {
      this.#send({ type: "answer", id, answer: await this.#answer(question) });
    } catch {
      this.#send({ type: "answer", id, failed: true });
    }
  }
}
