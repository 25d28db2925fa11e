import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { ListVoicesRequest, ListVoicesResponseSchema } from "../../gen/livellm/v1/audio_service_pb.ts";
import { callerAccess } from "../access/principal.ts";
import { invalidRequest, LivellmError, type Violation } from "../core/error.ts";
import type { Voice } from "../core/speech.ts";
import { answerWhole } from "../live/answer-whole.ts";
import type { Plan, ReadyTarget } from "../routing/plan.ts";
import type { ProviderDirectory, Resolver } from "../routing/resolver.ts";
import { voiceToProto } from "./audio-messages.ts";

const defaultSize = 50;
const maxSize = 500;

export interface VoicesOptions {
  readonly resolver: Resolver;
  readonly registry: Pick<ProviderDirectory, "get">;
}

/** AudioService.ListVoices: a page of a provider's voices, sorted by id. */
export async function listVoices(
  request: ListVoicesRequest,
  options: VoicesOptions,
  context: Pick<HandlerContext, "signal" | "values">,
): Promise<MessageInitShape<typeof ListVoicesResponseSchema>> {
  const page = readPage(request);
  const { signal } = context;
  using plan = await planVoices(request, options, context);
  const query = { model: request.model, languageCode: request.languageCode };
  const ask = (target: ReadyTarget<"speech">, s: AbortSignal) => voicesOf(target)(query, s);
  const { value } = await answerWhole(plan, ask, signal);
  const rest = value.toSorted((a, b) => compare(a.id, b.id)).filter(({ id }) => page.after === "" || id > page.after);
  const shown = rest.slice(0, page.size);
  const last = rest.length > shown.length ? shown.at(-1) : undefined;
  return { voices: shown.map(voiceToProto), nextPageToken: last ? tokenOf(request, page.size, last) : "" };
}

/** A route needs a model: any that the provider's lists let through will do, for the voices are the provider's. */
async function planVoices(
  { provider, model }: ListVoicesRequest,
  { resolver, registry }: VoicesOptions,
  { signal, values }: Pick<HandlerContext, "signal" | "values">,
): Promise<Plan<"speech">> {
  const config = registry.get(provider);
  const any = config?.defaultModel || config?.allowedModels[0] || "*";
  const target = { provider, model: model || any, voice: "", options: {} };
  const plan = await resolver.plan({ targets: [target], access: callerAccess(values) }, "speech", signal);
  return { ...plan, targets: plan.targets.slice(0, 1) };
}

function voicesOf({ provider, kind, use }: ReadyTarget<"speech">) {
  const { capability } = use;
  if (capability.voices) return capability.voices.bind(capability);
  const message = `the provider ${provider} (${kind}) has no list of voices; put a name it knows into target.voice`;
  throw new LivellmError("failed_precondition", "unsupported", message);
}

interface Page {
  readonly after: string;
  readonly size: number;
}

/** A token that was made with other fields, or not by us, is `invalid_argument`. */
function readPage(request: ListVoicesRequest): Page {
  const size = Math.min(request.pageSize || defaultSize, maxSize);
  if (request.pageToken === "") return { after: "", size };
  const { after, others } = parseToken(request.pageToken) ?? {};
  if (after === undefined) throw badToken("PATTERN", "is not a nextPageToken of this server");
  if (others !== othersOf(request, size)) {
    throw badToken("CONFLICT", "was made with other fields: repeat those of the call before");
  }
  return { after, size };
}

function tokenOf(request: ListVoicesRequest, size: number, last: Voice): string {
  return Buffer.from(JSON.stringify([last.id, othersOf(request, size)])).toString("base64url");
}

function othersOf({ provider, model, languageCode }: ListVoicesRequest, size: number): string {
  return JSON.stringify([provider, model, languageCode, size]);
}

function parseToken(token: string): { readonly after: string; readonly others: string } | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    const [after, others] = Array.isArray(value) ? value : [];
    return typeof after === "string" && typeof others === "string" ? { after, others } : undefined;
  } catch {
    return undefined;
  }
}

function badToken(reason: Violation["reason"], description: string): LivellmError {
  return invalidRequest([{ field: "pageToken", description, reason }]);
}

/** By code units, as `>` does. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
