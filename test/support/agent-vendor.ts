import { type AgentDialect, agentDialects, type ModelTurn, type WireTurn } from "./agent-dialects.ts";
import { startVendor } from "./vendor-server.ts";

/** A server in the shape of one vendor's chat API, whose model says what a script has. */
export interface AgentVendor extends AsyncDisposable {
  readonly kind: string;
  /** For `base_url`. */
  readonly baseUrl: string;
  /** The bodies that the gateway has sent, refused ones too. */
  readonly requests: readonly Readonly<Record<string, unknown>>[];
  /** The headers of each request that came. */
  readonly headers: readonly Readonly<Record<string, unknown>>[];
  /** Why requests were refused: what the vendor's own rules for a conversation do not allow. */
  readonly refusals: readonly string[];
  /** The conversation of a request, as the vendor reads it. */
  conversation(request: Readonly<Record<string, unknown>>): readonly WireTurn[];
}

/** "dies" breaks the connection off before it answers. */
export type Script = readonly (ModelTurn | "dies")[];

/**
 * Starts a vendor of this kind. The script's turns are said one after the other, the last one for good. Every request is held
 * against the vendor's rules for a conversation, and refused in the vendor's own form when it breaks one.
 */
export async function startAgentVendor(kind: string, script: Script): Promise<AgentVendor> {
  const dialect = agentDialects[kind];
  if (!dialect) throw new Error(`there is no dialect for ${kind}`);
  const vendor = await startVendor();
  const requests: Record<string, unknown>[] = [];
  const refusals: string[] = [];
  const heads: Readonly<Record<string, unknown>>[] = [];
  let said = 0;
  vendor.answerWith(({ method, path, body, headers }) => {
    heads.push(headers);
    if (method !== "POST" || !dialect.path.test(path)) return { status: 404, ...json({ error: "no such path" }) };
    const request = JSON.parse(body) as Record<string, unknown>;
    requests.push(request);
    const [refusal] = refusalsOf(dialect, request);
    if (refusal) {
      refusals.push(refusal);
      return { status: 400, ...json(dialect.error(refusal)) };
    }
    const turn = script[Math.min(said++, script.length - 1)];
    if (turn === undefined || turn === "dies") return { status: 200, ending: "reset" };
    return { headers: { "content-type": dialect.contentType }, body: dialect.answer(turn, said) };
  });
  return {
    kind,
    baseUrl: vendor.url + dialect.basePath,
    requests,
    headers: heads,
    refusals,
    conversation: (request) => dialect.read(request),
    [Symbol.asyncDispose]: () => vendor[Symbol.asyncDispose](),
  };
}

function json(body: object) {
  return { headers: { "content-type": "application/json" }, body: [JSON.stringify(body)] };
}

/**
 * What breaks the rules that all these vendors have: it begins with the user, every call has its result directly after it, no
 * result is without its call, and ids are of the vendor's own alphabet. Where the vendor insists on it, the sides take turns.
 */
function refusalsOf(dialect: AgentDialect, request: Readonly<Record<string, unknown>>): readonly string[] {
  const turns = dialect.read(request);
  const ids = turns.flatMap(({ calls }) => calls);
  return [
    ...(turns[0]?.side === "user" && turns[0].results.length === 0
      ? []
      : ["it does not begin with what the user said"]),
    ...turns.flatMap((turn, i) => pairing(turn, turns[i - 1], turns[i + 1])),
    ...(dialect.alternates
      ? turns.flatMap(({ side }, i) => (side === turns[i - 1]?.side ? [`two messages of the ${side} in a row`] : []))
      : []),
    ...ids.flatMap((id) => (dialect.callId.test(id) ? [] : [`the id ${id} has letters that are not taken`])),
  ];
}

function pairing(turn: WireTurn, before: WireTurn | undefined, after: WireTurn | undefined): readonly string[] {
  const missing = turn.calls.filter((id) => !after?.results.includes(id));
  const orphans = turn.results.filter((id) => !before?.calls.includes(id));
  return [
    ...missing.map((id) => `the call ${id} has no result directly after it`),
    ...orphans.map((id) => `the result ${id} has no call directly before it`),
  ];
}
