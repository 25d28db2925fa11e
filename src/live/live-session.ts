import { chooseInputFormat } from "../audio/choose-format.ts";
import { createConverter } from "../audio/convert.ts";
import type { CreateVoiceActivity } from "../audio/vad.ts";
import type { AudioFormat } from "../core/audio-format.ts";
import { LivellmError } from "../core/error.ts";
import type { LiveEvent, LiveInput, LiveTranscriptionRequest, TurnDetection } from "../core/transcription.ts";
import type { ReadyTarget } from "../routing/plan.ts";
import { Outbox } from "../streams/outbox.ts";
import { linkedController } from "../streams/signals.ts";
import type { AudioLog, AudioReader } from "./audio-log.ts";
import { Debts, owingRoom, whileOwing } from "./debts.ts";
import type { LogItem } from "./log-entries.ts";
import { bytesPerFrame } from "./sample-reader.ts";
import { SessionClock } from "./session-clock.ts";
import type { SessionEvent } from "./session-event.ts";
import { type Heard, TurnListener } from "./turn-listener.ts";
import { endTurnIgnored, planTurns, type TurnPlan } from "./turn-plan.ts";
import { withSide } from "./with-side.ts";

/** What every target of a live transcription is asked, whichever it is. */
export interface LiveCall {
  readonly request: Omit<LiveTranscriptionRequest, "model" | "options" | "format" | "turnDetection">;
  /** Of the caller's audio. */
  readonly format: AudioFormat;
  /** Undefined: the target's default. */
  readonly turnDetection: TurnDetection | undefined;
  readonly log: AudioLog;
  /** How long a target that owes something may be silent. */
  readonly stallTimeoutMs: number;
  readonly createVoiceActivity: CreateVoiceActivity;
}

type Target = ReadyTarget<"liveTranscription">;

/**
 * One target's session: gives it the kept audio and then what comes, in a form it takes, and yields what it says on the
 * caller's clock. Ends after `finished`; everything else that ends it is thrown.
 */
export async function* openLiveSession(
  target: Target,
  call: LiveCall,
  signal: AbortSignal,
): AsyncGenerator<SessionEvent, void, undefined> {
  using controller = linkedController(signal);
  using debts = new Debts(call.stallTimeoutMs, () => controller.abort(owesFor(target, call.stallTimeoutMs)));
  using room = new Debts(call.stallTimeoutMs, () => controller.abort(takesNothing(target, call.stallTimeoutMs)));
  const session = new LiveSession({ target, call, debts, room, signal: controller.signal });
  try {
    yield* withSide(session.events(), session.heard.channel);
  } finally {
    controller.abort(over);
    session.close();
  }
}

const over = new LivellmError("canceled", "cancelled", "the session is over");

interface LiveSessionOptions {
  readonly target: Target;
  readonly call: LiveCall;
  readonly debts: Debts;
  /** Room for what the caller has said: apart, since audio that goes on must not put off what is owed for a turn. */
  readonly room: Debts;
  readonly signal: AbortSignal;
}

class LiveSession {
  /** What the gateway hears by itself, beside what the target says. */
  readonly heard = new Outbox<SessionEvent>(64);
  readonly #options: LiveSessionOptions;
  readonly #format: AudioFormat;
  readonly #turns: TurnPlan;
  readonly #clock: SessionClock;
  readonly #audio: AudioReader;
  #listener: TurnListener | undefined;
  /** Whether there is speech that a target owes the words of, once its turn has been ended. */
  #noticed = false;
  #audioEnded = false;
  #endTurnIgnored = false;

  constructor(options: LiveSessionOptions) {
    const { call, target } = options;
    const { capability } = target.use;
    this.#options = options;
    this.#format = formatFor(call.format, target);
    this.#turns = planTurns(call.turnDetection, capability.turnModes(target.model));
    this.#audio = call.log.open(options.signal);
    this.#clock = new SessionClock(this.#audio.startMs, this.#turns.ask.mode === "manual");
  }

  /** What the target says. */
  async *events(): AsyncGenerator<SessionEvent, void, undefined> {
    const { target, debts, room, signal } = this.#options;
    const events = target.use.capability.stream(this.#request(), owingRoom(this.#input(), room), signal);
    let finished = false;
    // To the end of the events, and not of what they tell: the adapter closes its socket properly after the last.
    for await (const event of whileOwing(whileOwing(events, debts, signal), room, signal)) {
      if (event.type === "finished" && !this.#audioEnded) break;
      yield this.#read(event);
      finished = event.type === "finished";
    }
    if (!finished) throw endedEarly(target);
  }

  close(): void {
    this.#audio.close();
    this.#listener?.close();
  }

  #request(): LiveTranscriptionRequest {
    const { call, target } = this.#options;
    const { model, options } = target;
    return { ...call.request, model, options, format: this.#format, turnDetection: this.#turns.ask };
  }

  async *#input(): AsyncGenerator<LiveInput, void, undefined> {
    const { call, debts } = this.#options;
    if (this.#turns.listen) this.#listener = await this.#listen(this.#turns.listen);
    const converter = createConverter(call.format, this.#format);
    for await (const item of this.#audio.items) {
      if (item.type === "end-turn") {
        yield* this.#passEndTurn();
        continue;
      }
      this.#countSent(item);
      // Not by way of another generator: there is an item ten times a second for each session.
      const data = converter.push(item.data);
      if (data.length > 0) yield { type: "audio", data };
      if (this.#listener) yield* this.#passHeard(await this.#listener.hear(item.data));
    }
    const rest = converter.flush();
    if (rest.length > 0) yield { type: "audio", data: rest };
    this.#audioEnded = true;
    debts.owe("end");
  }

  /** A voice detector that does not load is this server's fault; the session cannot go on without it. */
  async #listen(silence: NonNullable<TurnPlan["listen"]>): Promise<TurnListener> {
    const { call, signal } = this.#options;
    const voiceActivity = await call.createVoiceActivity();
    if (signal.aborted) voiceActivity.close();
    signal.throwIfAborted();
    return new TurnListener({ silence, format: call.format, voiceActivity });
  }

  #countSent({ data, start }: LogItem & { type: "audio" }): void {
    const { format } = this.#options.call;
    this.#clock.sentMs = ((start + data.length / bytesPerFrame(format)) * 1000) / format.sampleRateHertz;
  }

  async *#passHeard(heard: readonly Heard[]): AsyncGenerator<LiveInput, void, undefined> {
    for (const found of heard) {
      if (found.type === "turn-ended") yield* this.#commit(found.speechEndMs);
      else await this.#tell(this.#clock.activity(found.type, found.offsetMs));
    }
  }

  async *#passEndTurn(): AsyncGenerator<LiveInput, void, undefined> {
    yield* this.#passHeard(this.#listener?.endTurn() ?? []);
    if (this.#turns.obeysCommit) yield* this.#commit();
    else if (!this.#endTurnIgnored) {
      this.#endTurnIgnored = true;
      await this.#tell({ type: "warning", warning: endTurnIgnored });
    }
  }

  /** `speechEndMs` from the first audio of this session; unset where the caller says that the turn is over. */
  async *#commit(speechEndMs?: number): AsyncGenerator<LiveInput, void, undefined> {
    const { startMs, sentMs } = this.#clock;
    this.#clock.commit();
    await this.#tell({
      type: "turn-told",
      atMs: sentMs,
      speechEndMs: speechEndMs === undefined ? sentMs : startMs + speechEndMs,
    });
    if (this.#noticed) this.#options.debts.owe("turn");
    yield { type: "commit" };
  }

  /** A caller who reads slowly slows the audio down. */
  async #tell(event: SessionEvent): Promise<void> {
    if (event.type === "speech-started") this.#noticed = true;
    await this.heard.send(event, this.#options.signal);
  }

  #read(event: LiveEvent): SessionEvent {
    switch (event.type) {
      case "accepted": {
        const warnings = [...(event.warnings ?? []), ...this.#turns.warnings];
        return { ...event, warnings, format: this.#format };
      }
      case "speech-started":
        this.#noticed = true;
        return this.#clock.activity(event.type, event.offsetMs);
      case "speech-ended":
        return this.#clock.activity(event.type, event.offsetMs);
      case "segment":
        this.#hear(event.final);
        return this.#clock.segment(event);
      case "turn-ended":
        this.#hear(true);
        return this.#clock.turnEnded(event.offsetMs);
      case "ending":
      case "warning":
        return event;
      case "finished":
        return { type: "finished", usage: { inputAudioMs: this.#sentMs(), ...event.usage } };
      default:
        return event satisfies never;
    }
  }

  /** Words, or the target's own end of a turn. After something final a new turn owes nothing until speech is noticed again. */
  #hear(final: boolean): void {
    this.#noticed = !final;
    if (final) this.#options.debts.pay("turn");
  }

  #sentMs(): number {
    return Math.round(this.#clock.sentMs - this.#clock.startMs);
  }
}

function formatFor(given: AudioFormat, target: Target): AudioFormat {
  const format = chooseInputFormat(given, target.use.capability.formats(target.model));
  if (format) return { ...format, sampleRateHertz: format.sampleRateHertz || given.sampleRateHertz };
  const message = `${target.kind}/${target.model} takes no live audio in a form that can be made of ${given.mimeType}`;
  throw new LivellmError("failed_precondition", "unsupported", message);
}

function endedEarly({ kind, model }: Target): LivellmError {
  return new LivellmError("unavailable", "stream_broken", `${kind}/${model} ended the session before the audio ended`);
}

function takesNothing({ kind, model }: Target, stallTimeoutMs: number): LivellmError {
  const message = `${kind}/${model} has taken no audio for the stall timeout of ${stallTimeoutMs / 1000} s`;
  return new LivellmError("unavailable", "timeout", message);
}

function owesFor({ kind, model }: Target, stallTimeoutMs: number): LivellmError {
  const message = `${kind}/${model} owes the words of a turn for the stall timeout of ${stallTimeoutMs / 1000} s`;
  return new LivellmError("unavailable", "timeout", message);
}
