import type { ChatEvent } from "../core/chat.ts";
import type { UsageMeter } from "../routing/usage-meter.ts";
import { estimateTokens } from "./token-estimate.ts";
import { type CountedRequest, createTokenCounter } from "./tokens.ts";

/**
 * Estimates what a model call has consumed that ends without saying so. What it has written is kept as text until then: the
 * engine joins texts only when they are looked at.
 */
export function createChatMeter(request: () => CountedRequest): UsageMeter<ChatEvent> {
  let written = "";
  return {
    see(event) {
      if (event.type === "delta") written += event.text;
      else if (event.type === "part" && "text" in event.part) written += event.part.text;
    },
    estimate: () => ({
      modelCalls: 1,
      inputTokens: createTokenCounter(estimateTokens).request(request()),
      outputTokens: estimateTokens(written),
    }),
  };
}
