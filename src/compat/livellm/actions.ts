import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RouteSchema } from "../../../gen/livellm/v1/route_pb.ts";
import { firstToAnswer } from "../attempts.ts";
import type { Caller, Gateway } from "../gateway.ts";
import type { Form } from "../multipart.ts";
import { type OldTranscript, type TranscriptionPlan, transcribeWhole } from "../recording.ts";
import { type Reader, readAs } from "../schema.ts";
import { type SpokenAudio, speakPieces, speakWhole } from "../speech.ts";
import { unknownProvider } from "../unknown-provider.ts";
import { type AgentAnswer, runAgent, streamAgent } from "./agent.ts";
import { agentBody, plansOf } from "./agent-request.ts";
import { inLivellmWords } from "./domain-error.ts";
import { speechBody, speechPlansOf } from "./speech-request.ts";
import { requestOfForm, transcriptionBody, transcriptionPlansOf } from "./transcription-request.ts";

/**
 * What livellm does, once, for HTTP and its WebSocket alike. Each takes a body as it came, and throws at the first pull what is
 * wrong with it, or the gateway's error.
 */
export interface Actions {
  agentRun(body: unknown, caller: Caller): Promise<AgentAnswer>;
  agentStream(body: unknown, caller: Caller, deltas: boolean): AsyncGenerator<AgentAnswer>;
  speak(body: unknown, caller: Caller): Promise<SpokenAudio>;
  speakStream(body: unknown, caller: Caller): AsyncGenerator<SpokenAudio>;
  transcribe(body: unknown, caller: Caller): Promise<OldTranscript>;
  transcribeForm(form: Form, caller: Caller): Promise<OldTranscript>;
}

export function createActions(gateway: Gateway): Actions {
  return {
    agentRun: (body, caller) =>
      only(inTurn(plansFor(agentBody, body, plansOf), (plan) => once(() => runAgent(gateway, plan, caller)))),
    agentStream: (body, caller, deltas) =>
      inTurn(plansFor(agentBody, body, plansOf), (plan) => streamAgent(gateway, plan, { caller, deltas })),
    speak: (body, caller) =>
      only(inTurn(plansFor(speechBody, body, speechPlansOf), (plan) => once(() => speakWhole(gateway, plan, caller)))),
    speakStream: (body, caller) =>
      inTurn(plansFor(speechBody, body, speechPlansOf), (plan) => speakPieces(gateway, plan, caller)),
    transcribe: (body, caller) => transcribe(gateway, plansFor(transcriptionBody, body, transcriptionPlansOf), caller),
    transcribeForm: (form, caller) =>
      transcribe(gateway, () => transcriptionPlansOf({ requests: [requestOfForm(form)], parallel: false }), caller),
  };
}

async function transcribe(
  gateway: Gateway,
  plans: () => readonly TranscriptionPlan[],
  caller: Caller,
): Promise<OldTranscript> {
  const transcripts = inTurn(plans, (plan) => once(() => transcribeWhole(gateway, plan, caller)));
  const { text, language } = await only(transcripts);
  return { text, language };
}

/** A call that a body asks for. */
interface Plan {
  readonly route: MessageInitShape<typeof RouteSchema>;
}

/** The calls that a body asks for, when they are asked for. */
function plansFor<Body, P extends Plan>(reader: Reader<Body>, body: unknown, plans: (body: Body) => readonly P[]) {
  return () => plans(readAs(reader, body, ["body"]));
}

/** Makes one call after the other until one has output; what fails, fails in livellm's words. */
async function* inTurn<P extends Plan, T>(
  plans: () => readonly P[],
  call: (plan: P) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  const asked = plans();
  try {
    yield* firstToAnswer(asked.map((plan) => () => throughKnown(plan, call)));
  } catch (error) {
    throw inLivellmWords(
      error,
      asked.map(({ route }) => route),
    );
  }
}

/**
 * Makes a call without the targets whose providers are not there: livellm fails the one request, the gateway the route that
 * names one. It does so before anybody is asked.
 */
async function* throughKnown<P extends Plan, T>(plan: P, call: (plan: P) => AsyncGenerator<T>): AsyncGenerator<T> {
  const { targets = [] } = plan.route;
  try {
    yield* call(plan);
  } catch (error) {
    const unknown = unknownProvider(error, targets);
    const known = targets.filter(({ provider }) => provider !== unknown);
    if (!unknown || known.length === 0) throw error;
    yield* throughKnown({ ...plan, route: { ...plan.route, targets: known } }, call);
  }
}

async function* once<T>(answer: () => Promise<T>): AsyncGenerator<T> {
  yield await answer();
}

async function only<T>(answers: AsyncGenerator<T>): Promise<T> {
  for await (const answer of answers) return answer;
  throw new RangeError("there was nothing to try");
}
