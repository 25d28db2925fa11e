import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RouteSchema } from "../../../gen/livellm/v1/route_pb.ts";
import { type HttpRequest, headerOf } from "../http.ts";
import type { JsonObject } from "../json.ts";
import { Rejected } from "../rejected.ts";

const providers = ["openai", "google", "anthropic", "groq", "elevenlabs"];
/** For servers that speak OpenAI's protocol and are not OpenAI's. */
const compatible = "openai-compatible";

/** What a request says of its target besides the headers. */
interface TargetWords {
  readonly model: string;
  readonly voice?: string;
  readonly options?: JsonObject;
}

/**
 * The route to the provider that the headers `X-Provider`, `X-Api-Key` and `X-Base-Url` describe. Throws {@link Rejected} (400) when
 * they do not.
 */
export function routeByHeaders(
  request: HttpRequest,
  { model, voice = "", options = {} }: TargetWords,
): MessageInitShape<typeof RouteSchema> {
  const [provider, apiKey] = [
    requiredHeader(request, "X-Provider").toLowerCase(),
    requiredHeader(request, "X-Api-Key"),
  ];
  if (!providers.includes(provider)) {
    throw new Rejected(400, `Invalid provider: ${nameIn(provider)}; the providers are ${providers.join(", ")}`);
  }
  const baseUrl = headerOf(request, "x-base-url");
  const kind = provider === providers[0] && baseUrl !== "" ? compatible : provider;
  const target = { model, voice, inlineProvider: { kind, apiKey, baseUrl } };
  return { targets: [Object.keys(options).length > 0 ? { ...target, options } : target] };
}

/** What may be a name is given back; a key that stands in its place is not. */
function nameIn(provider: string): string {
  return /^[a-z-]{1,24}$/.test(provider) ? provider : "not a name";
}

function requiredHeader(request: HttpRequest, name: string): string {
  const value = headerOf(request, name.toLowerCase());
  if (value === "") throw new Rejected(400, `the header ${name} is required`);
  return value;
}

/** True for a request in the way of this system: it brings its provider in headers. */
export function bringsProvider(request: HttpRequest): boolean {
  return headerOf(request, "x-provider") !== "" || headerOf(request, "x-api-key") !== "";
}
