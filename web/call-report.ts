import type { DescEnum } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Warning } from "../gen/livellm/v1/common_pb.ts";
import { ErrorDetailSchema } from "../gen/livellm/v1/error_pb.ts";
import {
  type Attempt,
  Attempt_OutcomeSchema,
  Failure_ReasonSchema,
  type RouteResult,
} from "../gen/livellm/v1/route_pb.ts";
import type { Usage } from "../gen/livellm/v1/usage_pb.ts";
import { element } from "./element.ts";

/** What is known of a call when it is over. */
export interface CallFacts {
  readonly routeResult?: RouteResult | undefined;
  readonly usage?: Usage | undefined;
  readonly warnings: readonly Warning[];
  /** From the click to the first output, and to the end. */
  readonly firstMs: number | undefined;
  readonly totalMs: number;
}

/** Who answered, how long it took, what it used, what was tried before, what was done differently. */
export function reportCall({ routeResult, usage, warnings, firstMs, totalMs }: CallFacts): HTMLElement {
  const facts = [
    routeResult && `${routeResult.provider || routeResult.providerKind} ${routeResult.model}`.trim(),
    firstMs !== undefined && `first output after ${seconds(firstMs)}`,
    `${seconds(totalMs)} in all`,
    ...describeUsage(usage),
  ];
  const tried = routeResult?.attempts ?? [];
  return element(
    "div",
    "report",
    element("p", "facts", facts.filter(Boolean).join(" · ")),
    ...(tried.length > 1 ? [listAttempts(tried)] : []),
    ...listWarnings(warnings),
  );
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function describeUsage(usage: Usage | undefined): readonly string[] {
  if (!usage) return ["usage not reported"];
  const counts: readonly (readonly [number | undefined, string])[] = [
    [usage.inputTokens, "tokens in"],
    [usage.outputTokens, "tokens out"],
    [usage.reasoningTokens, "of them reasoning"],
    [usage.inputCharacters, "characters"],
    [usage.inputAudioMs, "ms of audio in"],
    [usage.outputAudioMs, "ms of audio out"],
  ];
  const texts = counts.filter(([count]) => count !== undefined).map(([count, unit]) => `${count} ${unit}`);
  return usage.estimated && texts.length > 0 ? [...texts, "(estimated)"] : texts;
}

function listAttempts(attempts: readonly Attempt[]): HTMLElement {
  return element("ul", "", ...attempts.map((attempt) => element("li", "", describeAttempt(attempt))));
}

/** One target that was tried, in a line. */
export function describeAttempt({ provider, model, outcome, failure, elapsedMs }: Attempt): string {
  const how = wordOf(Attempt_OutcomeSchema, outcome);
  const why = failure ? `: ${failure.message || wordOf(Failure_ReasonSchema, failure.reason)}` : "";
  return `${provider || "inline provider"} ${model} ${how} after ${seconds(elapsedMs)}${why}`;
}

/** A value of an enum in words; a value that a later server has added is its number. */
export function wordOf(kind: DescEnum, value: number): string {
  return kind.value[value]?.localName.toLowerCase().replaceAll("_", " ") ?? String(value);
}

/** What was done differently from what was asked. */
function listWarnings(warnings: readonly Warning[]): readonly HTMLElement[] {
  if (warnings.length === 0) return [];
  const items = warnings.map(({ code, message, field }) =>
    element("li", "warning", `${code}: ${message}${field ? ` (${field})` : ""}`),
  );
  return [element("ul", "", ...items)];
}

/** A call that failed: the code, the sentence, every field that was wrong, every target that was tried. */
export function reportError(error: unknown, note = ""): HTMLElement {
  const failure = ConnectError.from(error);
  const [detail] = failure.findDetails(ErrorDetailSchema);
  const code = Code[failure.code]?.replace(/(?<=[a-z])[A-Z]/g, " $&").toLowerCase() ?? "error";
  const lines = [
    ...(detail?.fieldViolations.map(({ field, description }) => `${field}: ${description}`) ?? []),
    ...(detail?.attempts.map(describeAttempt) ?? []),
    ...(detail?.requestId ? [`request ${detail.requestId}`] : []),
  ];
  const report = element("div", "error report", element("p", "", `${code}: ${failure.rawMessage}`));
  report.setAttribute("role", "alert");
  if (note !== "") report.append(element("p", "", note));
  if (lines.length > 0) report.append(element("ul", "", ...lines.map((line) => element("li", "", line))));
  return report;
}

/** Whether the call ended because this page gave it up. */
export function isCancel(error: unknown): boolean {
  return ConnectError.from(error).code === Code.Canceled;
}
