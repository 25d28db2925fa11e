import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { invalidRequest, type Violation } from "../core/error.ts";
import { mapped } from "../streams/mapped.ts";
import type { RuleLimits } from "./rule.ts";
import { createValidator } from "./validate-message.ts";

/** What else is checked of a message, by its type; asked only where a rule is broken, so that all is told at once. */
export type FurtherChecks = ReadonlyMap<string, (message: Message) => readonly Violation[]>;

/** Refuses requests that break a rule of the contract, with all of their violations, before any service sees them. */
export function createValidationInterceptor(limits: RuleLimits, further: FurtherChecks): Interceptor {
  const rules = createValidator(limits);
  const validate = (desc: DescMessage, message: Message): readonly Violation[] => {
    const broken = rules(desc, message);
    return broken.length === 0 ? broken : merged(broken, further.get(desc.typeName)?.(message) ?? []);
  };
  return (next) => async (request) => {
    const { input, methodKind } = request.method;
    if (!request.stream) {
      refuse(validate(input, request.message));
      return next(request);
    }
    const opensWithStart = methodKind !== "server_streaming" && input.field.start?.oneof !== undefined;
    const oneof = opensWithStart ? input.field.start?.oneof?.localName : undefined;
    return next({ ...request, message: checked(request.message, (message) => validate(input, message), oneof) });
  };
}

/** A field that a rule has named already is not named again. */
function merged(broken: readonly Violation[], others: readonly Violation[]): readonly Violation[] {
  const named = new Set(broken.map(({ field }) => field));
  return [...broken, ...others.filter(({ field }) => !named.has(field))];
}

function refuse(violations: readonly Violation[]): void {
  if (violations.length > 0) throw invalidRequest(violations);
}

/** Every message of a stream by its own rules, and by its place: in a session the first is `start`, and only the first. */
function checked<T extends Message>(
  messages: AsyncIterable<T>,
  validate: (message: T) => readonly Violation[],
  oneof: string | undefined,
): AsyncIterable<T> {
  let first = true;
  return mapped(messages, (message) => {
    refuse([...orderViolations(message, oneof, first), ...validate(message)]);
    first = false;
    return message;
  });
}

function orderViolations(message: Message, oneof: string | undefined, first: boolean): readonly Violation[] {
  if (oneof === undefined) return [];
  const { case: found } = (message as Message & Record<string, { case?: string }>)[oneof] ?? {};
  if (found === undefined || (found === "start") === first) return [];
  return first
    ? [{ field: "start", description: "the first message of the stream must be start", reason: "REQUIRED" }]
    : [{ field: "start", description: "only the first message of the stream may be start", reason: "CONFLICT" }];
}
