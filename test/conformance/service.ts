import { create, type DescMessage, type Message, type Registry } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { type Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { sleep } from "../../src/streams/signals.ts";
import type { ServiceRoute } from "../../src/transport/service-route.ts";

/** Messages of connectrpc/conformance/v1/service.proto, as far as they are read here. */
interface HeaderMessage {
  readonly name: string;
  readonly value: readonly string[];
}

interface ErrorMessage {
  readonly code: Code;
  readonly message?: string;
  readonly details: readonly Any[];
}

interface Definition {
  readonly responseHeaders: readonly HeaderMessage[];
  readonly responseTrailers: readonly HeaderMessage[];
  readonly responseDelayMs: number;
}

type Requested = Message & { readonly requestData: Uint8Array };

type UnaryRequest = Requested & {
  readonly responseDefinition?: Definition & {
    readonly response:
      | { readonly case: "responseData"; readonly value: Uint8Array }
      | { readonly case: "error"; readonly value: ErrorMessage }
      | { readonly case: undefined };
  };
};

type StreamRequest = Requested & {
  readonly fullDuplex?: boolean;
  readonly responseDefinition?: Definition & {
    readonly responseData: readonly Uint8Array[];
    readonly error?: ErrorMessage;
  };
};

/** ConformanceService as its comments define it, on descriptors that are read at run time: nothing of it is kept here. */
export function createConformanceRoute(registry: Registry): ServiceRoute {
  const service = registry.getService("connectrpc.conformance.v1.ConformanceService");
  if (!service) throw new Error("the descriptors have no ConformanceService");
  const kit = createKit(registry);
  return {
    service,
    implementation: {
      unary: (request: UnaryRequest, context: HandlerContext) => answerUnary(kit, [request], context),
      idempotentUnary: (request: UnaryRequest, context: HandlerContext) => answerUnary(kit, [request], context),
      async clientStream(requests: AsyncIterable<UnaryRequest>, context: HandlerContext) {
        return answerUnary(kit, await Array.fromAsync(requests), context);
      },
      serverStream: (request: StreamRequest, context: HandlerContext) => answerStream(kit, [request], context),
      bidiStream: (requests: AsyncIterable<StreamRequest>, context: HandlerContext) =>
        answerBidi(kit, requests, context),
      unimplemented() {
        throw new ConnectError("not implemented", 12);
      },
    },
  };
}

/** What of the descriptors is needed to answer. */
interface Kit {
  pack(message: Message): Any;
  info(requests: readonly Message[], context: HandlerContext): Message;
}

function createKit(registry: Registry): Kit {
  const descOf = (typeName: string): DescMessage => {
    const desc = registry.getMessage(typeName);
    if (!desc) throw new Error(`the descriptors have no ${typeName}`);
    return desc;
  };
  const pack = (message: Message) => anyPack(descOf(message.$typeName), message);
  const infoDesc = descOf("connectrpc.conformance.v1.ConformancePayload.RequestInfo");
  return {
    pack,
    info: (requests, context) =>
      create(infoDesc, {
        requestHeaders: entriesOf(context.requestHeader),
        requests: requests.map(pack),
        ...timeoutOf(context),
        ...(context.requestMethod === "GET" && {
          connectGetInfo: { queryParams: entriesOf(new URL(context.url, "http://localhost").searchParams) },
        }),
      } as Record<string, unknown>),
  };
}

function entriesOf(all: Iterable<readonly [string, string]>): HeaderMessage[] {
  return [...all].map(([name, value]) => ({ name, value: [value] }));
}

function timeoutOf({ timeoutMs }: HandlerContext): { readonly timeoutMs?: bigint } {
  const left = timeoutMs();
  return left === undefined ? {} : { timeoutMs: BigInt(Math.round(left)) };
}

async function answerUnary(kit: Kit, requests: readonly UnaryRequest[], context: HandlerContext): Promise<object> {
  const definition = requests[0]?.responseDefinition;
  const requestInfo = kit.info(requests, context);
  setMetadata(definition, context);
  await sleep(definition?.responseDelayMs ?? 0, context.signal);
  const response = definition?.response;
  if (response?.case === "error") throw toError(kit, response.value, requestInfo);
  return { payload: { requestInfo, ...(response?.case === "responseData" && { data: response.value }) } };
}

async function* answerStream(kit: Kit, requests: readonly StreamRequest[], context: HandlerContext) {
  const definition = requests[0]?.responseDefinition;
  const requestInfo = kit.info(requests, context);
  setMetadata(definition, context);
  for (const [i, data] of (definition?.responseData ?? []).entries()) {
    await sleep(definition?.responseDelayMs ?? 0, context.signal);
    yield { payload: { data, ...(i === 0 && { requestInfo }) } };
  }
  if (!definition?.error) return;
  throw toError(kit, definition.error, definition.responseData.length === 0 ? requestInfo : undefined);
}

async function* answerBidi(kit: Kit, requests: AsyncIterable<StreamRequest>, context: HandlerContext) {
  const heard: StreamRequest[] = [];
  let sent = 0;
  for await (const request of requests) {
    heard.push(request);
    const [{ fullDuplex, responseDefinition: definition } = request] = heard;
    if (!fullDuplex) continue;
    setMetadata(heard.length === 1 ? definition : undefined, context);
    const data = definition?.responseData[sent];
    if (data === undefined) break;
    await sleep(definition?.responseDelayMs ?? 0, context.signal);
    yield { payload: { data, requestInfo: kit.info([request], context) } };
    sent++;
  }
  const [first] = heard;
  if (!first?.fullDuplex) return yield* answerStream(kit, heard, context);
  yield* theRest(kit, { first, heard, sent }, context);
}

interface Duplex {
  readonly first: StreamRequest;
  readonly heard: readonly StreamRequest[];
  readonly sent: number;
}

/** The caller has said everything, or more than there is to answer. */
async function* theRest(kit: Kit, { first, heard, sent }: Duplex, context: HandlerContext) {
  const { responseData = [], responseDelayMs = 0, error } = first.responseDefinition ?? {};
  for (const data of responseData.slice(sent)) {
    await sleep(responseDelayMs, context.signal);
    yield { payload: { data } };
  }
  if (error) throw toError(kit, error, responseData.length === 0 ? kit.info(heard, context) : undefined);
}

function setMetadata(definition: Definition | undefined, { responseHeader, responseTrailer }: HandlerContext): void {
  for (const { name, value } of definition?.responseHeaders ?? []) {
    for (const one of value) responseHeader.append(name, one);
  }
  for (const { name, value } of definition?.responseTrailers ?? []) {
    for (const one of value) responseTrailer.append(name, one);
  }
}

function toError(kit: Kit, { code, message, details }: ErrorMessage, requestInfo?: Message): ConnectError {
  const error = new ConnectError(message ?? "", code);
  const packed = requestInfo ? [...details, kit.pack(requestInfo)] : details;
  error.details = packed.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
  return error;
}
