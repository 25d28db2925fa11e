import type { CreateVoiceActivity } from "../audio/vad.ts";
import type { AudioFormat } from "../core/audio-format.ts";
import { LivellmError } from "../core/error.ts";
import { randomId } from "../core/random-id.ts";
import type { Attempt, RouteResult } from "../core/route.ts";
import type { TurnDetection } from "../core/transcription.ts";
import type { Usage } from "../core/usage.ts";
import { withFallback } from "../routing/fallback.ts";
import type { FallbackEvent } from "../routing/fallback-event.ts";
import type { Plan, PlannedTarget, ReadyTarget } from "../routing/plan.ts";
import { routeResultOf } from "../routing/route-result.ts";
import { linkedController, sleep } from "../streams/signals.ts";
import { AudioLog } from "./audio-log.ts";
import { longestTimeoutMs } from "./debts.ts";
import { type LiveCall, openLiveSession } from "./live-session.ts";
import type { SessionEvent } from "./session-event.ts";
import { Transcript } from "./transcript.ts";
import type { TranscriptionEvent, TranscriptionInput } from "./transcription-event.ts";
import { isPassing } from "./try-again.ts";

/** A live transcription as the service asks for it. */
export interface LiveTranscriptionCall {
  readonly plan: Plan<"liveTranscription">;
  readonly request: LiveCall["request"];
  /** Of the caller's audio: headerless, with a rate. */
  readonly format: AudioFormat;
  readonly turnDetection: TurnDetection | undefined;
  readonly input: AsyncIterable<TranscriptionInput>;
  readonly createVoiceActivity: CreateVoiceActivity;
  /** How long the caller may say nothing before the session is ended. */
  readonly idleTimeoutMs: number;
  /** How much audio behind the last final segment is kept for another target. */
  readonly maxKeptAudioMs: number;
}

/**
 * Writes down speech while it is spoken. A target that fails, before or after it was accepted, is followed by the next one of
 * the route, which gets the audio from the last final segment on; the caller sees numbers and times go on. Behind the others comes
 * one that had worked until its connection broke: vendors end sessions after an hour, and networks before. Errors are thrown; the
 * last event is `finished`.
 */
export async function* transcribeLive(
  call: LiveTranscriptionCall,
  signal: AbortSignal,
): AsyncGenerator<TranscriptionEvent, void, undefined> {
  using controller = linkedController(signal);
  const run = new LiveRun(call, (error) => controller.abort(error));
  try {
    while (!run.complete) yield* run.nextSession(controller.signal);
    yield* run.finish();
  } finally {
    controller.abort(over);
    run.close();
  }
}

const over = new LivellmError("canceled", "cancelled", "the transcription is over");

type Target = ReadyTarget<"liveTranscription">;

/** A target that has taken so much new audio before it broke off may go on itself. */
const provenMs = 5_000;

/** So long it is given to come back. */
const returnMs = 250;

/** One call over all its sessions. */
class LiveRun {
  complete = false;
  readonly #call: LiveTranscriptionCall;
  readonly #log: AudioLog;
  readonly #transcript: Transcript;
  readonly #sessionId = randomId("session");
  #remaining: readonly PlannedTarget<"liveTranscription">[];
  /** Of the sessions before this one. */
  #attempts: readonly Attempt[] = [];
  #committed: { readonly target: Target; readonly attempts: readonly Attempt[]; readonly heardMs: number } | undefined;
  #routeResult: RouteResult | undefined;
  #usage: Usage = {};

  constructor(call: LiveTranscriptionCall, abort: (error: unknown) => void) {
    const { input, format, idleTimeoutMs, maxKeptAudioMs } = call;
    this.#call = call;
    this.#remaining = call.plan.targets;
    this.#transcript = new Transcript(!call.request.interim);
    this.#log = new AudioLog({ source: input, format, idleTimeoutMs, maxKeptMs: maxKeptAudioMs, onFailure: abort });
  }

  /** A session with one of the targets that remain, to its end. */
  async *nextSession(signal: AbortSignal): AsyncGenerator<TranscriptionEvent, void, undefined> {
    this.#committed = undefined;
    // After the commit a session is watched where it is known what is owed.
    const plan = { ...this.#call.plan, targets: this.#remaining, stallTimeoutMs: longestTimeoutMs };
    const call = { role, open: (target: Target, s: AbortSignal) => openLiveSession(target, this.#liveCall(), s) };
    try {
      for await (const event of withFallback(plan, call, signal)) yield* this.#read(event);
      this.complete = true;
    } catch (error) {
      if (this.#log.failed) throw this.#log.failure;
      yield* this.#goOn(error, signal);
    }
  }

  *finish(): Generator<TranscriptionEvent, void, undefined> {
    const durationMs = Math.round(this.#log.heardMs);
    if (this.#log.idle) yield { type: "warning", warning: idleWarning(this.#call.idleTimeoutMs) };
    yield* this.#transcript.finish(durationMs);
    if (!this.#routeResult) throw new LivellmError("internal", "internal", "the session ended without a target");
    const { text } = this.#transcript;
    yield { type: "finished", text, durationMs, usage: this.#usage, routeResult: this.#routeResult };
  }

  close(): void {
    this.#log.close();
  }

  #liveCall(): LiveCall {
    const { request, format, turnDetection, createVoiceActivity, plan } = this.#call;
    const { stallTimeoutMs } = plan;
    return { request, format, turnDetection, createVoiceActivity, stallTimeoutMs, log: this.#log };
  }

  *#read(event: FallbackEvent<"liveTranscription", SessionEvent>): Generator<TranscriptionEvent, void, undefined> {
    if (event.type === "attempt-failed") yield event;
    else if (event.type === "committed") this.#commit(event.target, event.attempts);
    else yield* this.#readSession(event.output);
  }

  #commit(target: Target, attempts: readonly Attempt[]): void {
    this.#committed = { target, attempts, heardMs: this.#log.heardMs };
    this.#remaining = this.#remaining.filter((each) => each !== target && !hasFailed(each, attempts));
    this.#log.keep(this.#remaining.length > 0 ? "latest" : "recent");
    this.#transcript.startSession();
  }

  *#readSession(event: SessionEvent): Generator<TranscriptionEvent, void, undefined> {
    if (event.type === "accepted") return yield* this.#start(event);
    if (event.type === "finished") this.#usage = this.#wholeUsage(event.usage);
    yield* this.#tell(this.#transcript.read(event));
  }

  /** What is final by now will not be needed again. */
  *#tell(events: readonly TranscriptionEvent[]): Generator<TranscriptionEvent, void, undefined> {
    this.#log.forgetBefore(this.#transcript.coveredMs);
    yield* events;
  }

  *#start(event: SessionEvent & { type: "accepted" }): Generator<TranscriptionEvent, void, undefined> {
    const { target, attempts = [] } = this.#committed ?? {};
    this.#routeResult = routeResultOf(target, [...this.#attempts, ...attempts], event);
    yield { type: "started", routeResult: this.#routeResult, sessionId: this.#sessionId, format: event.format };
    for (const warning of event.warnings) yield { type: "warning", warning };
  }

  /** Targets that failed do not say what they consumed; all of the audio was heard by one or another. */
  #wholeUsage(usage: Usage): Usage {
    if (this.#attempts.length === 0) return usage;
    return { ...usage, inputAudioMs: Math.round(this.#log.heardMs), estimated: true };
  }

  /** A session that was accepted has failed: another target goes on, or nobody can. */
  async *#goOn(error: unknown, signal: AbortSignal): AsyncGenerator<TranscriptionEvent, void, undefined> {
    const failed = error instanceof LivellmError ? (error.facts.attempts ?? []) : [];
    const attempts = [...this.#attempts, ...failed];
    if (!(error instanceof LivellmError) || signal.aborted) throw error;
    if (!this.#committed) throw this.#attempts.length === 0 ? error : nobodyElse(error, attempts);
    if (this.#mayReturn(error)) this.#remaining = [...this.#remaining, this.#committed.target];
    if (this.#remaining.length === 0) throw error.with({ attempts });
    this.#attempts = attempts;
    yield* this.#tell(this.#transcript.endSession());
    const attempt = failed.at(-1);
    if (attempt) yield { type: "attempt-failed", attempt };
    const lostMs = Math.round(this.#log.startMs - this.#transcript.coveredMs);
    if (lostMs > 0) yield { type: "warning", warning: lostWarning(lostMs) };
    this.#log.keep("all");
    if (this.#remaining[0] === this.#committed.target) await sleep(returnMs, signal);
  }

  #mayReturn(error: LivellmError): boolean {
    return isPassing(error) && this.#log.heardMs - (this.#committed?.heardMs ?? 0) >= provenMs;
  }
}

/** The contract: the accepted session commits. */
function role(event: SessionEvent): "commits" | "waits" {
  return event.type === "accepted" ? "commits" : "waits";
}

/** Losers of a race have not failed, and may go on. */
function hasFailed(target: PlannedTarget, attempts: readonly Attempt[]): boolean {
  return attempts.some(
    ({ targetIndex, provider, model, outcome }) =>
      targetIndex === target.index && provider === target.provider && model === target.model && outcome !== "cancelled",
  );
}

function nobodyElse(error: LivellmError, attempts: readonly Attempt[]): LivellmError {
  const message = `the session broke off, and no other target could go on: ${error.message}`;
  return new LivellmError("unavailable", "stream_broken", message, { ...error.facts, cause: error, attempts });
}

function lostWarning(lostMs: number) {
  const message = `${lostMs} ms of audio since the last final segment were too old to be kept, and are not written down`;
  return { code: "audio-dropped", message };
}

function idleWarning(idleTimeoutMs: number) {
  const message = `nothing came for ${idleTimeoutMs / 1000} s, so the session was ended`;
  return { code: "session-idle", message };
}
