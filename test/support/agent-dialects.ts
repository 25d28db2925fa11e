/** What a scripted model says: what it thinks (marked as the vendor marks it), a text, and the tools it calls. */
export interface ModelTurn {
  readonly reasoning?: string;
  readonly text?: string;
  readonly calls?: readonly ModelCall[];
}

interface ModelCall {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** One turn of a conversation as a vendor's wire has it: whose it is, and the ids of the calls and of the results in it. */
export interface WireTurn {
  readonly side: "user" | "model";
  readonly calls: readonly string[];
  readonly results: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;

/** How a vendor's chat API is spoken. */
export interface AgentDialect {
  /** What follows the server's address in `base_url`. */
  readonly basePath: string;
  /** The path of a streamed call. */
  readonly path: RegExp;
  readonly contentType: string;
  /** The ids of calls that the vendor takes back. */
  readonly callId: RegExp;
  /** Whether two messages of one side in a row are refused. */
  readonly alternates: boolean;
  read(request: Json): readonly WireTurn[];
  /** A streamed answer; `n` makes ids that differ. */
  answer(turn: ModelTurn, n: number): Iterable<string>;
  /** The body of a refusal. */
  error(message: string): object;
}

const chatCompletions: AgentDialect = {
  basePath: "/v1",
  path: /^\/v1\/chat\/completions$/,
  contentType: "text/event-stream",
  callId: /^[\w-]{1,64}$/,
  alternates: false,
  read: ({ messages }) => joined(list(messages).flatMap(chatMessage)),
  *answer({ reasoning, text, calls = [] }, n) {
    const chunk = (delta: object, finish_reason: string | null = null) =>
      data({
        id: "chatcmpl-1",
        object: "chat.completion.chunk",
        model: "m-1",
        choices: [{ index: 0, delta, finish_reason }],
      });
    yield chunk({ role: "assistant", content: "" });
    if (reasoning) yield chunk({ reasoning });
    for (const word of words(text)) yield chunk({ content: word });
    for (const [index, { name, args }] of calls.entries()) {
      const [first, second] = halves(args);
      const head = { index, id: `call${n}x${index}x00`.slice(0, 9), type: "function" };
      yield chunk({ tool_calls: [{ ...head, function: { name, arguments: first } }] });
      yield chunk({ tool_calls: [{ index, function: { arguments: second } }] });
    }
    yield chunk({}, calls.length > 0 ? "tool_calls" : "stop");
    yield data({ id: "chatcmpl-1", object: "chat.completion.chunk", model: "m-1", choices: [], usage: openaiUsage });
    yield "data: [DONE]\n\n";
  },
  error: (message) => ({ error: { message, type: "invalid_request_error", param: "messages", code: null } }),
};

const openaiUsage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

const responses: AgentDialect = {
  ...chatCompletions,
  path: /^\/v1\/responses$/,
  read: ({ input }) => joined(list(input).flatMap(responseItem)),
  *answer(turn, n) {
    const items = responseItems(turn, n);
    const response = { id: `resp_${n}`, object: "response", model: "m-1", status: "in_progress", output: [] };
    yield event("response.created", { response });
    for (const [output_index, item] of items.entries()) {
      yield event("response.output_item.added", { output_index, item: opened(item) });
      const about = { output_index, item_id: item.id };
      if (item.type === "message") {
        for (const delta of words(turn.text))
          yield event("response.output_text.delta", { ...about, content_index: 0, delta });
      }
      if (item.type === "function_call")
        yield event("response.function_call_arguments.delta", { ...about, delta: item.arguments });
      yield event("response.output_item.done", { output_index, item });
    }
    const usage = { input_tokens: 11, output_tokens: 7, total_tokens: 18 };
    yield event("response.completed", { response: { ...response, status: "completed", output: items, usage } });
  },
};

const messages: AgentDialect = {
  basePath: "",
  path: /^\/v1\/messages$/,
  contentType: "text/event-stream",
  callId: /^[a-zA-Z0-9_-]+$/,
  alternates: true,
  read: ({ messages }) =>
    list(messages).map(({ role, content }) => {
      const blocks = Array.isArray(content) ? list(content) : [];
      return {
        side: role === "assistant" ? "model" : "user",
        calls: blocks.flatMap(({ type, id }) => (type === "tool_use" ? String(id) : [])),
        results: blocks.flatMap(({ type, tool_use_id }) => (type === "tool_result" ? String(tool_use_id) : [])),
      };
    }),
  *answer({ reasoning, text, calls = [] }, n) {
    const message = {
      id: `msg_${n}`,
      type: "message",
      role: "assistant",
      model: "m-1",
      content: [],
      stop_reason: null,
    };
    yield event("message_start", { message: { ...message, usage: { input_tokens: 11, output_tokens: 1 } } });
    let index = 0;
    const block = function* (content_block: object, ...deltas: readonly object[]) {
      yield event("content_block_start", { index, content_block });
      for (const delta of deltas) yield event("content_block_delta", { index, delta });
      yield event("content_block_stop", { index: index++ });
    };
    if (reasoning) {
      const thought = { type: "thinking_delta", thinking: reasoning };
      yield* block({ type: "thinking", thinking: "", signature: "" }, thought, {
        type: "signature_delta",
        signature: stateOf("anthropic"),
      });
    }
    if (text)
      yield* block({ type: "text", text: "" }, ...words(text).map((word) => ({ type: "text_delta", text: word })));
    for (const [i, { name, args }] of calls.entries()) {
      const deltas = halves(args).map((partial_json) => ({ type: "input_json_delta", partial_json }));
      yield* block({ type: "tool_use", id: `toolu_${n}_${i}`, name, input: {} }, ...deltas);
    }
    const delta = { stop_reason: calls.length > 0 ? "tool_use" : "end_turn", stop_sequence: null };
    yield event("message_delta", { delta, usage: { input_tokens: 11, output_tokens: 7 } });
    yield event("message_stop", {});
  },
  error: (message) => ({ type: "error", error: { type: "invalid_request_error", message } }),
};

const generateContent: AgentDialect = {
  basePath: "",
  path: /^\/v1beta\/models\/[^/:]+:streamGenerateContent\b/,
  contentType: "text/event-stream",
  callId: /./,
  alternates: true,
  read: ({ contents }) =>
    list(contents).map(({ role, parts }) => ({
      side: role === "model" ? "model" : "user",
      calls: list(parts).flatMap(({ functionCall }) => nameOrId(functionCall)),
      results: list(parts).flatMap(({ functionResponse }) => nameOrId(functionResponse)),
    })),
  *answer({ reasoning, text, calls = [] }, n) {
    const usageMetadata = { promptTokenCount: 11, candidatesTokenCount: 7, totalTokenCount: 18 };
    const chunk = (parts: readonly object[], finishReason?: string) =>
      data({
        candidates: [{ content: { role: "model", parts }, index: 0, ...(finishReason && { finishReason }) }],
        usageMetadata,
        modelVersion: "m-1",
        responseId: `r-${n}`,
      });
    if (reasoning) yield chunk([{ text: reasoning, thought: true }]);
    for (const word of words(text)) yield chunk([{ text: word }]);
    const signed = reasoning ? { thoughtSignature: stateOf("google") } : {};
    yield chunk(
      calls.map(({ name, args }, i) => ({ functionCall: { name, args, id: `fc_${n}_${i}` }, ...(i === 0 && signed) })),
      "STOP",
    );
  },
  error: (message) => ({ error: { code: 400, message, status: "INVALID_ARGUMENT" } }),
};

const ollamaChat: AgentDialect = {
  basePath: "",
  path: /^\/api\/chat$/,
  contentType: "application/x-ndjson",
  callId: /./,
  alternates: false,
  read: ({ messages }) => joined(list(messages).flatMap(chatMessage)),
  *answer({ reasoning, text, calls = [] }, n) {
    const line = (message: object, rest: object = { done: false }) =>
      `${JSON.stringify({ model: "m-1", created_at: "2026-11-02T09:10:11Z", message: { role: "assistant", content: "", ...message }, ...rest })}\n`;
    if (reasoning) yield line({ thinking: reasoning });
    for (const word of words(text)) yield line({ content: word });
    for (const [index, { name, args }] of calls.entries()) {
      yield line({ tool_calls: [{ id: `call_${n}_${index}`, function: { index, name, arguments: args } }] });
    }
    yield line({}, { done: true, done_reason: "stop", prompt_eval_count: 11, eval_count: 7 });
  },
  error: (error) => ({ error }),
};

/** By kind of provider. */
export const agentDialects: Readonly<Record<string, AgentDialect>> = {
  anthropic: messages,
  google: generateContent,
  groq: { ...chatCompletions, basePath: "/openai/v1", path: /^\/openai\/v1\/chat\/completions$/ },
  // Refuses ids of other vendors: "Tool call id … must be a-z, A-Z, 0-9, with a length of 9".
  mistral: { ...chatCompletions, callId: /^[a-zA-Z0-9]{9}$/ },
  ollama: ollamaChat,
  openai: responses,
  "openai-compatible": chatCompletions,
};

/** What a vendor wants back unread with its own reasoning. In base64, which is also bytes. */
export function stateOf(kind: string): string {
  return Buffer.from(`the state that ${kind} has made`).toString("base64");
}

function responseItems({ reasoning, text, calls = [] }: ModelTurn, n: number): readonly (Json & { id: string })[] {
  const summary = [{ type: "summary_text", text: reasoning }];
  const content = [{ type: "output_text", text, annotations: [] }];
  return [
    ...(reasoning ? [{ id: `rs_${n}`, type: "reasoning", encrypted_content: stateOf("openai"), summary }] : []),
    ...(text ? [{ id: `msg_${n}`, type: "message", role: "assistant", status: "completed", content }] : []),
    ...calls.map(({ name, args }, i) => ({
      id: `fc_${n}_${i}`,
      type: "function_call",
      status: "completed",
      call_id: `call_${n}_${i}`,
      name,
      arguments: JSON.stringify(args),
    })),
  ];
}

/** An item as it is announced: still empty. */
function opened(item: Json): Json {
  if (item.type === "message") return { ...item, status: "in_progress", content: [] };
  return item.type === "function_call" ? { ...item, status: "in_progress", arguments: "" } : { ...item, summary: [] };
}

function chatMessage({ role, tool_calls, tool_call_id, tool_name }: Json): readonly WireTurn[] {
  if (role === "system" || role === "developer") return [];
  if (role === "tool") return [{ side: "user", calls: [], results: [String(tool_call_id ?? tool_name)] }];
  const calls = list(tool_calls).map(({ id, function: called }) => String(id ?? (called as Json).name));
  return [{ side: role === "assistant" ? "model" : "user", calls, results: [] }];
}

function responseItem({ type, role, call_id }: Json): readonly WireTurn[] {
  if (type === "reasoning") return [];
  if (type === "function_call") return [{ side: "model", calls: [String(call_id)], results: [] }];
  if (type === "function_call_output") return [{ side: "user", calls: [], results: [String(call_id)] }];
  return role === "user" || role === "assistant"
    ? [{ side: role === "user" ? "user" : "model", calls: [], results: [] }]
    : [];
}

/** Calls of one answer, and their results, which some wires have as messages of their own, as one turn each. */
function joined(turns: readonly WireTurn[]): readonly WireTurn[] {
  const all: WireTurn[] = [];
  for (const turn of turns) {
    const last = all.at(-1);
    const belongs =
      last?.side === turn.side && (turn.side === "model" || (last.results.length > 0 && turn.results.length > 0));
    if (!last || !belongs) all.push(turn);
    else
      all[all.length - 1] = {
        ...last,
        calls: [...last.calls, ...turn.calls],
        results: [...last.results, ...turn.results],
      };
  }
  return all;
}

function nameOrId(value: unknown): readonly string[] {
  if (value === undefined) return [];
  const { id, name } = value as Json;
  return [String(id ?? name)];
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

function words(text = ""): readonly string[] {
  return text.match(/\s*\S+/g) ?? [];
}

/** Arguments come in two pieces, cut where JSON is not yet whole. */
function halves(args: object): readonly [string, string] {
  const text = JSON.stringify(args);
  return [text.slice(0, 3), text.slice(3)];
}

function data(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

function event(type: string, fields: object): string {
  return `event: ${type}\n${data({ type, ...fields })}`;
}
