import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  CreateTokenRequestSchema,
  GetTokenRequestSchema,
  ListAuditEventsRequestSchema,
  ListTokensRequestSchema,
  RevokeTokenRequestSchema,
  UpdateTokenRequestSchema,
} from "../../gen/livellm/v1/access_service_pb.ts";
import { file_livellm_v1_agent_service, RunRequestSchema } from "../../gen/livellm/v1/agent_service_pb.ts";
import {
  ListVoicesRequestSchema,
  SpeakDuplexRequestSchema,
  SpeakRequestSchema,
  SpeakStreamRequestSchema,
  TranscribeRequestSchema,
} from "../../gen/livellm/v1/audio_service_pb.ts";
import { EditImageRequestSchema, GenerateImageRequestSchema } from "../../gen/livellm/v1/images_service_pb.ts";
import { ConverseRequestSchema } from "../../gen/livellm/v1/live_service_pb.ts";
import {
  FindBestModelRequestSchema,
  GetModelRequestSchema,
  ListModelsRequestSchema,
} from "../../gen/livellm/v1/models_service_pb.ts";
import {
  CreateProviderRequestSchema,
  DeleteProviderRequestSchema,
  GetProviderRequestSchema,
  ListProvidersRequestSchema,
  UpdateProviderRequestSchema,
} from "../../gen/livellm/v1/providers_service_pb.ts";
import { TranscribeStreamRequestSchema } from "../../gen/livellm/v1/transcription_service_pb.ts";
import { rules } from "../../src/interceptors/rules.ts";
import { createValidator } from "../../src/interceptors/validate-message.ts";
import { protoSources, readProtoComments } from "./proto-comments.ts";

const comments = readProtoComments();
/** `; ` and `, ` both separate rules in a comment. */
const inOneForm = (texts: readonly string[]) => texts.filter(Boolean).join(", ").replaceAll("; ", ", ");

describe("the table of rules and the comments of the contract", () => {
  test("the comments are read: as many as there are lines that state one", () => {
    const text = protoSources().join("\n");
    const withRule = comments.filter((each) => each.rules.some((rule) => rule !== "Required."));
    expect(withRule).toHaveLength(text.match(/^\s*\/\/ rule: /gm)?.length ?? 0);
    const required = comments.filter((each) => each.rules.includes("Required."));
    expect(required).toHaveLength(text.match(/^\s*\/\/ Required\. /gm)?.length ?? 0);
  });

  test.each(comments.filter((each) => each.rules.length > 0))(
    "$message.$member is in the table, word by word",
    (each) => {
      const table = rules[each.message]?.[each.member] ?? [];
      expect(inOneForm(table.map(({ text }) => text))).toBe(inOneForm(each.rules));
    },
  );

  test.each(
    Object.entries(rules).flatMap(([message, members]) => Object.keys(members).map((member) => [message, member])),
  )("%s.%s states nothing that the comment does not", (message, member) => {
    const comment = comments.find((each) => each.message === message && each.member === member);
    expect(comment, "there is such a field").toBeDefined();
    for (const rule of rules[message ?? ""]?.[member ?? ""] ?? []) {
      expect(rule.text !== "" || comment?.comment.includes(rule.prose ?? "?")).toBe(true);
    }
  });
});

const validate = createValidator({ maxMediaBytes: 16 });

const route = { targets: [{ provider: "p", model: "m" }] };
const messages = [{ text: "hi" }];

/** A request with something in it changed. */
type Change = [path: string, reason: string, json: object];

const inRun = (fields: object) => ({ route, messages, ...fields });
const inConfig = (config: object) => inRun({ config });
const inGeneration = (generation: object) => inConfig({ generation });
const inRoute = (fields: object) => inRun({ route: { ...route, ...fields } });
const inTarget = (fields: object) => inRun({ route: { targets: [{ provider: "p", ...fields }] } });
const inInline = (fields: object) => inRun({ route: { targets: [{ inlineProvider: { kind: "k", ...fields } }] } });
const inMessage = (fields: object) => inRun({ messages: [{ text: "hi", ...fields }] });
const inPart = (part: object) => inRun({ messages: [{ parts: [part] }] });
const inMedia = (media: object) => inPart({ media: { mimeType: "image/png", uri: "https://x.y/z", ...media } });
const inTool = (tool: object) => inConfig({ tools: [tool] });
const inCaller = (caller: object) => inRun({ caller });
const base64 = (length: number) => Buffer.alloc(length).toString("base64");
const pairs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, "v"]));
const long = (length: number) => "x".repeat(length);
const many = <T>(count: number, value: T) => Array.from({ length: count }, () => value);

const runChanges: Change[] = [
  ["route", "REQUIRED", { messages }],
  ["messages", "REQUIRED", { route }],
  ["route.targets", "REQUIRED", inRun({ route: {} })],
  ["route.targets", "CONFLICT", inRoute({ name: "n" })],
  ["route.targets", "TOO_MANY", inRun({ route: { targets: many(9, { provider: "p" }) } })],
  ["route.strategy", "UNKNOWN", inRoute({ strategy: 9 })],
  ["route.attemptTimeout", "OUT_OF_RANGE", inRoute({ attemptTimeout: "0s" })],
  ["route.attemptTimeout", "OUT_OF_RANGE", inRoute({ attemptTimeout: "3600.001s" })],
  ["route.stallTimeout", "OUT_OF_RANGE", inRoute({ stallTimeout: "-1s" })],
  ["route.stagger", "OUT_OF_RANGE", inRoute({ stagger: "-0.5s" })],
  ["route.name", "PATTERN", inRun({ route: { name: "-x" } })],
  ["route.targets[0].provider", "PATTERN", inTarget({ provider: "a b" })],
  ["route.targets[0].model", "TOO_LONG", inTarget({ model: long(257) })],
  ["route.targets[0].model", "REQUIRED", inTarget({ provider: "" })],
  ["route.targets[0].inlineProvider", "CONFLICT", inTarget({ inlineProvider: { kind: "k" } })],
  ["route.targets[0].voice", "TOO_LONG", inTarget({ voice: long(257) })],
  ["route.targets[0].attemptTimeout", "OUT_OF_RANGE", inTarget({ attemptTimeout: "0s" })],
  ["route.targets[0].inlineProvider.kind", "REQUIRED", inInline({ kind: "" })],
  ["route.targets[0].inlineProvider.kind", "TOO_LONG", inInline({ kind: long(65) })],
  ["route.targets[0].inlineProvider.apiKey", "TOO_LONG", inInline({ apiKey: long(8193) })],
  ["route.targets[0].inlineProvider.baseUrl", "PATTERN", inInline({ baseUrl: "ftp://x.y" })],
  ["route.targets[0].inlineProvider.baseUrl", "PATTERN", inInline({ baseUrl: "localhost" })],
  ["route.targets[0].inlineProvider.headers", "TOO_MANY", inInline({ headers: pairs(33) })],
  ["messages[0].role", "UNKNOWN", inMessage({ role: "bot" })],
  ["messages[0].parts", "REQUIRED", inMessage({ text: "" })],
  ["messages[0].text", "CONFLICT", inMessage({ parts: [{ text: "a" }] })],
  ["messages[0].name", "TOO_LONG", inMessage({ name: long(65) })],
  ["messages[0].parts[0]", "REQUIRED", inPart({})],
  ["messages[0].parts[0].media", "REQUIRED", inPart({ media: { mimeType: "image/png" } })],
  ["messages[0].parts[0].media.data", "TOO_LONG", inPart({ media: { mimeType: "image/png", data: base64(17) } })],
  ["messages[0].parts[0].media.uri", "PATTERN", inMedia({ uri: "cat.png" })],
  ["messages[0].parts[0].media.mimeType", "PATTERN", inMedia({ mimeType: "png" })],
  ["messages[0].parts[0].media.mimeType", "REQUIRED", inPart({ media: { data: base64(1) } })],
  ["messages[0].parts[0].media.filename", "TOO_LONG", inMedia({ filename: long(256) })],
  ["messages[0].parts[0].toolCall.id", "REQUIRED", inPart({ toolCall: { name: "n" } })],
  ["messages[0].parts[0].toolCall.name", "REQUIRED", inPart({ toolCall: { id: "i" } })],
  ["messages[0].parts[0].toolResult.toolCallId", "REQUIRED", inPart({ toolResult: { text: "t" } })],
  ["config.tools", "TOO_MANY", inConfig({ tools: many(129, { codeExecution: {} }) })],
  ["config.tools[0]", "REQUIRED", inTool({})],
  ["config.tools[0].function.name", "REQUIRED", inTool({ function: {} })],
  ["config.tools[0].function.name", "PATTERN", inTool({ function: { name: "1x" } })],
  [
    "config.tools[0].function.inputSchema",
    "CONFLICT",
    inTool({ function: { name: "n", inputSchema: {}, inputSchemaJson: "{}" } }),
  ],
  ["config.tools[0].mcpServer.url", "REQUIRED", inTool({ mcpServer: {} })],
  ["config.tools[0].mcpServer.url", "PATTERN", inTool({ mcpServer: { url: "file:///etc" } })],
  ["config.tools[0].mcpServer.headers", "TOO_MANY", inTool({ mcpServer: { url: "http://x", headers: pairs(33) } })],
  ["config.tools[0].mcpServer.prefix", "PATTERN", inTool({ mcpServer: { url: "http://x", prefix: "a b" } })],
  ["config.tools[0].mcpServer.timeout", "OUT_OF_RANGE", inTool({ mcpServer: { url: "http://x", timeout: "601s" } })],
  ["config.tools[0].webSearch.contextSize", "UNKNOWN", inTool({ webSearch: { contextSize: 9 } })],
  [
    "config.tools[0].webSearch.allowedDomains",
    "CONFLICT",
    inTool({ webSearch: { allowedDomains: ["a"], blockedDomains: ["b"] } }),
  ],
  ["config.tools[0].webSearch.maxUses", "OUT_OF_RANGE", inTool({ webSearch: { maxUses: 0 } })],
  ["config.tools[0].providerTool.type", "REQUIRED", inTool({ providerTool: {} })],
  ["config.toolChoice.mode", "UNKNOWN", inConfig({ toolChoice: { mode: 9 } })],
  ["config.maxSteps", "OUT_OF_RANGE", inConfig({ maxSteps: 0 })],
  ["config.maxSteps", "OUT_OF_RANGE", inConfig({ maxSteps: 101 })],
  ["config.generation.temperature", "OUT_OF_RANGE", inGeneration({ temperature: 2.1 })],
  ["config.generation.temperature", "OUT_OF_RANGE", inGeneration({ temperature: "NaN" })],
  ["config.generation.topP", "OUT_OF_RANGE", inGeneration({ topP: 0 })],
  ["config.generation.topK", "OUT_OF_RANGE", inGeneration({ topK: 0 })],
  ["config.generation.maxOutputTokens", "OUT_OF_RANGE", inGeneration({ maxOutputTokens: 0 })],
  ["config.generation.stopSequences", "TOO_MANY", inGeneration({ stopSequences: many(17, "x") })],
  ["config.generation.stopSequences[1]", "REQUIRED", inGeneration({ stopSequences: ["x", ""] })],
  ["config.generation.presencePenalty", "OUT_OF_RANGE", inGeneration({ presencePenalty: -2.1 })],
  ["config.generation.frequencyPenalty", "OUT_OF_RANGE", inGeneration({ frequencyPenalty: 2.1 })],
  ["config.generation.reasoning.effort", "UNKNOWN", inGeneration({ reasoning: { effort: 9 } })],
  ["config.generation.reasoning.budgetTokens", "OUT_OF_RANGE", inGeneration({ reasoning: { budgetTokens: -1 } })],
  ["config.outputFormat", "REQUIRED", inConfig({ outputFormat: {} })],
  [
    "config.outputFormat.jsonSchema.name",
    "PATTERN",
    inConfig({ outputFormat: { jsonSchema: { name: "a b", schema: {} } } }),
  ],
  ["config.outputFormat.jsonSchema.schema", "REQUIRED", inConfig({ outputFormat: { jsonSchema: {} } })],
  [
    "config.outputFormat.jsonSchema.schema",
    "CONFLICT",
    inConfig({ outputFormat: { jsonSchema: { schema: {}, schemaJson: "{}" } } }),
  ],
  ["config.contextPolicy.strategy", "UNKNOWN", inConfig({ contextPolicy: { strategy: 9 } })],
  ["config.contextPolicy.maxInputTokens", "OUT_OF_RANGE", inConfig({ contextPolicy: { maxInputTokens: -1 } })],
  ["caller.requestId", "TOO_LONG", inCaller({ requestId: long(129) })],
  ["caller.sessionId", "TOO_LONG", inCaller({ sessionId: long(129) })],
  ["caller.userId", "TOO_LONG", inCaller({ userId: long(129) })],
  ["caller.app", "TOO_LONG", inCaller({ app: long(129) })],
  ["caller.clientId", "TOO_LONG", inCaller({ clientId: long(129) })],
  ["caller.device", "TOO_LONG", inCaller({ device: long(129) })],
  ["caller.labels", "TOO_MANY", inCaller({ labels: pairs(33) })],
];

const speech = { route, text: "hi" };
const provider = (fields: object) => ({ provider: { id: "p", kind: "k", ...fields } });
const live = (fields: object) => ({
  start: { route, format: { mimeType: "audio/pcm", sampleRateHertz: 16_000 }, ...fields },
});
const liveTurn = (turnDetection: object) => live({ turnDetection });

const image = (config: object) => ({ route, prompt: "A cat", config });
const picture = { uri: "https://x.y/z.png" };

const otherChanges = [
  ...changes(SpeakRequestSchema, [
    ["route", "REQUIRED", { text: "hi" }],
    ["text", "REQUIRED", { route }],
    ["text", "PATTERN", { route, text: " \n" }],
    ["text", "TOO_LONG", { route, text: long(100_001) }],
    ["config.speed", "OUT_OF_RANGE", { ...speech, config: { speed: 0.2 } }],
    ["config.format.mimeType", "PATTERN", { ...speech, config: { format: { mimeType: "video/mp4" } } }],
    ["config.format.sampleRateHertz", "OUT_OF_RANGE", { ...speech, config: { format: { sampleRateHertz: 7999 } } }],
    ["config.format.channelCount", "OUT_OF_RANGE", { ...speech, config: { format: { channelCount: 3 } } }],
  ]),
  ...changes(SpeakStreamRequestSchema, [
    ["route", "REQUIRED", { text: "hi" }],
    ["text", "REQUIRED", { route }],
    ["chunkMs", "OUT_OF_RANGE", { ...speech, chunkMs: 9 }],
  ]),
  ...changes(SpeakDuplexRequestSchema, [
    ["", "REQUIRED", {}],
    ["start.route", "REQUIRED", { start: {} }],
    ["start.chunkMs", "OUT_OF_RANGE", { start: { route, chunkMs: 1001 } }],
    ["text.text", "REQUIRED", { text: {} }],
    ["text.text", "TOO_LONG", { text: { text: long(10_001) } }],
  ]),
  ...changes(TranscribeRequestSchema, [
    ["route", "REQUIRED", { audio: { uri: "https://x.y/z" } }],
    ["audio", "REQUIRED", { route }],
    ["config.phrases", "TOO_MANY", { route, audio: { uri: "https://x.y/z" }, config: { phrases: many(1001, "x") } }],
  ]),
  ...changes(ListVoicesRequestSchema, [
    ["provider", "REQUIRED", {}],
    ["pageSize", "OUT_OF_RANGE", { provider: "p", pageSize: -1 }],
  ]),
  ...changes(ConverseRequestSchema, [
    ["", "REQUIRED", {}],
    ["start.route", "REQUIRED", { start: {} }],
    ["start.chunkMs", "OUT_OF_RANGE", { start: { route, chunkMs: 9 } }],
    [
      "start.format.mimeType",
      "UNSUPPORTED",
      { start: { route, format: { mimeType: "audio/wav", sampleRateHertz: 8000 } } },
    ],
    ["start.config.tools", "TOO_MANY", { start: { route, config: { tools: many(129, { codeExecution: {} }) } } }],
    ["text.text", "REQUIRED", { text: {} }],
    ["text.text", "TOO_LONG", { text: { text: long(100_001) } }],
    ["interrupt.heardMs", "OUT_OF_RANGE", { interrupt: { heardMs: -1 } }],
  ]),
  ...changes(TranscribeStreamRequestSchema, [
    ["", "REQUIRED", {}],
    ["start.route", "REQUIRED", live({ route: undefined })],
    ["start.format", "REQUIRED", live({ format: undefined })],
    ["start.format.mimeType", "REQUIRED", live({ format: { sampleRateHertz: 8000 } })],
    ["start.format.mimeType", "UNSUPPORTED", live({ format: { mimeType: "audio/mpeg", sampleRateHertz: 8000 } })],
    ["start.format.sampleRateHertz", "REQUIRED", live({ format: { mimeType: "audio/ulaw" } })],
    ["start.format.mimeType", "CONFLICT", live({ format: { mimeType: "audio/pcm;rate=7999" } })],
    ["start.format.mimeType", "CONFLICT", live({ format: { mimeType: "audio/pcm;rate=16000;channels=3" } })],
    [
      "start.format.mimeType",
      "CONFLICT",
      live({ format: { mimeType: "audio/pcm;rate=16000", sampleRateHertz: 8000 } }),
    ],
    ["start.turnDetection.silence.threshold", "OUT_OF_RANGE", liveTurn({ silence: { threshold: 1.1 } })],
    ["start.turnDetection.silence.silenceMs", "OUT_OF_RANGE", liveTurn({ silence: { silenceMs: -1 } })],
    ["start.turnDetection.silence.prefixMs", "OUT_OF_RANGE", liveTurn({ silence: { prefixMs: 10_001 } })],
    ["start.turnDetection.semantic.eagerness", "UNKNOWN", liveTurn({ semantic: { eagerness: 9 } })],
    ["audio.data", "TOO_LONG", { audio: { data: base64(1_048_577) } }],
    ["silence.durationMs", "OUT_OF_RANGE", { silence: {} }],
  ]),
  ...changes(GenerateImageRequestSchema, [
    ["route", "REQUIRED", { prompt: "A cat" }],
    ["prompt", "REQUIRED", { route }],
    ["prompt", "PATTERN", { route, prompt: " \n" }],
    ["prompt", "TOO_LONG", { route, prompt: long(32_001) }],
    ["config.size", "PATTERN", image({ size: "1024*1024" })],
    ["config.size", "PATTERN", image({ size: "0x1024" })],
    ["config.resolution", "TOO_LONG", image({ resolution: long(17) })],
    ["config.quality", "TOO_LONG", image({ quality: long(33) })],
    ["config.background", "UNKNOWN", image({ background: 9 })],
    ["config.mimeType", "PATTERN", image({ mimeType: "png" })],
    ["config.compression", "OUT_OF_RANGE", image({ compression: 101 })],
    ["config.count", "OUT_OF_RANGE", image({ count: 11 })],
    ["config.style", "TOO_LONG", image({ style: long(65) })],
    ["config.partialImages", "OUT_OF_RANGE", image({ partialImages: 17 })],
    ["config.inputFidelity", "UNKNOWN", image({ inputFidelity: 9 })],
  ]),
  ...changes(EditImageRequestSchema, [
    ["route", "REQUIRED", { prompt: "A cat", images: [picture] }],
    ["prompt", "REQUIRED", { route, images: [picture] }],
    ["images", "REQUIRED", { route, prompt: "A cat" }],
    ["images", "TOO_MANY", { route, prompt: "A cat", images: many(17, picture) }],
    ["images[0].mimeType", "REQUIRED", { route, prompt: "A cat", images: [{ data: "AAAA" }] }],
    ["mask", "REQUIRED", { route, prompt: "A cat", images: [picture], mask: {} }],
  ]),
  ...changes(ListModelsRequestSchema, [["pageSize", "OUT_OF_RANGE", { pageSize: -1 }]]),
  ...changes(GetModelRequestSchema, [
    ["provider", "REQUIRED", { id: "m" }],
    ["id", "REQUIRED", { provider: "p" }],
  ]),
  ...changes(FindBestModelRequestSchema, [
    ["requirements.minContextWindow", "OUT_OF_RANGE", { requirements: { minContextWindow: -1 } }],
    ["requirements.minOutputTokens", "OUT_OF_RANGE", { requirements: { minOutputTokens: -1 } }],
    ["requirements.maxInputUsdPerMtok", "OUT_OF_RANGE", { requirements: { maxInputUsdPerMtok: -1 } }],
    ["requirements.maxOutputUsdPerMtok", "OUT_OF_RANGE", { requirements: { maxOutputUsdPerMtok: -0.1 } }],
    ["maxResults", "OUT_OF_RANGE", { maxResults: 21 }],
  ]),
  ...changes(CreateProviderRequestSchema, [
    ["provider", "REQUIRED", {}],
    ["provider.id", "REQUIRED", provider({ id: "" })],
    ["provider.id", "PATTERN", provider({ id: "no spaces" })],
    ["provider.kind", "REQUIRED", provider({ kind: "" })],
    ["provider.kind", "TOO_LONG", provider({ kind: long(65) })],
    ["provider.displayName", "TOO_LONG", provider({ displayName: long(129) })],
    ["provider.apiKey", "TOO_LONG", provider({ apiKey: long(8193) })],
    ["provider.baseUrl", "PATTERN", provider({ baseUrl: "x" })],
    ["provider.headers", "TOO_MANY", provider({ headers: pairs(33) })],
    ["provider.labels", "TOO_MANY", provider({ labels: pairs(33) })],
    ["provider.defaultModel", "TOO_LONG", provider({ defaultModel: long(257) })],
    ["provider.fallbackModel", "TOO_LONG", provider({ fallbackModel: long(257) })],
    ["provider.models", "TOO_MANY", provider({ models: many(257, { model: "m" }) })],
    ["provider.models[0].model", "REQUIRED", provider({ models: [{}] })],
    ["provider.models[0].model", "TOO_LONG", provider({ models: [{ model: long(257) }] })],
    [
      "provider.models[0].fallbacks",
      "TOO_MANY",
      provider({ models: [{ model: "m", fallbacks: many(8, { model: "n" }) }] }),
    ],
    ["provider.models[0].fallbacks[0].model", "REQUIRED", provider({ models: [{ model: "m", fallbacks: [{}] }] })],
    ["provider.models[0].strategy", "UNKNOWN", provider({ models: [{ model: "m", strategy: 9 }] })],
  ]),
  ...changes(GetProviderRequestSchema, [["id", "REQUIRED", {}]]),
  ...changes(ListProvidersRequestSchema, [["pageSize", "OUT_OF_RANGE", { pageSize: -1 }]]),
  ...changes(DeleteProviderRequestSchema, [["id", "REQUIRED", {}]]),
  ...changes(CreateTokenRequestSchema, [
    ["token.id", "PATTERN", { token: { id: "llm_0" } }],
    ["token.displayName", "TOO_LONG", { token: { displayName: long(129) } }],
    ["token.labels", "TOO_MANY", { token: { labels: pairs(33) } }],
    ["token.allowedProviders", "TOO_MANY", { token: { allowedProviders: many(257, "p") } }],
    ["token.allowedModels", "TOO_MANY", { token: { allowedModels: many(257, "m") } }],
    ["token.allowedRoutes", "TOO_MANY", { token: { allowedRoutes: many(257, "r") } }],
    ["token.requestsPerMinute", "OUT_OF_RANGE", { token: { requestsPerMinute: 0 } }],
    ["token.tokensPerMinute", "OUT_OF_RANGE", { token: { tokensPerMinute: -1 } }],
  ]),
  ...changes(GetTokenRequestSchema, [["id", "PATTERN", { id: "tok_0" }]]),
  ...changes(ListTokensRequestSchema, [["pageSize", "OUT_OF_RANGE", { pageSize: -1 }]]),
  ...changes(UpdateTokenRequestSchema, [["token", "REQUIRED", {}]]),
  ...changes(RevokeTokenRequestSchema, [["id", "REQUIRED", {}]]),
  ...changes(ListAuditEventsRequestSchema, [["pageSize", "OUT_OF_RANGE", { pageSize: -1 }]]),
  ...changes(UpdateProviderRequestSchema, [
    ["provider", "REQUIRED", {}],
    ["provider.id", "REQUIRED", { provider: { displayName: "x" } }],
    ["provider.kind", "TOO_LONG", { provider: { id: "p", kind: long(65) } }],
  ]),
];

function changes<D>(desc: D, each: Change[]): [D, ...Change][] {
  return each.map((change) => [desc, ...change]);
}

function check(desc: Parameters<typeof validate>[0], json: object) {
  return validate(desc, fromJson(desc, JSON.parse(JSON.stringify(json)) as JsonValue));
}

describe("a broken rule is found, and nothing else", () => {
  const all = [...changes(RunRequestSchema, runChanges), ...otherChanges] as [
    Parameters<typeof validate>[0],
    ...Change,
  ][];

  test.each(all.map(([desc, ...change]) => [desc.name, ...change, desc] as const))(
    "%s: %s %s",
    (_, field, reason, json, desc) => {
      expect(check(desc, json)).toEqual([{ field, reason, description: expect.stringMatching(/^.{5,}/) }]);
    },
  );

  test("each rule of the table is broken by some case", () => {
    const broken = new Set(
      all.map(
        ([, field, reason]) =>
          `${field
            .replace(/\[\d+\]/g, "")
            .split(".")
            .at(-1)} ${reason}`,
      ),
    );
    const missing = Object.entries(rules).flatMap(([message, members]) =>
      Object.keys(members)
        .filter(
          (member) => !isBroken(member, broken) && !["format", "input", "content", "source", "kind"].includes(member),
        )
        .map((member) => `${message}.${member}`),
    );
    expect(missing).toEqual([]);
  });
});

function isBroken(member: string, broken: ReadonlySet<string>): boolean {
  const jsonName = member.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return [...broken].some((each) => each.startsWith(`${jsonName} `));
}

describe("what keeps the rules is accepted", () => {
  test.each<[string, Parameters<typeof validate>[0], object]>([
    ["the least", RunRequestSchema, { route, messages }],
    ["a route by name", RunRequestSchema, inRun({ route: { name: "fast" } })],
    ["a target by its model", RunRequestSchema, inTarget({ provider: "", model: "m" })],
    [
      "the bounds themselves",
      RunRequestSchema,
      inGeneration({ temperature: 0, topP: 1, topK: 1, presencePenalty: -2 }),
    ],
    [
      "the longest timeout",
      RunRequestSchema,
      inRoute({ attemptTimeout: "3600s", stallTimeout: "0.000000001s", stagger: "0s" }),
    ],
    [
      "every role",
      RunRequestSchema,
      inRun({ messages: ["", "user", "assistant", "system", "tool"].map((role) => ({ role, text: "x" })) }),
    ],
    ["a data: URI", RunRequestSchema, inMedia({ uri: "data:image/png;base64,AAAA", mimeType: "" })],
    ["a scheme of a provider", RunRequestSchema, inMedia({ uri: "gs://bucket/cat.png" })],
    ["128 characters beyond the first plane", RunRequestSchema, inCaller({ app: "🦜".repeat(128) })],
    ["an update of a single field", UpdateProviderRequestSchema, { provider: { id: "p", displayName: "new" } }],
    ["a live session", TranscribeStreamRequestSchema, live({})],
  ])("%s", (_, desc, json) => {
    expect(check(desc, json)).toEqual([]);
  });
});

test("all violations are found at once", () => {
  const found = check(RunRequestSchema, {
    route: { targets: [{}, { provider: "a b" }], attemptTimeout: "0s" },
    messages: [{ text: "x", role: "bot" }, {}],
    config: { generation: { temperature: 3, topK: 0 }, tools: [{}, { function: { name: "" } }] },
  });
  expect(found.map(({ field }) => field)).toEqual([
    "route.attemptTimeout",
    "route.targets[0].model",
    "route.targets[1].provider",
    "messages[0].role",
    "messages[1].parts",
    "config.tools[0]",
    "config.tools[1].function.name",
    "config.generation.temperature",
    "config.generation.topK",
  ]);
});

test("RunRequest and RunStreamRequest have the same rules", () => {
  const [run, stream] = ["RunRequest", "RunStreamRequest"].map((name) => rules[name]);
  expect(run).toEqual(stream);
  expect(file_livellm_v1_agent_service.messages.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["RunRequest"]),
  );
});
