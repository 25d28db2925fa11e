import type { JsonObject } from "@bufbuild/protobuf";

/** An administrator who keeps account of what was acknowledged. */
export interface Administrator {
  /** Asks for some of everything, at a time, and returns what each was told: `ok` or a code. `at` is another gateway's address. */
  changeAll(mark: string, at?: string): Promise<readonly string[]>;
  /** What is wrong with what the gateway has, against what was acknowledged. */
  differences(url: string): Promise<readonly string[]>;
}

const bigOptions = { note: "x".repeat(60_000) };

interface Change {
  readonly method: string;
  readonly request: object;
  /** The names that there are, once it was acknowledged. */
  readonly apply: (names: Set<string>) => void;
}

/** `call` is made as an administrator: it resolves with the body, errors included. */
export function createAdministrator(
  url: string,
  call: (url: string, method: string, request: object) => Promise<JsonObject>,
): Administrator {
  const names = new Set<string>();
  const tokens = new Set<string>();
  const make = async (at: string, { method, request, apply }: Change): Promise<string> => {
    const answer = await call(at, method, request);
    if (answer.code !== undefined) return String(answer.code);
    apply(names);
    const { id } = (answer.token ?? {}) as JsonObject;
    if (method === "AccessService/CreateToken") tokens.add(String(id));
    return "ok";
  };
  return {
    changeAll: (mark, at = url) => Promise.all(changesOf(mark).map((change) => make(at, change))),
    async differences(from) {
      const providers = await call(from, "ProvidersService/ListProviders", { pageSize: 1000 });
      const routes = await call(from, "RoutesService/ListRoutes", { pageSize: 1000 });
      const kept = await call(from, "AccessService/ListTokens", { pageSize: 1000 });
      const found = new Set([
        ...listOf(providers, "providers").flatMap(({ id }) => (String(id).startsWith("p-") ? [String(id)] : [])),
        ...listOf(routes, "routes").map(({ name }) => String(name)),
      ]);
      const foundTokens = new Set(listOf(kept, "tokens").map(({ id }) => String(id)));
      return [
        ...[...names].filter((name) => !found.has(name)).map((name) => `${name} was acknowledged and is not there`),
        ...[...found].filter((name) => !names.has(name)).map((name) => `${name} was not acknowledged and is there`),
        ...[...tokens].filter((id) => !foundTokens.has(id)).map(() => "a token was acknowledged and is not there"),
      ];
    },
  };
}

function changesOf(mark: string): readonly Change[] {
  const target = { provider: "local", model: "echo" };
  const add = (name: string) => (names: Set<string>) => void names.add(name);
  const provider = (id: string) => ({ id, kind: "openai-compatible", baseUrl: "http://127.0.0.1:1/v1" });
  return [
    {
      method: "ProvidersService/CreateProvider",
      request: { provider: { ...provider(`p-${mark}`), defaultOptions: bigOptions } },
      apply: add(`p-${mark}`),
    },
    {
      method: "ProvidersService/CreateProvider",
      request: { provider: provider(`p-${mark}-2`) },
      apply: add(`p-${mark}-2`),
    },
    {
      method: "RoutesService/CreateRoute",
      request: { route: { name: `r-${mark}`, route: { targets: [target] } } },
      apply: add(`r-${mark}`),
    },
    { method: "AccessService/CreateToken", request: { token: { displayName: mark } }, apply: () => undefined },
  ];
}

function listOf(answer: JsonObject, field: string): readonly JsonObject[] {
  const list = answer[field];
  return Array.isArray(list) ? (list as JsonObject[]) : [];
}
