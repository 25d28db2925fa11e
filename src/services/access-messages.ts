import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type {
  AccessTokenSchema,
  AuditEventSchema,
  AccessToken as ProtoAccessToken,
} from "../../gen/livellm/v1/access_service_pb.ts";
import type { AccessToken, AuditEvent } from "../core/access.ts";

/** What an administrator decides of a token. */
export type TokenSettings = Pick<
  AccessToken,
  "displayName" | "labels" | "expireTime" | "disabled" | "allowed" | "requestsPerMinute" | "tokensPerMinute"
>;

/** A token as the administrator wrote it; without one, a token that may use all. */
export function tokenSettingsFromProto(token: ProtoAccessToken | undefined): TokenSettings {
  return {
    displayName: token?.displayName ?? "",
    labels: token?.labels ?? {},
    expireTime: token?.expireTime && timestampDate(token.expireTime),
    disabled: token?.disabled ?? false,
    allowed: {
      providers: token?.allowedProviders ?? [],
      models: token?.allowedModels ?? [],
      routes: token?.allowedRoutes ?? [],
      inlineProviders: token?.inlineProvidersAllowed ?? false,
    },
    requestsPerMinute: token?.requestsPerMinute,
    tokensPerMinute: token?.tokensPerMinute,
  };
}

/** What is known of a token; its digest stays here. */
export function accessTokenToProto(
  token: AccessToken,
  lastUseTime: Date | undefined,
): MessageInitShape<typeof AccessTokenSchema> {
  const { id, displayName, labels, disabled, allowed, requestsPerMinute, tokensPerMinute } = token;
  return {
    ...{ id, displayName, disabled, requestsPerMinute, tokensPerMinute },
    labels: { ...labels },
    expireTime: timestamp(token.expireTime),
    allowedProviders: [...allowed.providers],
    allowedModels: [...allowed.models],
    allowedRoutes: [...allowed.routes],
    inlineProvidersAllowed: allowed.inlineProviders,
    obfuscatedToken: token.obfuscated,
    createTime: timestamp(token.createTime),
    updateTime: timestamp(token.updateTime),
    lastUseTime: timestamp(lastUseTime),
    etag: token.revision,
  };
}

export function auditEventToProto(event: AuditEvent): MessageInitShape<typeof AuditEventSchema> {
  return { ...event, time: timestamp(event.time), changedFields: [...event.changedFields] };
}

function timestamp(date: Date | undefined) {
  return date && timestampFromDate(date);
}
