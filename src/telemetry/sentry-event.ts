import { withoutSecrets } from "./span-content.ts";

/** An error of an event, as Sentry has it (its "Exception Interface"). */
interface SentryException {
  readonly type: string;
  readonly value: string;
  readonly stacktrace?: { readonly frames: readonly SentryFrame[] };
}

interface SentryFrame {
  readonly filename: string;
  readonly function?: string;
  readonly lineno: number;
  readonly colno: number;
  readonly in_app: boolean;
}

const maxCauses = 5;
const maxFrames = 50;
const maxMessageLength = 300;

/** An error and what caused it, the cause before what it caused. */
export function sentryExceptions(fault: unknown): readonly SentryException[] {
  const found: SentryException[] = [];
  for (let error = fault; error !== undefined && found.length < maxCauses; ) {
    found.unshift(exceptionOf(error));
    error = error instanceof Error ? error.cause : undefined;
  }
  return found;
}

function exceptionOf(error: unknown): SentryException {
  if (!(error instanceof Error)) return { type: typeof error, value: "what was thrown is no error" };
  const frames = framesOf(error);
  return {
    type: error.name,
    value: withoutQuotes(error.message),
    ...(frames.length > 0 && { stacktrace: { frames } }),
  };
}

/**
 * The message of an error that nobody foresaw, for eyes elsewhere: without what stands between quotes, from the first to the last
 * of them, since that may be what somebody said (`JSON.parse` repeats what it was given), and without what looks like a secret.
 */
function withoutQuotes(message: string): string {
  return withoutSecrets(message.replace(/["'`“‘].*["'`”’]/s, "“…”")).slice(0, maxMessageLength);
}

/** The outermost first, as Sentry wants it. The message is left out of the stack: its lines may look like any. */
function framesOf({ stack = "", message }: Error): readonly SentryFrame[] {
  const places = stack.slice(stack.indexOf(message) + message.length).split("\n");
  return places.flatMap(frameOf).slice(0, maxFrames).reverse();
}

/** Of a line of V8's stack, such as `    at async run (file:///app/run.js:12:3)`. */
function frameOf(line: string): SentryFrame[] {
  const [, name, place = "", lineno, colno] = /^ +at (?:(.+) \()?([^()]+):(\d+):(\d+)\)?$/.exec(line) ?? [];
  if (place === "") return [];
  const filename = place.replace(/^async /, "").replace(/^file:\/\//, "");
  const isOurs = !filename.startsWith("node:") && !filename.includes("/node_modules/");
  return [
    {
      filename,
      ...(name && { function: name.replace(/^async /, "") }),
      lineno: Number(lineno),
      colno: Number(colno),
      in_app: isOurs,
    },
  ];
}
