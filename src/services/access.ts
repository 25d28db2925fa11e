import type { ServiceImpl } from "@connectrpc/connect";
import type {
  AccessService,
  CreateTokenRequest,
  AccessToken as ProtoAccessToken,
  RevokeTokenRequest,
  UpdateTokenRequest,
} from "../../gen/livellm/v1/access_service_pb.ts";
import type { LastUse } from "../access/last-use.ts";
import { mintToken } from "../access/mint-token.ts";
import type { AccessToken } from "../core/access.ts";
import { invalidRequest, LivellmError, type Violation } from "../core/error.ts";
import type { KeptResources } from "../routing/kept-resources.ts";
import type { AuditStore } from "../store/audit-store.ts";
import type { TokenDraft } from "../store/token-store.ts";
import { listAuditEvents } from "./access-audit.ts";
import { fromMaskedSettings, tokenMask, toMaskedSettings } from "./access-mask.ts";
import { accessTokenToProto, type TokenSettings, tokenSettingsFromProto } from "./access-messages.ts";
import { createQueue, repeatWhenOvertaken } from "./one-after-another.ts";
import { cutPage, pageAsked } from "./page-token.ts";

/** The callers' tokens, in memory; writes go through to the store. */
export type TokenRegistry = KeptResources<TokenDraft, AccessToken>;

export interface AccessServiceOptions {
  readonly tokens: TokenRegistry;
  readonly lastUse: LastUse;
  readonly audit: Pick<AuditStore, "latest">;
  /** Whether the server has an administrator's token. */
  readonly administered: boolean;
}

/** livellm.v1.AccessService. The form of single fields (required, lengths, patterns) has been checked before. */
export function createAccessService(options: AccessServiceOptions): ServiceImpl<typeof AccessService> {
  const { tokens, lastUse, audit } = options;
  const inTurn = createQueue();
  const shown = (token: AccessToken) => accessTokenToProto(token, lastUse.of(token));
  return {
    createToken: async (request) => {
      const { token, secret } = await createToken(request, options);
      return { token: shown(token), secret };
    },
    getToken: async ({ id }) => ({ token: shown(find(id, tokens)) }),
    listTokens: async (request) => {
      const page = pageAsked(request, { defaultSize: 50, maxSize: 500, others: [] });
      const cut = cutPage(tokens.list(), page, { keyOf: ({ id }) => id, others: [] });
      return { tokens: cut.shown.map(shown), nextPageToken: cut.nextPageToken };
    },
    updateToken: async (request) => {
      const token = await inTurn(() =>
        repeatWhenOvertaken({ etag: request.token?.etag }, () => update(request, tokens)),
      );
      return { token: shown(token) };
    },
    revokeToken: async (request) => {
      await inTurn(() => repeatWhenOvertaken(request, () => revoke(request, tokens)));
      return {};
    },
    listAuditEvents: (request) => listAuditEvents(request, audit),
  };
}

/** The one time that the token itself is seen. */
async function createToken({ token }: CreateTokenRequest, { tokens, administered }: AccessServiceOptions) {
  if (!administered) throw notAdministered();
  const settings = tokenSettingsFromProto(token);
  refuse([...newTokenViolations(token?.id ?? "", settings), ...settingsViolations(settings)]);
  const { secret, id, digest, obfuscated } = mintToken();
  return { token: await tokens.create({ ...settings, id, digest, obfuscated }), secret: secret.reveal() };
}

async function update(request: UpdateTokenRequest, tokens: TokenRegistry): Promise<AccessToken> {
  const given = required(request.token);
  const current = find(given.id, tokens);
  const { paths, violations } = tokenMask.read(given, request.updateMask);
  const draft = draftOf(current);
  const settings = tokenSettingsFromProto(given);
  const [before, after] = [toMaskedSettings(draft), toMaskedSettings(settings)];
  refuse([...violations, ...tokenMask.missing(before, after, paths), ...settingsViolations(settings)]);
  refuseOther(given.etag, current);
  const changed = fromMaskedSettings(tokenMask.merge(before, after, paths));
  return tokens.update({ ...draft, ...changed }, current.revision);
}

async function revoke({ id, etag, allowMissing }: RevokeTokenRequest, tokens: TokenRegistry): Promise<void> {
  if (allowMissing && !tokens.get(id)) return;
  const current = find(id, tokens);
  refuseOther(etag, current);
  await tokens.delete(id, current.revision);
}

function required(token: ProtoAccessToken | undefined): ProtoAccessToken {
  if (token && token.id !== "") return token;
  throw invalidRequest([{ field: token ? "token.id" : "token", description: "is required", reason: "REQUIRED" }]);
}

/** A token that has ended already is a mistake in its year; one that exists may be made to end now. */
function newTokenViolations(id: string, { expireTime }: TokenSettings): readonly Violation[] {
  const isOver = expireTime !== undefined && expireTime.getTime() <= Date.now();
  return [
    ...(id === "" ? [] : [{ field: "token.id", description: "is chosen by the server", reason: "IMMUTABLE" as const }]),
    ...(isOver
      ? [{ field: "token.expireTime", description: "must be in the future", reason: "OUT_OF_RANGE" as const }]
      : []),
  ];
}

/** An entry that is empty would let through nothing, or all; it is never meant. */
function settingsViolations({ allowed }: TokenSettings): readonly Violation[] {
  const lists = { allowedProviders: allowed.providers, allowedModels: allowed.models, allowedRoutes: allowed.routes };
  return Object.entries(lists).flatMap(([name, list]) =>
    list.flatMap((entry, i): Violation[] => {
      if (entry.trim() === entry && entry !== "" && entry.length <= 256) return [];
      const description = "must be a name of at most 256 characters, without white space around it";
      return [{ field: `token.${name}[${i}]`, description, reason: "PATTERN" }];
    }),
  );
}

function refuse(violations: readonly Violation[]): void {
  if (violations.length > 0) throw invalidRequest(violations);
}

function draftOf({ createTime, updateTime, lastUseTime, revision, ...draft }: AccessToken): TokenDraft {
  return draft;
}

function find(id: string, tokens: TokenRegistry): AccessToken {
  const token = tokens.get(id);
  if (token) return token;
  throw new LivellmError("not_found", "not_found", `there is no token "${id}"; ListTokens tells which there are`);
}

function refuseOther(etag: string, { id, revision }: AccessToken): void {
  if (etag === "" || etag === revision) return;
  const message = `token "${id}" has been changed or revoked meanwhile: read it again, and repeat with its new etag`;
  throw new LivellmError("aborted", "invalid_request", message);
}

function notAdministered(): LivellmError {
  return new LivellmError(
    "failed_precondition",
    "invalid_request",
    "with a token, every call would need one, and there is none to administer this server with: start it with " +
      "LIVELLM_ADMIN_TOKEN (make one with: openssl rand -hex 32)",
  );
}
