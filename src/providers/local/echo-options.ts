import { type FailureReason, invalidRequest, type Violation } from "../../core/error.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../core/json.ts";

/** The options of the model `echo`, as the contract's README lists them. */
export interface EchoOptions {
  /** Milliseconds to wait before each word. */
  readonly paceMs: number;
  /** Thought first, as reasoning. */
  readonly reasoning?: string;
  /** Called in place of an answer, unless the conversation ends with the result of a tool. */
  readonly toolCall?: { readonly name: string; readonly arguments: JsonObject };
  /** Fails before any output. */
  readonly failBefore?: FailureReason;
  /** Fails after `afterWords` words. */
  readonly failAfter?: FailureReason;
  readonly afterWords: number;
  /** Falls silent for ever after so many words. */
  readonly stallAfterWords?: number;
  /** How many times the text is said. */
  readonly repeat: number;
}

const names = [
  "pace_ms",
  "reasoning",
  "tool_call",
  "fail_before",
  "fail_after",
  "after_words",
  "stall_after_words",
  "repeat",
];

const reasons: readonly FailureReason[] = [
  "provider_rejected",
  "provider_auth",
  "rate_limited",
  "quota_exhausted",
  "model_not_found",
  "context_too_long",
  "content_blocked",
  "provider_unavailable",
  "network",
  "timeout",
  "stream_broken",
  "bad_provider_response",
  "unsupported",
];

/** Throws with every violation: a test model that took a misspelt option would test nothing. */
export function readEchoOptions(options: JsonObject): EchoOptions {
  const reader = new OptionReader(options);
  const read: EchoOptions = {
    paceMs: reader.number("pace_ms", 0, 60_000) ?? 0,
    reasoning: reader.text("reasoning"),
    toolCall: reader.toolCall("tool_call"),
    failBefore: reader.reason("fail_before"),
    failAfter: reader.reason("fail_after"),
    afterWords: reader.number("after_words", 0, 1_000_000) ?? 1,
    stallAfterWords: reader.number("stall_after_words", 0, 1_000_000),
    repeat: reader.number("repeat", 1, 1_000_000) ?? 1,
  };
  if (reader.violations.length > 0) throw invalidRequest(reader.violations);
  return read;
}

class OptionReader {
  readonly violations: Violation[];
  readonly #options: JsonObject;

  constructor(options: JsonObject) {
    this.#options = options;
    this.violations = Object.keys(options)
      .filter((name) => !names.includes(name))
      .map((name) => ({
        ...at(name),
        description: `echo has no option ${name}; it has ${names.join(", ")}`,
        reason: "UNKNOWN",
      }));
  }

  number(name: string, least: number, most: number): number | undefined {
    const fits = (value: JsonValue): value is number =>
      Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
    return this.#read(name, fits, `a whole number from ${least} to ${most}`);
  }

  text(name: string): string | undefined {
    return this.#read(name, (value) => typeof value === "string", "a text");
  }

  reason(name: string): FailureReason | undefined {
    const word = this.#read(
      name,
      (value) => typeof value === "string" && isReason(value),
      `one of ${reasons.join(", ")}`,
    );
    return word === undefined ? undefined : (toReason(String(word)) as FailureReason);
  }

  toolCall(name: string): EchoOptions["toolCall"] {
    const call = this.#read(name, isToolCall, 'an object such as {"name":"get_weather","arguments":{"city":"Bern"}}');
    return call && { name: call.name, arguments: call.arguments ?? {} };
  }

  #read<T extends JsonValue>(name: string, fits: (value: JsonValue) => value is T, expected: string): T | undefined;
  #read(name: string, fits: (value: JsonValue) => boolean, expected: string): JsonValue | undefined;
  #read(name: string, fits: (value: JsonValue) => boolean, expected: string): JsonValue | undefined {
    const value = this.#options[name];
    if (value === undefined) return undefined;
    if (fits(value)) return value;
    this.violations.push({ ...at(name), description: `${name} is ${expected}`, reason: "PATTERN" });
    return undefined;
  }
}

type ToolCall = JsonObject & { readonly name: string; readonly arguments?: JsonObject };

function isToolCall(value: JsonValue): value is ToolCall {
  return (
    isJsonObject(value) &&
    typeof value.name === "string" &&
    (value.arguments === undefined || isJsonObject(value.arguments))
  );
}

/** `rate_limited`, `RATE_LIMITED` and `REASON_RATE_LIMITED` are the same word. */
function toReason(word: string): string {
  return word.toLowerCase().replace(/^reason_/, "");
}

function isReason(word: string): boolean {
  return (reasons as readonly string[]).includes(toReason(word));
}

function at(name: string): { readonly field: string } {
  return { field: `route.targets[].options.${name}` };
}
