import type { ProviderConnection } from "../../core/provider.ts";
import type { LiveEvent, LiveInput, LiveTranscription, LiveTranscriptionRequest } from "../../core/transcription.ts";
import type { Upstream } from "../../core/upstream.ts";
import { exchange } from "../openai-compatible/realtime-exchange.ts";
import { withSocket } from "../openai-compatible/realtime-socket.ts";
import { endSilent, type Hearing, newHearing, readMessage, takeEvents } from "./live-hearing.ts";
import { Microphone } from "./live-microphone.ts";
import { liveFormat, liveTurnModes, toLiveSetup } from "./live-request.ts";
import { type LiveSocket, openLive, setUp } from "./live-socket.ts";

/** Live transcription over the Live API (`BidiGenerateContent`), for models such as `gemini-3.5-transcribe-live`. */
export function createLiveTranscription(connection: ProviderConnection, upstream: Upstream): LiveTranscription {
  const open = openLive(connection, upstream);
  return {
    formats: () => [liveFormat],
    turnModes: () => liveTurnModes,
    async *stream(request, input, signal) {
      const { setup, warnings } = toLiveSetup(request);
      yield* withSocket(
        open,
        async function* (socket) {
          const session = await setUp(socket, setup);
          const requestId = session.id;
          yield { type: "accepted", model: request.model, ...(requestId && { requestId }), warnings };
          yield* listen(session, request, input);
        },
        signal,
      );
    },
  };
}

/** How long the server may be silent after the end of the audio before we believe that it has no more to say. */
const quietMs = 1000;
/** How long words may come after the end of their activity: 0.3 s is usual. */
const wordsMs = 900;

async function* listen(
  session: LiveSocket,
  request: LiveTranscriptionRequest,
  input: AsyncIterable<LiveInput>,
): AsyncGenerator<LiveEvent> {
  const hearing = newHearing(request);
  const microphone = new Microphone(session, request.turnDetection);
  let silences = 0;
  for await (const next of exchange({ messages: session.messages, input, quietMs })) {
    silences = next.from === "nobody" ? silences + 1 : 0;
    if (next.from === "caller" && next.input.type === "audio") await microphone.take(next.input.data);
    if (next.from === "caller" && next.input.type === "commit") await microphone.endTurn();
    if (next.from === "caller-end") await microphone.end();
    if (next.from === "vendor") readMessage(hearing, next.message);
    endSilent(hearing, wordsMs);
    yield* takeEvents(hearing);
    if (microphone.ended && isComplete(hearing, microphone.turns, silences)) {
      return yield { type: "finished", usage: hearing.usage };
    }
  }
  throw await session.closedBefore("the last words");
}

/**
 * The server has no word for the end of a session. It owes the end of an utterance whose words have begun to come; with turns
 * that it was told of, as many ends as those. Speech without words gets no end but that of its activity, and none at all when
 * it was none: then its silence has to do, longer where it has heard something.
 */
function isComplete({ utterance, completed }: Hearing, turns: number | undefined, silences: number): boolean {
  if (utterance?.written) return false;
  if (turns !== undefined && completed >= turns) return true;
  const listening = utterance !== undefined && utterance.endMs === undefined;
  return silences >= (listening ? 3 : 1);
}
