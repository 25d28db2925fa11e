import { type DescMessage, isFieldSet, type Message } from "@bufbuild/protobuf";
import type { FieldMask } from "@bufbuild/protobuf/wkt";
import type { ContextKey, Interceptor } from "@connectrpc/connect";
import type { Logger } from "pino";
import { principalKey } from "../access/principal.ts";
import type { AuditEvent } from "../core/access.ts";
import { type CallOrigin, callerKey } from "./call-facts.ts";
import { codeOfError } from "./explain-error.ts";

/** Where the events are kept. */
export interface AuditLog {
  append(event: Omit<AuditEvent, "id">): Promise<unknown>;
}

export interface AuditOptions {
  readonly log: AuditLog;
  readonly logger: Logger;
  readonly originKey: ContextKey<CallOrigin>;
}

/** The RPCs that change something, and the field of their request that holds the resource or names it. */
const changes: Readonly<Record<string, string>> = {
  "livellm.v1.AccessService/CreateToken": "token",
  "livellm.v1.AccessService/UpdateToken": "token",
  "livellm.v1.AccessService/RevokeToken": "id",
  "livellm.v1.ProvidersService/CreateProvider": "provider",
  "livellm.v1.ProvidersService/UpdateProvider": "provider",
  "livellm.v1.ProvidersService/DeleteProvider": "id",
  "livellm.v1.RoutesService/CreateRoute": "route",
  "livellm.v1.RoutesService/UpdateRoute": "route",
  "livellm.v1.RoutesService/DeleteRoute": "name",
};

/**
 * Writes down every administrative change that was let in and had the right form, also one that failed: who, what, when, and
 * how it went. Of fields it has the names, and never what is in them. Who was not let in is in the server's log alone:
 * nobody can push the log's events out of it without a token.
 */
export function createAuditInterceptor({ log, logger, originKey }: AuditOptions): Interceptor {
  return (next) => async (request) => {
    const rpc = `${request.service.typeName}/${request.method.name}`;
    const subject = changes[rpc];
    if (subject === undefined || request.stream || isTrial(request.message)) return next(request);
    const about = subjectOf(request.message, request.method.input, subject);
    const note = async (outcome: string, resourceId: string) => {
      const { requestId, remoteAddress } = request.contextValues.get(originKey);
      const event = {
        time: new Date(),
        actor: request.contextValues.get(principalKey).kind === "administrator" ? "admin" : "anonymous",
        remoteAddress,
        requestId: request.contextValues.get(callerKey)?.requestId || requestId,
        rpc,
        resourceId,
        changedFields: about.changedFields,
        outcome,
      };
      logger.info({ audit: event }, "administrative change");
      // The change is made, or refused, whether it can be written down or not.
      await log.append(event).catch((error: unknown) => logger.error({ err: error, rpc }, "audit event not kept"));
    };
    try {
      const response = await next(request);
      const made = response.stream ? "" : subjectOf(response.message, request.method.output, subject).resourceId;
      await note("ok", about.resourceId || made);
      return response;
    } catch (error) {
      await note(codeOfError(error, request.signal), about.resourceId);
      throw error;
    }
  };
}

/** A request to check something without keeping it. */
function isTrial(message: Message): boolean {
  return "validateOnly" in message && message.validateOnly === true;
}

interface Subject {
  readonly resourceId: string;
  readonly changedFields: readonly string[];
}

const nothing: Subject = { resourceId: "", changedFields: [] };

function subjectOf(message: Message, desc: DescMessage, subject: string): Subject {
  const field = desc.field[subject];
  const value = (message as Fields)[subject];
  if (typeof value === "string") return { resourceId: value.slice(0, 128), changedFields: [] };
  if (!field?.message || typeof value !== "object" || value === null) return nothing;
  const resource = value as Fields;
  return {
    resourceId: String(resource.id ?? resource.name ?? "").slice(0, 128),
    changedFields: maskOf(message) ?? setFields(resource, field.message),
  };
}

/** A message as its fields; which of them there are, its descriptor says. */
type Fields = Message & Readonly<Record<string, unknown>>;

/** The names that the caller gave; undefined when it gave none. A name may be a key of a map, so it is cut. */
function maskOf(message: Message): readonly string[] | undefined {
  const { paths = [] } = ((message as Fields).updateMask as FieldMask | undefined) ?? {};
  if (paths.length === 0) return undefined;
  return paths
    .slice(0, 100)
    .map((path) => path.slice(0, 128).replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()));
}

function setFields(resource: Message, desc: DescMessage): readonly string[] {
  return desc.fields.filter((field) => isFieldSet(resource, field)).map(({ jsonName }) => jsonName);
}
