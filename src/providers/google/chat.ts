import type { Chat } from "../../core/chat.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream } from "../../core/upstream.ts";
import { opened } from "../../streams/batches.ts";
import type { AnswerContext } from "./chat-answer.ts";
import { toGenerateContentRequest } from "./chat-request.ts";
import { readGenerateContent, readGenerateContentStream } from "./chat-stream.ts";
import { explainGoogleError } from "./error.ts";
import { streamPost, unaryPost } from "./generate-content.ts";

/** Chat over `generateContent`. `kind` marks provider state. */
export function createChat(kind: string, connection: ProviderConnection, upstream: Upstream): Chat {
  return {
    stream(request, signal) {
      return opened(async () => {
        const { body, ...call } = toGenerateContentRequest(request, kind);
        const post = streamPost(connection, { model: request.model, body });
        const answer = await upstream.bytes({ ...post, explain: explainGoogleError }, signal);
        return readGenerateContentStream(answer.bytes, toContext(kind, call, request.generation.reasoning));
      });
    },
    async generate(request, signal) {
      const { body, ...call } = toGenerateContentRequest(request, kind);
      const post = unaryPost(connection, { model: request.model, body });
      const answer = await upstream.json({ ...post, explain: explainGoogleError }, signal);
      return readGenerateContent(answer.value, toContext(kind, call, request.generation.reasoning));
    },
  };
}

function toContext(
  kind: string,
  call: Pick<AnswerContext, "warnings" | "answerTool">,
  reasoning: { readonly hidden: boolean } | undefined,
): AnswerContext {
  return { kind, ...call, hideReasoning: reasoning?.hidden };
}
