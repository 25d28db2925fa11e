import { randomUUID } from "node:crypto";
import { create, type DescMessage, type DescMethod, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { LivellmError } from "../core/error.ts";
import type { Call, Dispatcher } from "./dispatch.ts";
import { createGate } from "./gate.ts";
import type { ExplainError } from "./refusal.ts";

/** The gateway as a transport of Connect's clients in the same process. */
export interface InProcess {
  readonly transport: Transport;
  /** From now on new calls get `unavailable`, those of the health service excepted. */
  drain(): void;
}

/** Answers clients without a port: through the same interceptors and handlers as every other face. */
export function createInProcess(dispatcher: Dispatcher, explainError: ExplainError): InProcess {
  const gate = createGate();
  const start = (method: DescMethod, asked: Asked) => {
    const headers = new Headers(asked.header);
    const requestId = headers.get("x-request-id") ?? randomUUID();
    try {
      gate.assertOpen(method.parent.typeName);
      return startCall(dispatcher, method, { ...asked, headers, requestId });
    } catch (error) {
      throw explainError(error, requestId);
    }
  };
  const transport: Transport = {
    async unary(method, signal, timeoutMs, header, input) {
      const call = start(method, { signal, timeoutMs, header });
      try {
        const response = await call.respond(create(method.input, input) as Message);
        return { ...described(method, response), stream: false, message: response.message as never };
      } finally {
        call.end();
      }
    },
    async stream(method, signal, timeoutMs, header, input) {
      const call = start(method, { signal, timeoutMs, header });
      const response = await call.respond(messagesOf(method.input, input)).catch((error: unknown) => {
        call.end();
        throw error;
      });
      return { ...described(method, response), stream: true, message: untilOver(response.message, call) as never };
    },
  };
  return { transport, drain: gate.close };
}

/** What a client says of a call beside its messages. */
interface Asked {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  readonly header: ConstructorParameters<typeof Headers>[0];
}

interface Start extends Omit<Asked, "header"> {
  readonly headers: Headers;
  readonly requestId: string;
}

function startCall(dispatcher: Dispatcher, method: DescMethod, start: Start): Call {
  const { signal, timeoutMs, headers, requestId } = start;
  const path = `/${method.parent.typeName}/${method.name}`;
  const callable = dispatcher.find(path);
  if (!callable) throw new LivellmError("unimplemented", "unsupported", `this server does not serve ${path}`);
  return callable.start({
    origin: { requestId, remoteAddress: "in-process", face: "in-process" },
    httpMethod: "POST",
    url: `http://in-process${path}`,
    headers,
    ...(signal && { signal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
}

type Response = Awaited<ReturnType<Call["respond"]>>;

function described<M extends DescMethod>(method: M, { header, trailer }: Response) {
  return { service: method.parent, method, header, trailer };
}

async function* messagesOf<I extends DescMessage>(
  desc: I,
  messages: AsyncIterable<MessageInitShape<I>>,
): AsyncGenerator<Message> {
  for await (const message of messages) yield create(desc, message);
}

/** The answers; the call ends with them, however that comes. */
async function* untilOver(answers: Response["message"], call: Call): AsyncGenerator<Message> {
  const each = Symbol.asyncIterator in answers ? answers[Symbol.asyncIterator]() : only(answers);
  try {
    for (let next = await each.next(); !next.done; next = await each.next()) yield next.value;
  } finally {
    // First the signal, then return(): a generator's return() waits for what it is waiting for.
    call.end();
    await each.return?.()?.catch(() => undefined);
  }
}

async function* only(message: Message): AsyncGenerator<Message> {
  yield message;
}
