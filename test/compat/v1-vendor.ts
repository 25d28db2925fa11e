import { startVendor, type VendorServer } from "../support/vendor-server.ts";

const json = { "content-type": "application/json" };
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };

function chunk(delta: object, finish_reason: string | null): string {
  const choices = [{ index: 0, delta, finish_reason }];
  return `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", model: "m", choices })}\n\n`;
}

/** A vendor in OpenAI's shape that chats, speaks and writes down. */
export async function startV1Vendor(): Promise<VendorServer> {
  const vendor = await startVendor();
  vendor.answerWith(({ path, body }) => {
    if (path.endsWith("/audio/speech")) return { headers: { "content-type": "audio/pcm" }, body: [Buffer.alloc(4800)] };
    if (path.endsWith("/audio/transcriptions"))
      return { headers: json, body: ['{"text":"Hello","language":"english"}'] };
    if (body.includes('"stream":true')) {
      return {
        body: [chunk({ content: "Hel" }, null), chunk({ content: "lo" }, null), chunk({}, "stop"), "data: [DONE]\n\n"],
      };
    }
    const choices = [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }];
    return { headers: json, body: [JSON.stringify({ id: "c", model: "m", choices, usage })] };
  });
  return vendor;
}
