import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import type { ContextKey, Interceptor } from "@connectrpc/connect";
import { type CallerInfo, CallerInfoSchema } from "../../gen/livellm/v1/common_pb.ts";
import { mapped } from "../streams/mapped.ts";
import { type CallOrigin, callerKey } from "./call-facts.ts";
import { requestIdHeader } from "./explain-error.ts";

type Request = Parameters<Parameters<Interceptor>[0]>[0];

/**
 * Fills in who is calling: each field of CallerInfo that the message leaves empty is taken from its header, the request id
 * from the transport, the client id from the address. The caller is in `caller` of the request, or of `start` in the first
 * message of a client's stream. The request's id goes back in `x-request-id`.
 */
export function createCallerInterceptor(originKey: ContextKey<CallOrigin>): Interceptor {
  return (next) => async (request) => {
    const origin = request.contextValues.get(originKey);
    const fill = (message: Message): string => fillCaller(message, request, origin);
    if (!request.stream) {
      const requestId = fill(request.message);
      const response = await next(request);
      setRequestId(response.header, requestId);
      return response;
    }
    let header: Headers | undefined;
    let requestId = origin.requestId;
    const messages = withFirst(request.message, (message) => {
      requestId = fill(message);
      if (header) setRequestId(header, requestId);
    });
    const response = await next({ ...request, message: messages });
    header = response.header;
    setRequestId(header, requestId);
    return response;
  };
}

function setRequestId(header: Headers, requestId: string): void {
  const { "x-request-id": value } = requestIdHeader(requestId);
  if (value !== undefined) header.set("x-request-id", value);
}

function withFirst<T>(messages: AsyncIterable<T>, seeFirst: (message: T) => void): AsyncIterable<T> {
  let first = true;
  return mapped(messages, (message) => {
    if (first) seeFirst(message);
    first = false;
    return message;
  });
}

/** Returns the request's id, as it is told. */
function fillCaller(message: Message, request: Request, origin: CallOrigin): string {
  const holder = findHolder(message as Fields, request.method.input);
  if (holder === undefined) return origin.requestId;
  const caller = complete(holder.caller as CallerInfo | undefined, request.header, origin);
  holder.caller = caller;
  const told = cutCaller(caller);
  request.contextValues.set(callerKey, told);
  return told.requestId;
}

/** As the contract has it; what is longer is refused, and has to fit into the log and the headers that say so. */
const maxLength = 128;
/** Of labels the contract says how many there may be. */
const maxLabels = 32;
const maxLabelLength = 1_024;

/** The caller as he is told to logs, spans and headers, before anybody has looked whether his message is right. */
function cutCaller(caller: CallerInfo): CallerInfo {
  const { requestId, sessionId, userId, app, clientId, device } = caller;
  const texts = { requestId, sessionId, userId, app, clientId, device };
  const labels = Object.entries(caller.labels);
  const isShort = Object.values(texts).every(({ length }) => length <= maxLength);
  if (isShort && labels.length === 0) return caller;
  const cut = (text: string, most: number) => text.slice(0, most).toWellFormed();
  return create(CallerInfoSchema, {
    ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, cut(text, maxLength)])),
    labels: Object.fromEntries(
      labels.slice(0, maxLabels).map(([name, value]) => [cut(name, maxLength), cut(value, maxLabelLength)]),
    ),
  });
}

/** A message as its fields; which of them there are, its descriptor says. */
type Fields = Message & Record<string, unknown>;

/** The message that has the `caller`: the request, or the `start` of a session. */
function findHolder(message: Fields, desc: DescMessage): Fields | undefined {
  if (desc.field.caller?.message === CallerInfoSchema) return message;
  const { start } = desc.field;
  if (start?.message?.field.caller?.message !== CallerInfoSchema || start.oneof === undefined) return undefined;
  const set = message[start.oneof.localName] as { case?: string; value?: unknown };
  return set.case === start.localName ? (set.value as Fields) : undefined;
}

function complete(given: CallerInfo | undefined, headers: Headers, origin: CallOrigin): CallerInfo {
  const header = (name: string) => headerText(headers.get(name));
  return create(CallerInfoSchema, {
    requestId: given?.requestId || origin.requestId,
    sessionId: given?.sessionId || header("x-session-id"),
    userId: given?.userId || header("x-user-id"),
    app: given?.app || header("x-app"),
    clientId: given?.clientId || header("x-client-id") || origin.remoteAddress,
    device: given?.device || header("x-device"),
    labels: given?.labels ?? {},
  });
}

/** A header that is too long is cut: it is a label here, and nobody would find the field that a violation named. */
function headerText(value: string | null): string {
  return (value ?? "").slice(0, maxLength);
}
