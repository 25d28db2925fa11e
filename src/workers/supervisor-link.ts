import type { Socket } from "node:net";
import { type GatheredAnswers, type QuestionForAll, Questions } from "./questions.ts";
import type { FromWorker, ToWorker } from "./worker-messages.ts";

/** A worker's side of what it has with its supervisor. */
export interface SupervisorLink {
  /** Hands over every connection that this worker is given, until the function that it returns says that it is enough. */
  readonly accepted: (serve: (socket: Socket) => void) => () => void;
  /** This worker serves from now on. What it has found at its start is told to those that start later, as JSON. */
  ready(found: unknown): void;
  /** Asks the supervisor. Rejects when it cannot answer. */
  ask(question: unknown): Promise<unknown>;
  /** Asks all workers, this one included; who does not answer within a second is left out. */
  askAll(question: unknown): Promise<GatheredAnswers>;
}

export interface SupervisorLinkOptions {
  /** The supervisor wants this worker to end. */
  readonly onDrain: () => void;
  /** The supervisor is gone, and its port with it. */
  readonly onAlone: () => void;
  /** Answers what is asked of this worker; may be a promise. */
  readonly answer: (question: unknown) => unknown;
}

/** To be called first of all in a worker: what the supervisor says before is lost. Throws in a process that has none. */
export function linkToSupervisor({ onDrain, onAlone, answer }: SupervisorLinkOptions): SupervisorLink {
  if (process.send === undefined) throw new Error("a worker is started by the server, and not by hand");
  const questions = new Questions(tell, answer);
  let serve: ((socket: Socket) => void) | undefined;
  const take = (socket: Socket | undefined) => {
    tell({ type: "taken" });
    if (!socket) return tell({ type: "closed" }); // it was closed on the way
    socket.once("close", () => tell({ type: "closed" }));
    // An HTTP/1 client may end its side and wait for the answer; what needs it otherwise says so.
    socket.allowHalfOpen = true;
    if (serve) serve(socket);
    else socket.destroy();
  };
  process.on("message", (message: ToWorker, socket?: Socket) => {
    if (message.type === "connection") take(socket);
    else if (message.type === "drain") onDrain();
    else questions.hear(message);
  });
  process.once("disconnect", () => {
    questions.end();
    onAlone();
  });
  return {
    ready: (found) => tell({ type: "ready", found }),
    ask: (question) => questions.ask(question),
    askAll(question) {
      const forAll: QuestionForAll = { forAll: question };
      return questions.ask(forAll) as Promise<GatheredAnswers>; // made by the supervisor's `#askAll`
    },
    accepted(server) {
      serve = server;
      return () => {
        serve = undefined;
        tell({ type: "draining" });
      };
    },
  };
}

function tell(message: FromWorker): void {
  // A supervisor that is gone has nobody who reads it; `disconnect` says so.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
