import type { Message } from "@bufbuild/protobuf";
import type { ContextKey, Interceptor } from "@connectrpc/connect";
import { principalKey } from "../access/principal.ts";
import { mapped } from "../streams/mapped.ts";
import { tapped } from "../streams/tap.ts";
import type { ConversationLog } from "../telemetry/conversation-log.ts";
import { observationKey } from "../telemetry/observation-key.ts";
import { type CallOrigin, callerKey } from "./call-facts.ts";
import { failureOf } from "./explain-error.ts";
import { Said } from "./said.ts";
import { listenerTo } from "./said-in-messages.ts";
import { routeIn, routeOfError } from "./taken-route.ts";
import type { CallOutcome, WatchedRequest } from "./watching.ts";

/**
 * Writes down what is said in every call that was let in and had the right form, when it has ended: what came, what went out as
 * far as it got, and how it ended.
 */
export function createConversationInterceptor(log: ConversationLog, originKey: ContextKey<CallOrigin>): Interceptor {
  return (next) => async (request) => {
    const heard = listenerTo(request.method.input.typeName) && new HeardCall(request, log, originKey);
    if (!heard) return next(request);
    try {
      const response = await next(heard.request());
      if (response.stream) return { ...response, message: heard.answers(response.message) };
      heard.hear(response.message);
      heard.ended({ code: "ok" });
      return response;
    } catch (error) {
      heard.failed(error);
      throw error;
    }
  };
}

class HeardCall {
  readonly #request: WatchedRequest;
  readonly #log: ConversationLog;
  readonly #originKey: ContextKey<CallOrigin>;
  readonly #said = new Said();
  readonly #begun = new Date();
  #route: object | undefined;
  #sessionId: string | undefined;

  constructor(request: WatchedRequest, log: ConversationLog, originKey: ContextKey<CallOrigin>) {
    this.#request = request;
    this.#log = log;
    this.#originKey = originKey;
  }

  /** The request, heard as it is read. */
  request(): WatchedRequest {
    const request = this.#request;
    if (request.stream) return { ...request, message: mapped(request.message, this.hear) };
    this.hear(request.message);
    return request;
  }

  answers<M extends Message>(messages: AsyncIterable<M>): AsyncIterable<M> {
    const { signal } = this.#request;
    return tapped(mapped(messages, this.hear), {
      ended: () => this.ended(signal.aborted ? failureOf(undefined, signal) : { code: "ok" }),
      failed: (error) => {
        this.failed(error);
        return error;
      },
      left: () => this.ended({ code: "canceled", reason: "cancelled" }),
    });
  }

  readonly hear = <M extends Message>(message: M): M => {
    listenerTo(message.$typeName)?.(this.#said, message);
    this.#route = routeIn(message) ?? this.#route;
    this.#sessionId = sessionIdIn(message) ?? this.#sessionId;
    return message;
  };

  failed(error: unknown): void {
    this.#route = routeOfError(error) ?? this.#route;
    this.ended(failureOf(error, this.#request.signal));
  }

  ended({ code, reason }: CallOutcome): void {
    const { messages, length, isCut } = this.#said.whole();
    const record = {
      time: this.#begun.toISOString(),
      ms: Date.now() - this.#begun.getTime(),
      rpc: `${this.#request.service.typeName}/${this.#request.method.name}`,
      code,
      ...(code !== "ok" && reason && { reason }),
      ...this.#whose(),
      sessionId: this.#sessionId,
      ...(this.#route && { route: this.#route }),
      messages,
      ...(isCut && { cut: true }),
    };
    this.#log.write(record, length + usualFactsLength);
  }

  #whose(): object {
    const { contextValues } = this.#request;
    const { requestId, face } = contextValues.get(this.#originKey);
    const caller = contextValues.get(callerKey);
    const principal = contextValues.get(principalKey);
    return {
      requestId: caller?.requestId || requestId,
      conversationId: caller?.sessionId || undefined,
      traceId: contextValues.get(observationKey)?.traceId,
      face,
      token: principal.kind === "bearer" ? principal.token.id : undefined,
      app: caller?.app || undefined,
      userId: caller?.userId || undefined,
      clientId: caller?.clientId || undefined,
      device: caller?.device || undefined,
      labels: caller && Object.keys(caller.labels).length > 0 ? caller.labels : undefined,
    };
  }
}

/** What a live session calls itself when it has started. */
function sessionIdIn(message: Message): string | undefined {
  const { event } = message as Message & { readonly event?: { readonly value?: { readonly sessionId?: string } } };
  return event?.value?.sessionId;
}

/** Of everything in a record beside what was said. */
const usualFactsLength = 1024;
